"""Every document is true: links lead somewhere, commands exist, settings are settings, references are generated."""

import importlib.util
import re
import shlex
import textwrap
from pathlib import Path

import pytest
import yaml

from services.console.commands.parser import parser
from services.console.setups.files import read, read_as
from services.console.use.administration.single_sign_on import ProviderWanted
from shared.settings import PREFIX, Settings
from tests.docs.reference import FOLDER, PAGES

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
_NAMES = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]
documents = pytest.mark.parametrize("path", DOCUMENTS, ids=_NAMES)


@pytest.mark.parametrize("name", PAGES)
def test_references_are_what_their_tables_say(name: str) -> None:
    assert (FOLDER / name).read_text() == PAGES[name](), "run `python -m tests.docs.reference`"


@documents
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), target


@documents
def test_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", path.read_text(), re.MULTILINE))
    assert named <= targets


@documents
def test_modules_exist(path: Path) -> None:
    for name in set(re.findall(r"python -m ([a-z_.]+[a-z_])", path.read_text())):
        assert importlib.util.find_spec(name) is not None, name


@documents
def test_commands_of_the_console_exist(path: Path) -> None:
    """A command with what stands behind it is one that the parser takes; a word in capitals stands for any."""
    for line in re.findall(r"\./syncline ([a-z][^`\n:]*)", path.read_text()):
        words = shlex.split(line)
        if words[0] in ("serves", "and"):
            continue
        try:
            parser().parse_args(words)
        except SystemExit:
            pytest.fail(f"no such command: {line}")


@documents
def test_settings_files_can_be_read(path: Path) -> None:
    for text in re.findall(r"```yaml\n(.*?)```", path.read_text(), re.DOTALL):
        whole = textwrap.dedent(text)
        if whole.startswith("issuer:"):  # a file of `sign-in set`
            assert read_as(ProviderWanted, whole).roles
            continue
        found = read(whole)
        assert found.connections or found.syncs or found.credentials


@documents
def test_settings_exist(path: Path) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    known |= {f"{name}_FILE" for name in known} | {f"{PREFIX}SECRETS_DIR"}
    named = set(re.findall(rf"\b{PREFIX}[A-Z_]+[A-Z]", path.read_text()))
    assert named <= known


@documents
def test_files_that_are_named_exist(path: Path) -> None:
    for name in set(re.findall(r"`((?:shared|services|deploy|tests|docs)/[\w./-]+)`", path.read_text())):
        assert (ROOT / name).exists(), name


def test_the_changelog_keeps_its_form() -> None:
    """Each line stands in a section of a version, and each section stands once."""
    text = (ROOT / "CHANGELOG.md").read_text()
    version, section = "", ""
    seen: set[tuple[str, str]] = set()
    for line in text.splitlines():
        if line.startswith("## "):
            version, section = line.removeprefix("## "), ""
            assert re.fullmatch(r"Unreleased|\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", version), version
        elif line.startswith("### "):
            section = line.removeprefix("### ")
            assert section in ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"), section
            assert (version, section) not in seen, f"{section} stands twice in {version}"
            seen.add((version, section))
        elif line.startswith("- "):
            assert section, f"no section holds {line!r}"
    assert ("Unreleased", "Fixed") in seen


def test_hooks_run_what_make_check_runs() -> None:
    """Who commits by hooks is told the same as by make."""
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    rules = "$(PY) -m pytest -q tests/architecture tests/docs"
    lines = recipe[1].replace("$(if $(RULES),$(PY) -m pytest -q $(RULES))", rules)
    made = [line.strip().removeprefix("@") for line in lines.splitlines()]
    known = {"$(VENV)": ".venv", "$(PY)": ".venv/bin/python"}
    for name, value in known.items():
        made = [line.replace(name, value) for line in made]
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == made

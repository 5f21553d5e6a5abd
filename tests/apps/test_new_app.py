"""A new app works as it was written: it passes the suite of all apps, and every rule of the house."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.apps.new_app import NameRefused, main, write

ROOT = Path(__file__).parents[2]


@pytest.fixture(name="copy", scope="module")
def _copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    for path in ROOT.iterdir():
        if path.name in ("shared", "services", "tests", "docs", "deploy", "requirements"):
            shutil.copytree(path, folder / path.name)  # what is compiled, too: nothing of it is compiled again
        elif path.is_file() and path.name != ".git":
            shutil.copy(path, folder)
    assert main(["acme"], folder) == 0
    return folder


def _run(copy: Path, *command: str) -> None:
    done = subprocess.run(
        [sys.executable, *command], cwd=copy, capture_output=True, text=True, check=False, timeout=250
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_passes_the_suite_of_all_apps(copy: Path) -> None:
    test = "tests/apps/test_acme_conformance.py"
    _run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", test, "tests/docs/test_documents.py")
    assert "example" not in (copy / test).read_text().lower()


def test_it_keeps_the_rules_of_the_house(copy: Path) -> None:
    _run(copy, "-m", "ruff", "check", "--no-cache", "shared/apps", "tests/apps")
    _run(copy, "-m", "ruff", "format", "--no-cache", "--check", "shared/apps", "tests/apps")
    _run(copy, "-c", "from importlinter.cli import lint_imports_command as c; c(['--no-cache'])")


def test_it_is_one_of_the_apps_and_knows_its_name(copy: Path) -> None:
    program = "from shared.apps import APPS; app = APPS['acme']; print(app.title, app.key, *app.objects)"
    done = subprocess.run([sys.executable, "-c", program], cwd=copy, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["Acme", "acme", "contact"]
    assert "## Acme" in (copy / "docs" / "reference" / "apps.md").read_text()
    assert "app: acme" in (copy / "docs" / "how-to" / "acme.md").read_text()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        *((name, "small letters and digits") for name in ("", "Acme", "acme-crm", "9lives", "class", "../up")),
        *((name, "already") for name in ("kit", "hubspot", "example")),
    ],
)
def test_a_name_that_no_app_can_have_is_refused(name: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In a sentence, and before anything is written."""
    with pytest.raises(NameRefused):
        write(name, ROOT)
    assert main([name]) == 1
    assert said in capsys.readouterr().err

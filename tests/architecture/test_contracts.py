"""Each import contract bites: one forbidden import in a copy breaks it, and nothing else does."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_LINES = 460
"""A file that grows beyond this holds more than one thing."""

SERVICES = "Services know nothing of one another: they meet in Kafka and Redis"
APPS = "Apps know nothing of one another"
BREACHES = {
    "Lower layers know nothing of higher ones": ("shared/model/ids.py", "import shared.wire.topics"),
    "Within each folder, imports go one way": ("shared/model/records.py", "import shared.model.pairs"),
    SERVICES: ("services/writer/plan.py", "import services.ingest.hydrate"),
    "What is shared does not know who uses it": ("shared/io/clock.py", "import services.writer.plan"),
    APPS: ("shared/apps/carddav/dav.py", "import shared.apps.hubspot.calls"),
    "The engine, its rules and the apps do no input or output": ("shared/rules/lenses.py", "import time"),
    "Kafka, Redis and HTTP are spoken in shared.io alone": ("services/ingest/feeds/polling.py", "import requests"),
    "HTML is made in the console's pages alone": ("services/console/explain.py", "import htpy"),
    "Pages and API meet in what can be done": ("services/console/web/asked.py", "import services.console.rest.app"),
    "What can be done knows neither pages nor API": ("services/console/use/standing/troubles.py", "import starlette"),
    "Settings and views know neither who shows nor who changes them": (
        "services/console/views/lists.py", "import fastapi",
    ),
    "Faust runs the matcher and nothing else": ("shared/io/threads.py", "import faust"),
}  # fmt: skip


def _contracts() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [row["name"] for row in settings["tool"]["importlinter"]["contracts"]]


def _broken(folder: Path) -> set[str]:
    """Name the contracts that do not hold in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c(['--no-cache'])"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Contracts:" in done.stdout, done.stdout + done.stderr
    return {name.strip() for name in re.findall(r"^(.+) BROKEN(?: \(.*\))?$", done.stdout, re.MULTILINE)}


@pytest.fixture(name="copy", scope="module")
def _copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    for name in ("shared", "services"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_every_contract_has_a_breach() -> None:
    assert set(BREACHES) == set(_contracts())


@pytest.mark.parametrize(
    ("name", "file", "line"),
    [
        *((name, *breach) for name, breach in BREACHES.items()),
        (SERVICES, "services/jobs/runner.py", "import services.ingest.feeds.cursors"),
        (SERVICES, "services/ingest/feeds/polling.py", "import services.jobs.runner"),
        (APPS, "shared/apps/kit/calls.py", "import shared.apps.carddav"),
    ],
)
def test_a_contract_bites(copy: Path, name: str, file: str, line: str) -> None:
    path = copy / file
    before = path.read_text()
    path.write_text(f"{before}\n{line}\n")
    try:
        assert name in _broken(copy)
    finally:
        path.write_text(before)


def test_a_new_app_is_covered_by_every_contract_that_is_about_apps(copy: Path) -> None:
    """Nobody has to list it."""
    folder = copy / "shared" / "apps" / "fresh"
    folder.mkdir()
    forbidden = ("shared.io.clock", "shared.apps.hubspot", "services.writer.plan", "htpy", "faust", "requests")
    (folder / "__init__.py").write_text("".join(f"import {name}\n" for name in forbidden))
    try:
        assert _broken(copy) >= {
            "Lower layers know nothing of higher ones",
            "Apps know nothing of one another",
            "What is shared does not know who uses it",
            "HTML is made in the console's pages alone",
            "Faust runs the matcher and nothing else",
            "The engine, its rules and the apps do no input or output",
        }
    finally:
        shutil.rmtree(folder)


def test_the_matchers_handlers_never_block() -> None:
    for path in (ROOT / "services" / "matcher").rglob("*.py"):
        if path.name in ("__main__.py", "rebuilding.py"):
            continue
        text = path.read_text()
        assert "time.sleep" not in text
        assert "BlockingScripts" not in text
        assert "run_blocking" not in text


@pytest.mark.parametrize("folder", ["shared", "services", "deploy"])
def test_files_stay_small(folder: str) -> None:
    long = {
        path.relative_to(ROOT).as_posix(): count
        for path in (ROOT / folder).rglob("*.py")
        if (count := len(path.read_text().splitlines())) > MOST_LINES
    }
    assert not long

"""What gets installed is locked, in step with pyproject.toml, and says nothing of whoever wrote the locks."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.local.jars import ENDPOINTS, LOCK_FILE, read_lock

_ROOT = Path(__file__).parents[2]
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)(?: ; [^\\]+)? \\$")
_HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")
_EXTRAS = {"run": (), "local": ("local",), "dev": ("local", "dev")}


def _lines(name: str) -> list[str]:
    return (_ROOT / "requirements" / f"{name}.txt").read_text().splitlines()


def _pins(name: str) -> dict[str, set[str]]:
    pins: dict[str, set[str]] = {}
    for line in _lines(name):
        if match := _PIN.match(line):
            pins.setdefault(canonicalize_name(match[1]), set()).add(match[2])
    return pins


def _wanted(name: str) -> list[Requirement]:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for extra in _EXTRAS[name] for line in project["optional-dependencies"][extra]]
    return [Requirement(line) for line in project["dependencies"] + extras]


@pytest.mark.parametrize("name", _EXTRAS)
def test_every_dependency_is_locked_to_a_version_that_pyproject_allows(name: str) -> None:
    """A changed line in pyproject.toml without `make lock` fails here."""
    pins = _pins(name)
    stale = [
        str(wanted)
        for wanted in _wanted(name)
        if not pins.get(canonicalize_name(wanted.name))
        or not all(wanted.specifier.contains(version) for version in pins[canonicalize_name(wanted.name)])
    ]
    assert stale == [], "run `make lock`"


@pytest.mark.parametrize("name", _EXTRAS)
def test_a_lock_holds_pins_and_hashes_and_nothing_else(name: str) -> None:
    """No index, no host, no path: each line is a pinned version or the SHA-256 of a file."""
    assert [line for line in _lines(name) if not _PIN.match(line) and not _HASH.match(line)] == []


def test_tests_run_the_versions_that_run_in_production() -> None:
    """Each lock contains the smaller one, version by version."""
    run, local, dev = (_pins(name) for name in ("run", "local", "dev"))
    assert run.items() <= local.items()
    assert local.items() <= dev.items()


def test_the_jars_are_locked_by_content_and_name_no_host() -> None:
    """The lock holds coordinates and hashes for today's endpoints, one jar of each name."""
    lock = read_lock()
    assert lock.endpoints == ENDPOINTS
    names = [jar.coordinate.rsplit(":", 1)[0] for jar in lock.jars]
    assert len(names) == len(set(names))
    assert "/" not in LOCK_FILE.read_text()
    version = ENDPOINTS[0].rsplit(":", 1)[1]
    ours = [jar.coordinate for jar in lock.jars if jar.coordinate.startswith("org.apache.kafka:")]
    assert ours
    assert [coordinate for coordinate in ours if not coordinate.endswith(f":{version}")] == []

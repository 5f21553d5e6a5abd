"""Under CI a test on real servers cannot be skipped; elsewhere it can."""

import os
import re
import subprocess
import sys
from pathlib import Path

_TESTS = """
import pytest

@pytest.mark.server
def test_marked():
    pytest.skip("no server here")

@pytest.mark.server
@pytest.mark.skip(reason="switched off")
def test_switched_off():
    raise AssertionError

@pytest.fixture
def radicale():
    pytest.skip("no package here")

def test_by_fixture(radicale):
    raise AssertionError

@pytest.mark.server
@pytest.mark.xfail(strict=True)
def test_known_to_fail():
    raise AssertionError

def test_plain():
    pytest.skip("needs no server")
"""


def _run(folder: Path, code: str, ci: str) -> set[str]:
    """Run the code as a test file under the rules of tests/conftest.py; return pytest's counts."""
    (folder / "test_it.py").write_text(code)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = server: x\n")
    where = ["--rootdir", str(folder), "-c", str(folder / "pytest.ini"), str(folder / "test_it.py")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", *where],
        env=os.environ | {"CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return set(re.findall(r"\d+ \w+(?=,| in )", done.stdout.splitlines()[-1]))


def test_a_skipped_server_test_fails_under_ci(tmp_path: Path) -> None:
    """By call, by mark or by fixture: skips of server tests fail (the last two while setting up); others stay."""
    assert _run(tmp_path, _TESTS, "true") == {"1 failed", "2 errors", "1 skipped", "1 xfailed"}


def test_elsewhere_a_skip_is_a_skip(tmp_path: Path) -> None:
    """Without CI nothing changes."""
    assert _run(tmp_path, _TESTS, "") == {"4 skipped", "1 xfailed"}


def test_a_whole_file_cannot_be_skipped_under_ci(tmp_path: Path) -> None:
    """A file that skips itself for want of a package fails under CI, where all packages belong."""
    code = "import pytest\npytest.importorskip('no_such_package')\n"
    assert _run(tmp_path, code, "true") == {"1 error"}
    assert _run(tmp_path, code, "") == {"1 skipped"}

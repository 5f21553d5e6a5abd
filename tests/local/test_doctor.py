"""The doctor finds what would stop a run, and says what to do."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import doctor
from deploy.local.doctor import Needs, examine, needs_from
from deploy.local.servers.ports import NAMES, port_layout
from deploy.local.servers.real import RedisServer
from shared import findings
from shared.findings import Finding


def _failed(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if not finding.ok]


@pytest.mark.server
def test_this_machine_can_run_all(tmp_path: Path) -> None:
    """Where the tests run, Java, Redis, the jars and every package work."""
    needs = Needs(data=tmp_path / "not" / "there" / "yet", ports={})
    hardware = ("memory", "disk")
    assert [finding for finding in _failed(examine(needs)) if not any(word in finding.title for word in hardware)] == []


def test_a_taken_port_is_named_with_its_holder(tmp_path: Path) -> None:
    """The finding says which port, whose it was to be, who holds it, and how to move."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = _failed(
            examine(Needs(data=tmp_path, ports={"console": port}, kafka="127.0.0.1:1", redis="redis://127.0.0.1:1"))
        )
    (finding,) = [finding for finding in found if "port" in finding.title]
    assert f"port {port} (console) is taken by process {os.getpid()}" in finding.title
    assert "PORT_BASE=" in finding.advice


def test_too_little_memory_and_disk_is_said_with_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine below what a run needs is told how much that is."""
    monkeypatch.setattr(doctor, "MEMORY_MIB", 10**9)
    monkeypatch.setattr(doctor, "DISK_MIB", 10**9)
    found = _failed(examine(Needs(data=tmp_path, ports={}, kafka="127.0.0.1:1", redis="redis://127.0.0.1:1")))
    assert [finding.advice[:32] for finding in found if "MiB" in finding.title] == [
        "About 1000000000 MiB are needed."
    ] * 2


def test_a_missing_package_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that cannot be imported is named; the other checks go on."""
    monkeypatch.setattr(doctor, "_PACKAGES", ("redis", "no_such_package"))
    found = examine(Needs(data=tmp_path, ports={}, kafka="127.0.0.1:1", redis="redis://127.0.0.1:1"))
    (finding,) = [finding for finding in found if "packages" in finding.title]
    assert finding.title == "1 of 2 packages can be imported"
    assert "no_such_package" in finding.advice
    assert [finding.ok for finding in found if finding.title.startswith("Python")] == [True]


@pytest.mark.server
def test_servers_of_the_user_are_asked_instead_of_ours(redis_server: RedisServer, tmp_path: Path) -> None:
    """KAFKA and REDIS are tried; what does not answer is named by its variable."""
    needs = needs_from({"KAFKA": "127.0.0.1:1", "REDIS": redis_server.url, "PORT_BASE": "20000"}, tmp_path)
    assert not {"kafka", "kafka_controller", "redis"} & set(needs.ports)
    assert needs.ports["console"] == 20000
    titles = {finding.title: finding.ok for finding in examine(needs)}
    assert titles[f"REDIS at 127.0.0.1:{redis_server.port} accepts connections"]
    assert [ok for title, ok in titles.items() if title.startswith("KAFKA at 127.0.0.1:1 does not answer")] == [False]


@pytest.mark.parametrize(
    "env",
    [{"PORT_BASE": "many"}, {"PORT_BASE": "80"}, {"PORT_BASE": "65535"}, {"KAFKA": "localhost"}, {"REDIS": "nonsense"}],
)
def test_a_variable_that_makes_no_sense_is_refused_with_an_example(env: dict[str, str]) -> None:
    """The program ends with code 1 and one sentence that names the variable, without a traceback."""
    clean = {key: value for key, value in os.environ.items() if key not in {"PORT_BASE", "KAFKA", "REDIS"}}
    done = subprocess.run(
        [sys.executable, "-m", "deploy.local.doctor"], env=clean | env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert next(iter(env)) in done.stderr
    assert "Traceback" not in done.stderr


def test_the_doctor_needs_nothing_but_python(tmp_path: Path) -> None:
    """On a bare Python it prints what is missing instead of failing itself."""
    program = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from deploy.local.doctor import Needs, examine
print(examine(Needs(data=Path("x"), ports={}))[1].advice)
"""
    command = [sys.executable, "-I", "-S", "-c", program, str(Path.cwd())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "make doctor" in done.stdout
    assert "psutil" in done.stdout


def test_every_part_has_a_port_of_its_own() -> None:
    """The layout gives each name one port, counted from the base."""
    layout = port_layout(30000)
    assert list(layout) == list(NAMES)
    assert len(set(layout.values())) == len(NAMES)
    assert min(layout.values()) == 30000


@pytest.mark.parametrize(
    ("built", "prefix", "state"),
    [
        ("'--enable-optimizations' '--with-lto' '--enable-shared'", "/usr/local", "ok"),
        ("'--enable-optimizations'", "/usr/local", "warn"),
        ("'--prefix=/home/ann/.pyenv/versions/3.11.7'", "/home/ann/.pyenv/versions/3.11.7", "warn"),
        ("'--prefix=/usr' '--enable-shared'", "/usr", "ok"),
        (None, "/usr/local", "ok"),
    ],
)
def test_a_python_that_was_built_without_pgo_and_lto_is_pointed_out(built: str | None, prefix: str, state: str) -> None:
    """It runs, and slowly. Of a distribution's, and where nobody says how it was built, nothing is said."""
    found = findings.python(built, prefix)
    assert (found.ok, found.state) == (True, state)
    assert ("without PGO and LTO" in found.title) is (state == "warn")

"""Reaching the servers for a command: what is missing is said at once, and a local run is found by itself."""

import base64
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from deploy.local.hubspot import HubSpotServer
from shared.io.process.reaching import Unreachable, reach, settings_for_command
from shared.settings import Settings
from tests.e2e.live import free_ports

if TYPE_CHECKING:
    from deploy.local.servers.real import KafkaServer

_ROOT = Path(__file__).parents[3]


@pytest.fixture(name="nowhere")
def _nowhere() -> str:
    """Offer an address at which nothing listens."""
    return f"127.0.0.1:{free_ports()['console']}"


@pytest.fixture(autouse=True)
def _own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SYNCLINE_")]:
        monkeypatch.delenv(name)


def test_a_kafka_that_is_missing_is_named_at_once(nowhere: str) -> None:
    started = time.monotonic()
    with pytest.raises(Unreachable, match=f"no Kafka answers at {nowhere}.*SYNCLINE_KAFKA_BOOTSTRAP"):
        reach(Settings(kafka_bootstrap=nowhere))
    assert time.monotonic() - started < 5


def test_a_redis_that_is_missing_is_named_without_its_password(nowhere: str, kafka: "KafkaServer") -> None:
    settings = Settings(kafka_bootstrap=kafka.bootstrap, redis_url=f"redis://:word@{nowhere}/0")  # type: ignore[arg-type]  # a secret as text
    with pytest.raises(Unreachable, match=f"Redis does not answer at {nowhere}.*SYNCLINE_REDIS_URL") as caught:
        reach(settings)
    assert "word" not in str(caught.value)


def _local_run(folder: Path, **named: str) -> None:
    (folder / ".run").mkdir()
    settings = {"SYNCLINE_KAFKA_BOOTSTRAP": "127.0.0.1:7", "SYNCLINE_ALLOW_PRIVATE_ADDRESSES": "127.0.0.1:8", **named}
    (folder / ".run" / "endpoints.json").write_text(json.dumps({"settings": settings}))


def test_a_local_run_is_found_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder where the command runs, or else in the one of the program; a variable that is set goes before."""
    _local_run(tmp_path, SYNCLINE_CONSOLE_TOKEN="t", SYNCLINE_INGEST_PORT="5")
    monkeypatch.setenv("SYNCLINE_INGEST_PORT", "9")
    found = settings_for_command((tmp_path / "empty", tmp_path))
    assert (found.kafka_bootstrap, found.allow_private_addresses, found.ingest_port) == (
        "127.0.0.1:7", ("127.0.0.1:8",), 9,
    )  # fmt: skip
    assert found.console_token is not None
    assert settings_for_command((tmp_path / "empty",)).kafka_bootstrap == "127.0.0.1:9092"


@pytest.mark.parametrize("named", ["SYNCLINE_KAFKA_BOOTSTRAP", "SYNCLINE_REDIS_URL"])
def test_whoever_names_servers_means_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    """Half of a local run and half of another installation would be a mix-up."""
    _local_run(tmp_path)
    monkeypatch.setenv(named, "127.0.0.1:1" if "KAFKA" in named else "redis://127.0.0.1:1/0")
    assert settings_for_command((tmp_path,)).allow_private_addresses == ()


@pytest.fixture(name="command")
def _command(kafka: "KafkaServer", redis_url: str, tmp_path: Path) -> Iterator["Command"]:
    with HubSpotServer(data=None, seed=1) as server:
        admin = server.admin()
        for number in (8851, 8852):
            admin.add_account(number, token=f"pat-{number}", settings={})
        admin.close()
        yield Command(kafka.bootstrap, redis_url, tmp_path, server.url)


class Command:
    """The command line as people start it, on real servers, with a file of two accounts and a sync."""

    def __init__(self, kafka: str, redis_url: str, folder: Path, hubspot: str) -> None:
        (folder / "key").write_text(base64.b64encode(b"k" * 32).decode())
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SYNCLINE_")},
            "SYNCLINE_KAFKA_BOOTSTRAP": kafka, "SYNCLINE_REDIS_URL": redis_url,
            "SYNCLINE_KEY_FILE": str(folder / "key"), "SYNCLINE_ALLOW_PRIVATE_ADDRESSES": "127.0.0.1",
            "SYNCLINE_KAFKA_REPLICATION": "1", "SYNCLINE_KAFKA_PARTITIONS": "4",
        }  # fmt: skip
        self.file = folder / "setup.yaml"
        ends = {
            side: {"connection": f"cpu-{number}", "object": "contact"} for side, number in (("left", 1), ("right", 2))
        }
        connections = [
            {
                "id": f"cpu-{number}", "app": "hubspot", "base_url": hubspot, "auth": "api_key",
                "secrets": {"access_token": f"pat-885{number}"},
            }
            for number in (1, 2)
        ]  # fmt: skip
        self.file.write_text(yaml.safe_dump({"connections": connections, "syncs": [{"id": "cpu", **ends}]}))
        self.run("shared.io.kafka.topics")

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            env=self.env, cwd=_ROOT, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip


def test_a_plan_that_changes_nothing_costs_little(command: Command) -> None:
    """A second and a half of processor time at most, everything that Python has to load included."""
    applied = command.run("services.console.commands", "apply", str(command.file))
    assert applied.returncode == 0, applied.stderr
    spent: list[float] = []
    while len(spent) < 6 and min(spent, default=9.0) > 1.5:  # a busy machine makes the same work dearer
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        planned = command.run("services.console.commands", "plan", str(command.file))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert (planned.returncode, planned.stdout) == (0, "nothing changes\n"), planned.stderr
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) <= 1.5, spent

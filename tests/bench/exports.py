"""A million records as a file: the memory that takes beyond what the console has, and how many records go a second.

Kafka is real, so that its client's buffers count. A process of its own makes each file and hands it out over HTTP, to a
download that breaks off in the middle and is gone on with.
"""

import hashlib
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
import requests

from deploy.local.servers.real import KafkaServer
from services.console.exports.formats import FORMATS
from services.console.exports.known import Exports
from services.console.use.standing.exports import Exporting
from shared.io.clock import SystemClock
from shared.io.kafka.producer import KafkaBus
from shared.io.kafka.reader import read_to_end
from shared.io.kafka.topics import create_topics
from shared.io.process.following import TopicFollower
from shared.metrics import Metrics
from shared.settings import Settings, load
from shared.wire import topics
from tests.bench.figures import ROOT, Figure, figure
from tests.bench.records import fill_console
from tests.services.console.conftest import opened
from tests.services.console.files import VAULT, exporter_of
from tests.services.console.harness import TOKEN, ConsoleHarness

ROWS: Final = 1_000_000
MOST_MIB: Final = 50
_LOOK_S: Final = 0.05
_PIECE: Final = 65_536


def measure(rows: int = ROWS) -> list[Figure]:
    """Fill the views, and have another process make files of them."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with opened(folder) as renew:
            fill_console(renew(folder / "filled"), rows, random.Random(1))
        with KafkaServer(folder / "kafka") as kafka:
            command = [sys.executable, "-m", "tests.bench.exports", str(folder / "filled"), kafka.bootstrap, str(rows)]
            done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    figures = []
    for format_, told in json.loads(done.stdout.splitlines()[-1]).items():
        figures += [
            figure(f"{rows} records as {format_}: memory beyond the console's own, while it is made and downloaded",
                   told["grown_mib"], "MiB", baseline="the console before", baseline_value=told["before_mib"],
                   goal=f"at most {MOST_MIB} MiB", met=told["grown_mib"] <= MOST_MIB),
            figure(f"the same: records written a second ({told['mb']:.0f} MB)", rows / told["made_s"], "records/s",
                   baseline="a processor second of that thread", baseline_value=rows / told["made_cpu_s"]),
        ]  # fmt: skip
    return figures


def _main(filled: Path, bootstrap: str, rows: int) -> None:
    settings = load(kafka_bootstrap=bootstrap, kafka_replication=1)
    create_topics(settings, [topics.EXPORTS, topics.EXPORT_CHUNKS, topics.ACTIVITY])
    with tempfile.TemporaryDirectory() as place, opened(Path(place)) as renew:
        console = renew(filled)
        with _on_kafka(console, settings):
            # What a console has anyway: a page of the list, and clients that were in use.
            console.get("records")
            _make(console, "csv", q="nobody at all")
            found = {format_: _measured(console, format_, rows) for format_ in FORMATS}
    sys.stdout.write(json.dumps(found) + "\n")


@contextmanager
def _on_kafka(console: ConsoleHarness, settings: Settings) -> Iterator[None]:
    installation, stop, known = console.installation, threading.Event(), Exports()
    installation.clock = SystemClock()
    installation.bus = bus = KafkaBus(settings, metrics=Metrics())
    follower = TopicFollower(settings, topics.EXPORTS, known)
    thread = threading.Thread(target=follower.run, args=(stop,))
    thread.start()
    installation.exports = Exporting(
        installation, known, VAULT, lambda at: read_to_end(settings, topics.EXPORT_CHUNKS, start={0: at})
    )
    yield
    stop.set()
    thread.join()
    bus.close()


def _make(console: ConsoleHarness, format_: str, **wanted: str) -> dict[str, Any]:
    """Have a file made, and return how it stands."""
    name = console.call("POST", "exports", json={"format": format_, **wanted}).json()["id"]
    while console.installation.exports.known.get(name) is None:
        time.sleep(_LOOK_S)
    exporter = exporter_of(console.installation, console.access.mailing)
    while True:
        exporter.look()
        row: dict[str, Any] = console.get(f"exports/{name}")
        if row["state"] not in ("waiting", "running"):
            return row
        time.sleep(_LOOK_S)


def _measured(console: ConsoleHarness, format_: str, rows: int) -> dict[str, float]:
    process, most, stop = psutil.Process(), 0, threading.Event()
    before = process.memory_info().rss

    def watch() -> None:
        nonlocal most
        while not stop.wait(_LOOK_S):
            most = max(most, process.memory_info().rss)

    watching = threading.Thread(target=watch)
    watching.start()
    began, cpu = time.monotonic(), time.thread_time()
    row = _make(console, format_)
    made_s, made_cpu_s = time.monotonic() - began, time.thread_time() - cpu
    assert row["rows"] == rows, row
    _download(console, row)
    stop.set()
    watching.join()
    return {
        "before_mib": before / 2**20,
        "grown_mib": (most - before) / 2**20,
        "made_s": made_s,
        "made_cpu_s": made_cpu_s,
        "mb": row["size"] / 1e6,
    }


def _download(console: ConsoleHarness, row: dict[str, Any]) -> None:
    """Download a file, break off in the middle, and go on; raises where that is not the file."""
    digest, size, whole = hashlib.sha256(), 0, row["size"]
    for end in (whole // 2, whole):
        headers = {"Authorization": f"Bearer {TOKEN}", "Range": f"bytes={size}-", "If-Range": f'"{row["digest"]}"'}
        path = f"{console.address}/api/v1/exports/{row['id']}/file"
        with requests.get(path, headers=headers, stream=True, timeout=60) as answer:
            for piece in answer.iter_content(_PIECE):
                digest.update(piece)
                size += len(piece)
                if size >= end:
                    break
    if (size, digest.hexdigest()) != (whole, row["digest"]):
        raise RuntimeError(f"{size} of {whole} bytes came, or others")


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))

"""Kafka is away for a minute: files are given back, logs stay short, and an edit arrives soon after its return."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator

import psutil
import pytest

from deploy.local import people
from deploy.local.stack import SERVICES
from tests.e2e.live import Live

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

AWAY_S = 60.0
RECOVERY_S = 15.0
"""From the broker's first answer until an edit has arrived."""
SPARE = 8
"""Files that a service may have open more than before: connections that it opens when it first needs them."""
LINES = 40
"""Lines that a service may write from the end of the broker until all is well again."""


@pytest.fixture(name="live")
def _live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    def data() -> people.People:
        return people.make(contacts=20, companies=2, cards=20, same=10)

    live = Live(tmp_path_factory.mktemp("away"), data=data, poll_s=0.5)
    try:
        live.start()
        live.wait_first_sync()
        yield live
    finally:
        live.stop()


def _open_files(live: Live) -> dict[str, int]:
    return {name: psutil.Process(live.stack.services[name].pid).num_fds() for name in SERVICES}


def _edit(live: Live, title: str) -> None:
    live.edit_contact(live.contact("probe@people.example")[0], jobtitle=title)


def test_a_minute_without_kafka_leaves_nothing_behind(
    live: Live, record_property: Callable[[str, object], None]
) -> None:
    assert live.stack.kafka is not None
    live.new_contact(email="probe@people.example", firstname="Probe")
    card = live.wait(lambda: live.card_of("probe@people.example")[0])
    _edit(live, "Before")
    live.wait_for_card(card, "title", "Before", 30)
    before, pids = _open_files(live), {name: child.pid for name, child in live.stack.services.items()}
    logs = {name: live.stack.services[name].log.stat().st_size for name in SERVICES}

    live.stack.kafka.kill()
    time.sleep(AWAY_S)
    away = _open_files(live)
    live.stack.kafka.start()
    began = time.monotonic()
    _edit(live, "After")
    live.wait_for_card(card, "title", "After", 90)
    recovery = time.monotonic() - began
    time.sleep(5)
    after = _open_files(live)

    lines = {}
    for name, start in logs.items():
        with live.stack.services[name].log.open("rb") as file:
            file.seek(start)
            lines[name] = file.read().decode().splitlines()
    counts = {name: len(rows) for name, rows in lines.items()}
    print("recovery:", recovery, "files:", before, away, after, "lines:", counts)  # noqa: T201 - figures for the log
    for name, rows in lines.items():
        print(name, sum(map(len, rows)), Counter(_event(row) for row in rows).most_common(12))  # noqa: T201 - as above
    record_property("recovery", recovery)
    assert pids == {name: child.pid for name, child in live.stack.services.items()}, "a service had to be started again"
    assert {name: n for name, n in away.items() if n > before[name] + SPARE} == {}, f"before: {before}"
    assert {name: n for name, n in after.items() if n > before[name] + SPARE} == {}, f"before: {before}"
    assert {name: n for name, n in counts.items() if n > LINES} == {}
    assert recovery <= RECOVERY_S


def _event(line: str) -> str:
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        return f"not JSON: {line[:100]}"
    return f"{row.get('logger', '')} {str(row.get('event'))[:90]}"

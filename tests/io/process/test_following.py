"""Following the settings: what this version cannot read is left out, and nobody waits for it."""

import json

import pytest

from shared.config.setups import Setups
from shared.io.envelope import Raw
from shared.io.memory import MemoryBroker, MemoryBus, MemoryReader
from shared.io.ports import Outbound, run_blocking
from shared.io.process.following import SetupsFollower
from shared.model.syncs import Connection
from shared.settings import load
from shared.wire import topics
from shared.wire.messages import SetupDoc


def test_a_document_of_a_newer_version_does_not_hold_up_those_who_wait_for_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Messages carry how far their sender had read; a worker that could never get there would wait for ever."""
    broker, setups = MemoryBroker([topics.SETUPS]), Setups()
    follower = SetupsFollower(load(), setups)
    monkeypatch.setattr(follower, "_open", lambda: MemoryReader(broker, topics.SETUPS, unreadable=follower.leave_out))
    row = Connection(id="c", app="hubspot", label="", account="1", base_url="http://x", auth="api_key")
    bus = MemoryBus(broker)
    run_blocking(bus.publish([Outbound(topic=topics.SETUPS, key="connection:c", message=SetupDoc(connection=row))]))
    newer = Raw(topic=topics.SETUPS.name, key="novelty:x", value=b'{"novelty": 1}', headers={"ce_dataschema": "1"})
    broker.append(newer)
    follower.poll(0.0)
    assert setups.connection("c") == row
    assert setups.offset == 1
    broker.append(newer)
    follower.poll(0.0)
    assert setups.offset == 2


def test_a_sync_that_cannot_be_read_does_not_run_until_a_later_document_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents count in their order, be they read together: the last one of a key decides."""
    broker, setups = MemoryBroker([topics.SETUPS]), Setups()
    follower = SetupsFollower(load(), setups)
    monkeypatch.setattr(follower, "_open", lambda: MemoryReader(broker, topics.SETUPS, unreadable=follower.leave_out))
    ends = {side: {"connection": side, "object": "contact"} for side in ("left", "right")}
    newer = json.dumps({"sync": {"id": "s", **ends, "mappings": [], "direction": "mirror", "version": 2}}).encode()
    older = json.dumps({"sync": {"id": "s", **ends, "mappings": [], "version": 3}}).encode()

    def write(value: bytes) -> None:
        broker.append(Raw(topic=topics.SETUPS.name, key="sync:s", value=value, headers={"ce_dataschema": "1"}))

    write(older.replace(b"3", b"1"))
    write(newer)
    follower.catch_up()
    assert "direction" in setups.not_run()["s"]
    assert setups.running.foreign_syncs("left", "contact")
    assert setups.offset == 1
    write(older)
    write(newer.replace(b"2", b"4"))
    write(older.replace(b"3", b"5"))
    follower.poll(0.0)
    assert setups.not_run() == {}
    assert setups.offset == 4

"""Deleting a sync or a connection: what is set up, and what was kept of it."""

from typing import Any

import pytest

from services.console.setups.accounts import deleting
from shared.io.memory import MemoryReader
from shared.io.ports import Outbound, run_blocking
from shared.io.redis.client import connect
from shared.model.ids import record_key
from shared.wire import topics
from shared.wire.messages import Cursor, PhaseSet, SetupDoc
from shared.wire.topics import Topic
from tests.services.console.harness import linked
from tests.services.console.setup_harness import SetupHarness, between


def delete(harness: SetupHarness, kind: str, name: str) -> int:
    def read(topic: Topic[Any]) -> list[Any]:
        return list(MemoryReader(harness.broker, topic).poll(0))

    return deleting.run(harness.service, kind, name, read=read, settle_s=0)


def publish(harness: SetupHarness, topic: Topic[Any], key: str, message: Any) -> None:
    run_blocking(harness.service.bus.publish([Outbound(topic=topic, key=key, message=message)]))


def kept(harness: SetupHarness, topic: Topic[Any]) -> set[str]:
    """Return the keys that hold something after compaction."""
    last = {row.key: row.message for row in MemoryReader(harness.broker, topic).poll(0)}
    return {key for key, message in last.items() if message is not None}


def test_a_sync_is_deleted_with_all_that_was_kept_of_it(
    applied: SetupHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another sync, and its pairs and links, stay."""
    applied.run("apply", {"syncs": [between("one", "two", "firms", "company")]})
    publish(applied, topics.SETUPS, "phase:people", SetupDoc(phase=PhaseSet(sync="people", phase="live")))
    for name, sync in (("p1", "people"), ("p2", "people"), ("f1", "firms")):
        publish(applied, topics.PAIR_STATE, name, linked(name).model_copy(update={"sync": sync}))
    with connect(applied.settings.redis_url.get_secret_value()) as client:
        for key in ("{people}e", "{people}r:000", "{firms}e", "{people-eu}e"):
            client.set(key, "x")
        assert delete(applied, "sync", "people") == 1
        assert "sync 'people' runs: switch it off first" in capsys.readouterr().err
        assert applied.run("apply", applied.whole(enabled=False)) == 0
        capsys.readouterr()
        assert delete(applied, "sync", "people") == 0
        assert set(client.keys("*")) >= {"{firms}e", "{people-eu}e"}
        assert not client.keys("{people}*")
    assert capsys.readouterr().out.splitlines()[0] == "deleted sync people, and what was known of 2 of its records"
    assert kept(applied, topics.PAIR_STATE) == {"f1"}
    assert kept(applied, topics.SETUPS) == {
        "connection:one",
        "connection:two",
        "people:one",
        "people:two",
        "sync:firms",
    }
    assert kept(applied, topics.JOBS) == {"job:first-firms"}
    assert applied.service.setups.sync("people") is None
    assert delete(applied, "sync", "people") == 1
    assert "there is no sync 'people'; there are firms" in capsys.readouterr().err


def test_what_was_left_by_a_command_that_died_is_removed_by_the_next(applied: SetupHarness) -> None:
    """The settings were gone already."""
    publish(applied, topics.PAIR_STATE, "p1", linked("p1").model_copy(update={"sync": "gone"}))
    assert delete(applied, "sync", "gone") == 0
    assert kept(applied, topics.PAIR_STATE) == set()


def test_a_connection_is_deleted_when_no_sync_uses_it(
    applied: SetupHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        key = record_key(name, "contact", "changed")
        publish(applied, topics.CURSORS, key, Cursor(connection=name, object="contact", feed="changed", cursor="5"))
    assert delete(applied, "connection", "two") == 1
    assert "connection 'two' is used by people: delete these syncs first" in capsys.readouterr().err
    assert applied.run("apply", applied.whole(enabled=False)) == 0
    assert delete(applied, "sync", "people") == 0
    capsys.readouterr()
    assert delete(applied, "connection", "two") == 0
    shown = capsys.readouterr().out
    assert "deleted connection two, and its secrets" in shown
    assert "What Syncline added to HubSpot stays there" in shown
    assert kept(applied, topics.SETUPS) == {"connection:one", "people:one"}
    assert kept(applied, topics.CURSORS) == {record_key("one", "contact", "changed")}
    assert delete(applied, "connection", "two") == 1
    assert "there is no connection 'two'; there are one" in capsys.readouterr().err

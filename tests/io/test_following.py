"""Following the settings: what this version cannot read is left out, and nobody waits for it."""

import pytest

from shared import topics
from shared.core.syncs import Connection
from shared.io import following
from shared.io.clock import SystemClock
from shared.io.envelope import Raw
from shared.io.following import SetupsFollower
from shared.io.memory import MemoryBroker, MemoryBus, MemoryReader
from shared.io.ports import Outbound, run_blocking
from shared.messages import SetupDoc
from shared.settings import load
from shared.setups import Setups


def test_a_document_of_a_newer_version_does_not_hold_up_those_who_wait_for_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Messages carry how far their sender had read; a worker that could never get there would wait for ever."""
    broker, setups = MemoryBroker([topics.SETUPS]), Setups()
    follower = SetupsFollower(load(), setups)
    monkeypatch.setattr(
        follower, "_open", lambda: MemoryReader(broker, topics.SETUPS, unreadable=following._unreadable)
    )
    row = Connection(id="c", app="hubspot", label="", account="1", base_url="http://x", auth="api_key")
    bus = MemoryBus(broker, clock=SystemClock())
    run_blocking(bus.publish([Outbound(topic=topics.SETUPS, key="connection:c", message=SetupDoc(connection=row))]))
    newer = Raw(topic=topics.SETUPS.name, key="novelty:x", value=b'{"novelty": 1}', headers={"ce_dataschema": "1"})
    broker.append(newer)
    follower.poll(0.0)
    assert setups.connection("c") == row
    assert setups.offset == 1
    broker.append(newer)
    follower.poll(0.0)
    assert setups.offset == 2

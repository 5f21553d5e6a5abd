"""What was decided about a record is told for a long time, and at little cost."""

from collections import Counter

from deploy.local.hubspot import HubSpotServer
from shared import topics
from shared.apps import APPS
from shared.io.memory import MemoryReader
from shared.messages import HistoryStep
from tests.slice.harness import Polling, Slice, sync

_ANN = {"email": "ann@x.example", "firstname": "Ann", "city": "Oslo"}
_MANY = 60


def told(world: Slice) -> list[HistoryStep]:
    """List the steps that the history tells, doubles and all."""
    bundles = MemoryReader(world.broker, topics.HISTORY).read_to_end()
    return [step for stored in bundles if stored.message is not None for step in stored.message.steps]


def test_a_first_sync_bundles_its_history(server: HubSpotServer) -> None:
    """Every record is created, and has that told, by less than a tenth of a message."""
    world = Polling(server, [sync("contacts", "contact")])
    for number in range(_MANY):
        world.admin.edit(7001, "create", "contacts", properties={**_ANN, "email": f"p{number}@x.example"})
    world.settle()
    assert len(world.records("two", "contacts")) == _MANY
    sent = Counter(
        {topic.name: sum(world.broker.end_offsets(topic.name).values()) for topic in topics.catalogue(tuple(APPS))}
    )
    created = [step for step in told(world) if any(row.did == "create" for row in step.decisions)]
    assert len({step.pair for step in created}) == _MANY
    assert len(told(world)) >= 2 * _MANY
    assert sent["history"] <= _MANY / 10, dict(sent)


def test_a_live_edit_is_told_at_once(server: HubSpotServer) -> None:
    """That it was decided, and that it was taken."""
    world = Polling(server, [sync("contacts", "contact")])
    record = world.admin.edit(7001, "create", "contacts", properties=_ANN)
    world.settle()
    before = len(told(world))
    world.admin.edit(7001, "update", "contacts", record, properties={"city": "Rome"})
    world.settle()
    rows = [row for step in told(world)[before:] for row in step.decisions]
    assert [(row.did, row.key, row.side) for row in rows] == [("write", "city", "R"), ("written", "", "R")]

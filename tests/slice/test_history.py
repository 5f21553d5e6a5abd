"""What was decided about a record is told for a long time, and at little cost."""

from collections import Counter
from pathlib import Path
from typing import Any, Final

from deploy.local.hubspot import HubSpotServer
from services.console.explain import explain
from services.console.views.past import steps_of
from services.console.views.projection import Views
from shared.apps import APPS
from shared.engine.refusals import WITHHELD
from shared.io.erasable import place, unseal
from shared.io.memory import MemoryReader
from shared.model.mapping import FieldMapping
from shared.model.pairs import Pair
from shared.wire import topics
from shared.wire.messages import HistoryStep
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


def shown(world: Slice, folder: Path) -> list[dict[str, Any]]:
    """Return the history that a console shows whose disk is new and whose journal was compacted."""
    views = Views(folder / f"{len(list(folder.iterdir()))}.sqlite")
    newest = {row.key: row for row in MemoryReader(world.broker, topics.PAIR_STATE).read_to_end()}
    views.take(topics.PAIR_STATE.name, list(newest.values()), {})
    views.take(topics.HISTORY.name, list(MemoryReader(world.broker, topics.HISTORY).read_to_end()), {})
    pair = views.pair(only(world).pair)
    assert pair is not None
    history: list[dict[str, Any]] = explain(pair, world.setups, steps_of(pair, views.steps(pair.pair)))["history"]
    views.close()
    return history


def only(world: Slice) -> Pair:
    (pair,) = (pair for pair in world.pairs("contacts") if not pair.absorbed_by)
    return pair


def in_conflict(server: HubSpotServer) -> tuple[Polling, str]:
    """Have both sides of one contact edited at once, and the left one once more afterwards."""
    world = Polling(server, [sync("contacts", "contact")])
    left = world.admin.edit(7001, "create", "contacts", properties=_ANN)
    world.settle()
    (right,) = world.records("two", "contacts")
    world.admin.edit(7001, "update", "contacts", left, properties={"city": "Rome"})
    world.admin.edit(7002, "update", "contacts", right, properties={"city": "Bergen"})
    world.settle()
    for city in ("Paris", "Berlin"):
        world.admin.edit(7001, "update", "contacts", left, properties={"city": city})
        world.settle()
    return world, left


def test_a_conflict_shows_both_values_and_who_lost_after_later_edits_too(server: HubSpotServer, tmp_path: Path) -> None:
    """Though the journal keeps the last state alone, and the console lost its disk."""
    world, _ = in_conflict(server)
    lines = [line for step in shown(world, tmp_path) for line in step["decisions"] if line.startswith("city:")]
    assert lines == [
        "city: 'Berlin' is written to two (it held 'Paris').",
        "city: 'Paris' is written to two (it held 'Rome').",
        "city: 'Rome' is written to two (it held 'Bergen'); 'Bergen' was replaced, for one is the default app.",
    ]


def test_of_a_person_who_was_erased_no_value_can_be_read(server: HubSpotServer, tmp_path: Path) -> None:
    """What was decided, and when, stays: it says nothing of them."""
    world, left = in_conflict(server)
    world.admin.edit(7001, "privacy", "contacts", left)
    world.notice("one", "contact", left, "erased")
    world.run()
    assert only(world).reason == "privacy_deleted"
    lines = [line for step in shown(world, tmp_path) for line in step["decisions"]]
    assert [line for line in lines if line.startswith("city:")] == [
        "city: an erased value is written to two (it held an erased value).",
        "city: an erased value is written to two (it held an erased value).",
        "city: an erased value is written to two (it held an erased value), for one is the default app.",
    ]
    assert not any(city in line for line in lines for city in ("Oslo", "Rome", "Bergen", "Paris", "Berlin"))


def test_a_person_is_forgotten_whom_the_app_shows_in_its_bin_when_it_tells_that_they_were_erased(
    server: HubSpotServer, tmp_path: Path
) -> None:
    """It tells so once, and the list of what was deleted leaves them out."""
    world, left = in_conflict(server)
    world.admin.edit(7001, "archive", "contacts", left)
    world.notice("one", "contact", left, "erased")
    world.run()
    assert only(world).reason == "deleted_in_left"
    world.admin.edit(7001, "restore", "contacts", left)
    world.admin.edit(7001, "privacy", "contacts", left)
    world.run(later=1)
    assert only(world).reason == "privacy_deleted"
    assert "Oslo" not in str(shown(world, tmp_path))


def test_a_step_that_the_history_has_not_told_yet_is_shown(server: HubSpotServer, tmp_path: Path) -> None:
    """The state tells its last decisions itself, and once only."""
    world, _ = in_conflict(server)
    states = MemoryReader(world.broker, topics.PAIR_STATE).read_to_end()
    pair = [row.message for row in states if row.message is not None and row.message.log][-1]
    (alone,) = steps_of(pair, [])
    assert (alone["rev"], alone["log"]) == (pair.rev, [{"did": "written", "side": "R", "note": "update"}])
    assert [step["rev"] for step in shown(world, tmp_path)].count(pair.rev) == 1


_WRITTEN: Final = "'L' is written to two (it held 'R'); 'R' was replaced"
_RULES: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "city": ({}, f"city: {_WRITTEN}, for one is the default app."),
    "jobtitle": (
        {"policy": "right"},
        "jobtitle: 'R' is written to one (it held 'L'); 'L' was replaced, for the mapping lets two win.",
    ),
    "firstname": (
        {"policy": "most_recent"},
        f"firstname: {_WRITTEN}, for nothing tells which edit came last, and one is the default app.",
    ),
    "lastname": (
        {"policy": "manual"},
        "lastname: 'L' or 'R': nothing is written, for the mapping leaves it to a person.",
    ),
    "website": ({}, "website: 'R' is written to one (it held nothing), for a blank never wins."),
    "address": ({}, "address was emptied on one side; the other side keeps its value, as the mapping says."),
    "zip": (
        {"direction": "to_right"},
        "zip was changed on the side that this mapping only writes to; it is not carried back.",
    ),
    "state": ({}, "state: 'R' is written to one (it held 'old')."),
}
"""By field, what its mapping says, and what is told of the edits below."""


def test_the_rule_that_chose_is_told_of_each_decision(server: HubSpotServer, tmp_path: Path) -> None:
    email = FieldMapping(key="email", left="email", right="email", lens="email")
    mappings = (email, *(FieldMapping(key=name, left=name, right=name, **more) for name, (more, _) in _RULES.items()))
    world = Polling(server, [sync("contacts", "contact", mappings=mappings)])
    here = world.admin.edit(7001, "create", "contacts", properties={**_ANN, **dict.fromkeys(_RULES, "old")})
    world.settle()
    (there,) = world.records("two", "contacts")
    before = len(shown(world, tmp_path))
    left = {name: "L" for name in _RULES if name not in ("zip", "state")} | {"website": "", "address": ""}
    right = {name: "R" for name in _RULES if name != "address"}
    world.admin.edit(7001, "update", "contacts", here, properties=left)
    world.admin.edit(7002, "update", "contacts", there, properties=right)
    world.settle()
    steps = shown(world, tmp_path)
    told = [line for step in steps[: len(steps) - before] for line in step["decisions"] if " took the " not in line]
    assert sorted(told) == sorted(sentence for _, sentence in _RULES.values())
    assert world.metrics.value("decisions_total", sync="contacts", did="write", by="blank") == 1
    assert world.metrics.value("decisions_total", sync="contacts", did="asked", by="person") == 1


def test_a_sensitive_value_arrives_and_stands_nowhere_in_the_history(server: HubSpotServer, tmp_path: Path) -> None:
    rows = sync("contacts", "contact").mappings
    mappings = [row.model_copy(update={"sensitive": row.left == "city", "policy": "manual"}) for row in rows]
    world = Polling(server, [sync("contacts", "contact", mappings=mappings)])
    here = world.admin.edit(7001, "create", "contacts", properties=_ANN)
    world.settle()
    (there,) = world.records("two", "contacts")
    world.admin.edit(7001, "update", "contacts", here, properties={"city": "Rome"})
    world.settle()
    assert world.records("two", "contacts")[there]["properties"]["city"] == "Rome"
    for portal, record, city in ((7001, here, "Paris"), (7002, there, "Bergen")):
        world.admin.edit(portal, "update", "contacts", record, properties={"city": city})
    world.settle()
    pair = only(world)
    opened = [unseal(pair.seal, place(pair.pair, step.rev), step.sealed) for step in told(world) if step.sealed]
    assert not any(city in text for text in opened for city in ("Oslo", "Rome", "Paris", "Bergen"))
    assert [line for step in shown(world, tmp_path) for line in step["decisions"] if line.startswith("city:")] == [
        "city: a sensitive value or a sensitive value: nothing is written, for the mapping leaves it to a person.",
        "city: a sensitive value is written to two (it held a sensitive value).",
    ]
    assert pair.detail.endswith(WITHHELD)

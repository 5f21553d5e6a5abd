"""A sync that names what this version does not know does not run here; all else goes on, and nothing of it is lost."""

from collections.abc import Callable
from typing import Any

import pytest

from deploy.local.hubspot import HubSpotServer
from shared.apps.defaults import default_mappings
from shared.apps.hubspot import HUBSPOT
from shared.model.mapping import FieldMapping
from shared.model.outcomes import Park
from shared.model.syncs import AssociationMapping
from shared.rules import lenses
from shared.wire import topics
from shared.wire.messages import SetupDoc
from tests.slice.harness import Polling, sync

_MIRROR = (
    b'{"sync": {"id": "newer", "left": {"connection": "one", "object": "contact"}, '
    b'"right": {"connection": "two", "object": "contact"}, "direction": "mirror", "mappings": []}}'
)
_FIELDS = HUBSPOT.objects["contact"].fields


def future(**changes: Any) -> FieldMapping:
    """Map a field by a lens that comes with the next version."""
    return FieldMapping(key="jobtitle", left="jobtitle", right="jobtitle", lens="future", **changes)


def renamed(server: HubSpotServer) -> Polling:
    """Have two syncs of the same contacts, of which one names the lens."""
    rows = (*(row for row in default_mappings(_FIELDS, _FIELDS) if row.key == "email"), future())
    world = Polling(server, [sync("contacts", "contact")])
    world.add(sync("newer", "contact", mappings=rows))
    return world


@pytest.fixture(name="newer")
def _newer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Polling], None]:
    """Offer to bring this version up to the next one."""

    def upgrade(world: Polling) -> None:
        monkeypatch.setitem(lenses.LENS, "future", lenses.LENS["text"])
        standing = world.setups.connection("one")
        world.set_up("connection", "one", SetupDoc(connection=standing))

    return upgrade


def lost(world: Polling) -> list[tuple[str, str]]:
    """List the messages that were parked, or dropped although a sync is about them."""
    return [
        (topic, outcome.reason)
        for topic, _, outcome in world.trail
        if isinstance(outcome, Park) or outcome.reason == "no_sync"
    ]


def test_everything_else_goes_on_and_the_messages_wait_for_who_knows_the_word(
    server: HubSpotServer, newer: Any
) -> None:
    """Dropped: none. Parked: none."""
    world = renamed(server)
    assert list(world.setups.not_run()) == ["newer"]
    assert "'future'" in world.setups.not_run()["newer"]
    ann = world.admin.edit(7001, "create", "contacts", properties={"email": "ann@x.example", "city": "Oslo"})
    world.settle(later=0)
    (theirs,) = world.records("two", "contacts").values()
    assert theirs["properties"]["city"] == "Oslo"
    assert world.pairs("newer") == []
    read = sum(topic == "notices" and outcome.reason == "read" for topic, _, outcome in world.trail)
    for _ in range(6):
        world.run(later=4)
    assert sum(topic == "notices" and outcome.reason == "read" for topic, _, outcome in world.trail) == read, (
        "what waits is not read again each time"
    )
    assert lost(world) == []
    newer(world)
    assert world.setups.not_run() == {}
    world.settle(later=40)
    (pair,) = world.pairs("newer")
    assert (pair.status, pair.L.id if pair.L else "") == ("in_sync", ann)
    assert lost(world) == []


def test_an_object_lens_or_policy_that_nobody_knows_stops_no_worker(server: HubSpotServer) -> None:
    """Each has its reason; the connections stay, and so do other syncs."""
    world = Polling(server, [sync("contacts", "contact")])
    made = sync("x", "contact")
    end, mapping = made.left.model_copy(update={"object": "future-object"}), made.mappings[0]
    unknown = {
        "object": made.model_copy(update={"left": end, "right": end}),
        "lens": made.model_copy(update={"mappings": (future(),)}),
        "policy": made.model_copy(update={"mappings": (mapping.model_copy(update={"policy": "future-policy"}),)}),
    }
    for name, row in unknown.items():
        world.set_up("sync", name, SetupDoc(sync=row.model_copy(update={"id": name})))
    app = world.setups.connection("one").model_copy(update={"id": "three", "app": "future-app"})
    world.set_up("connection", "three", SetupDoc(connection=app))
    left = made.left.model_copy(update={"connection": "three"})
    world.set_up("sync", "app", SetupDoc(sync=made.model_copy(update={"id": "app", "left": left})))
    assert {name: "'future" in why for name, why in world.setups.not_run().items()} == dict.fromkeys(
        (*unknown, "app"), True
    )
    assert world.setups.policy("contacts") is not None
    assert world.setups.objects_in_use() == [("one", "contact"), ("two", "contact")]


@pytest.mark.parametrize(
    ("key", "raw"),
    [
        ("sync:newer", _MIRROR),
        ("phase:newer", b'{"phase": {"sync": "newer", "phase": "reviewing"}}'),
        ("connection:two", b'{"connection": {"id": 7}}'),
    ],
)
def test_settings_that_cannot_be_read_are_not_run_under_the_older_ones(
    server: HubSpotServer, key: str, raw: bytes
) -> None:
    """What they say now is not known; once they can be read, the sync runs."""
    world = renamed(server)
    world.set_up(
        "sync", "newer", SetupDoc(sync=sync("newer", "contact", mappings=default_mappings(_FIELDS, _FIELDS), version=2))
    )
    assert world.setups.not_run() == {}
    world.setups.leave_out(world.setups.offset + 1, key, raw, "direction: unknown")
    assert "newer" in world.setups.not_run()
    assert world.setups.policy("newer") is None
    assert world.setups.running.foreign_syncs("one", "contact")
    world.setups.apply(world.setups.offset + 1, key, None)
    assert "newer" not in world.setups.not_run()


def test_a_kind_of_settings_that_nobody_knows_is_passed_over(server: HubSpotServer) -> None:
    """A newer version may keep more on the topic."""
    world = Polling(server, [sync("contacts", "contact")])
    before = world.setups.offset
    world.set_up("guard", "contacts", SetupDoc())
    assert world.setups.offset == before + 1


def test_an_association_with_records_of_such_a_sync_follows(server: HubSpotServer) -> None:
    """The links of that sync, which a newer worker keeps, are all that is needed of it."""
    world = Polling(
        server,
        [
            sync("companies", "company"),
            sync("contacts", "contact", associations=[AssociationMapping(to="companies", label="company")]),
        ],
    )
    acme = world.admin.edit(7001, "create", "companies", properties={"name": "Acme", "domain": "acme.com"})
    world.settle()
    standing = world.setups.sync("companies")
    assert standing is not None
    world.set_up(
        "sync",
        "companies",
        SetupDoc(sync=standing.model_copy(update={"version": 2, "mappings": (*standing.mappings, future())})),
    )
    assert "companies" in world.setups.not_run()
    ann = world.admin.edit(7001, "create", "contacts", properties={"email": "ann@other.example"})
    world.admin.edit(7001, "link", "contacts", ann, toType="companies", other=acme, types=[1])
    world.notice("one", "contact", ann)
    world.settle(later=0)
    (theirs,) = world.records("two", "contacts")
    world.notice("two", "contact", theirs)
    world.run()
    held = world.admin.call("GET", "accounts/7002/associations/contacts/companies")
    assert list(held.get(theirs, {})) == list(world.records("two", "companies"))


def test_a_write_of_such_a_sync_waits_too(server: HubSpotServer, newer: Callable[[Polling], None]) -> None:
    """It was decided by a newer worker, or before the settings changed."""
    world = Polling(server, [sync("contacts", "contact")])
    world.admin.edit(7001, "create", "contacts", properties={"email": "ann@x.example"})
    world.poll()
    while not world.writes():
        world.step(topics.NOTICES, topics.RECORDS, topics.PAIRS)
    standing = world.setups.sync("contacts")
    assert standing is not None
    world.set_up(
        "sync",
        "contacts",
        SetupDoc(sync=standing.model_copy(update={"mappings": (*standing.mappings, future()), "version": 2})),
    )
    world.run()
    assert world.records("two", "contacts") == {}
    newer(world)
    world.settle(later=10)
    assert len(world.records("two", "contacts")) == 1
    assert lost(world) == []

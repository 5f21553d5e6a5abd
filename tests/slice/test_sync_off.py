"""A sync that is off: nothing enters it, nothing is written, and nothing waits for ever."""

from deploy.local.hubspot import HubSpotServer
from shared.io.ports import Outbound, run_blocking
from shared.model.pairs import PairEvent
from shared.wire import topics
from shared.wire.messages import SetupDoc
from tests.slice.harness import Polling, sync


def test_a_new_record_of_a_sync_that_is_off_has_no_row_until_it_is_on(server: HubSpotServer) -> None:
    world = Polling(server, [sync("contacts", "contact", enabled=False)])
    left = world.admin.edit(7001, "create", "contacts", properties={"email": "bob@x.example"})
    world.notice("one", "contact", left)
    world.run()
    assert [pair.status for pair in world.pairs("contacts")] == ["hidden"]
    world.admin.edit(7001, "update", "contacts", left, properties={"city": "Oslo"})
    world.notice("one", "contact", left)
    world.run()
    assert [pair.status for pair in world.pairs("contacts")] == ["hidden"]
    world.edit("contacts", enabled=True)
    world.settle()
    assert [pair.status for pair in world.pairs("contacts")] == ["in_sync"]
    assert [row["properties"]["city"] for row in world.records("two", "contacts").values()] == ["Oslo"]


def test_a_create_that_was_not_sent_before_the_sync_was_off_does_not_stay_pending(server: HubSpotServer) -> None:
    world = Polling(server, [sync("contacts", "contact")])
    left = world.admin.edit(7001, "create", "contacts", properties={"email": "bob@x.example"})
    world.admin.set_faults(7002, {"kind": "status", "status": 503, "method": "POST"})
    world.notice("one", "contact", left)
    world.run()
    assert [pair.status for pair in world.pairs("contacts")] == ["pending"]
    world.edit("contacts", enabled=False)
    world.run(later=20)
    assert [pair.status for pair in world.pairs("contacts")] == ["hidden"]
    assert not world.records("two", "contacts")


def test_what_waits_is_let_go_without_reading_any_app(server: HubSpotServer) -> None:
    """The console has those that wait looked at again, and reads nothing, as it switches a sync off."""
    world = Polling(server, [sync("contacts", "contact")])
    left = world.admin.edit(7001, "create", "contacts", properties={"email": "bob@x.example"})
    world.admin.set_faults(7002, {"kind": "status", "status": 503, "method": "POST"})
    world.notice("one", "contact", left)
    world.run()
    (pair,) = world.pairs("contacts")
    old = world.setups.sync("contacts")
    assert (pair.status, old is not None) == ("pending", True)
    off = old.model_copy(update={"enabled": False, "version": old.version + 1})  # type: ignore[union-attr]  # as above
    world.set_up("sync", "contacts", SetupDoc(sync=off))
    touch = PairEvent(sync="contacts", pair=pair.pair, kind="touch", reason="retry")
    run_blocking(world.bus.publish([Outbound(topic=topics.PAIRS, key=pair.pair, message=touch)]))
    world.run(later=20)
    assert [pair.status for pair in world.pairs("contacts")] == ["hidden"]
    assert not world.records("two", "contacts")


def test_a_create_that_was_sent_before_the_sync_was_off_finishes(server: HubSpotServer) -> None:
    world = Polling(server, [sync("contacts", "contact")])
    left = world.admin.edit(7001, "create", "contacts", properties={"email": "bob@x.example"})
    world.notice("one", "contact", left)
    world.step()
    assert len(world.records("two", "contacts")) == 1
    world.edit("contacts", enabled=False)
    (pair,) = world.pairs("contacts")
    assert pair.R is not None
    assert pair.status == "in_sync"


def test_what_was_excluded_or_linked_stays_as_it_was(server: HubSpotServer) -> None:
    world = Polling(server, [sync("contacts", "contact")])
    left = world.admin.edit(7001, "create", "contacts", properties={"email": "bob@x.example", "city": "Oslo"})
    world.admin.edit(7001, "create", "contacts", properties={"firstname": "Ann"})
    world.settle()
    world.edit("contacts", enabled=False)
    world.admin.edit(7001, "update", "contacts", left, properties={"city": "Bergen"})
    world.notice("one", "contact", left)
    world.run()
    assert sorted((pair.status, pair.reason) for pair in world.pairs("contacts")) == [
        ("excluded", "email_missing"),
        ("in_sync", ""),
    ]
    assert [row["properties"]["city"] for row in world.records("two", "contacts").values()] == ["Oslo"]

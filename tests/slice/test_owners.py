"""Owners between two accounts: the same person by address, told where there is none, and noticed when one comes."""

from typing import Any, Final

import pytest

from deploy.local.hubspot import HubSpotServer
from services.console.explain import explain
from services.console.use.standing.fields import fields_of
from services.ingest.feeds.cursors import Cursors
from services.ingest.feeds.people_watch import PeopleWatch
from services.jobs.looking import is_asked_for
from shared.io.memory import MemoryReader
from shared.io.ports import Outbound, run_blocking
from shared.model.mapping import FieldMapping, Otherwise, ValueRow
from shared.model.pairs import Pair, PairEvent
from shared.wire import topics
from tests.slice.harness import Polling, sync

_OWNER: Final = "hubspot_owner_id"
_HERE: Final = {"501": "ann@a.example", "502": "Bob@a.example", "503": "cid@a.example", "504": "old@a.example"}
_THERE: Final = {"901": "bob@A.example", "902": "ann@a.example", "903": "dora@b.example", "904": "old@a.example"}


class _World(Polling):
    """A contact in both accounts, which is Ann's."""

    def __init__(self, server: HubSpotServer, **changes: Any) -> None:
        mappings = (
            FieldMapping(key="email", left="email", right="email", lens="email"),
            FieldMapping(key="phone", left="phone", right="phone", lens="phone"),
            FieldMapping(key="owner", left=_OWNER, right=_OWNER, lens="owner", **changes),
        )
        super().__init__(server, [sync("contacts", "contact", mappings=mappings)])
        for name, people in (("one", _HERE), ("two", _THERE)):
            for number, email in people.items():
                self.hire(name, number, email, archived=name == "two" and number == "904")
        self.watch = PeopleWatch(
            setups=self.setups, caller=self.caller, bus=self.bus, clock=self.clock, metrics=self.metrics,
            cursors=Cursors(self.bus), owns=lambda _: True,
        )  # fmt: skip
        self._settings, self._jobs = (MemoryReader(self.broker, topic) for topic in (topics.SETUPS, topics.JOBS))
        self.look()
        properties = {"email": "carl@x.example", _OWNER: "501"}
        self.admin.edit(7001, "create", "contacts", properties=properties)
        self.settle()
        self.trail.clear()

    def hire(self, name: str, number: str, email: str, *, archived: bool = False) -> None:
        """Add somebody to an account."""
        owner = {"id": number, "email": email, "archived": archived}
        self.admin.call("POST", f"accounts/{self.portal[name]}/owners", {"owners": [owner]})

    def look(self) -> int:
        """Look at the people of both accounts as ingest does, do the jobs that follow, and return their number."""
        jobs = 0
        for _ in range(3):
            for connection, nothing in self.watch.places():
                if self.watch.is_due(connection, nothing):
                    self.watch._guarded(connection, nothing)
            for stored in self._settings.poll(0):
                assert stored.message is not None
                self.setups.apply(self.setups.offset + 1, stored.key, stored.message)
            for stored in self._jobs.poll(0):
                assert stored.message is not None
                assert stored.message.job is not None
                job, jobs = stored.message.job, jobs + 1
                names = [pair.pair for pair in self.pairs(job.sync) if is_asked_for(pair, job)]
                events = [PairEvent(sync=job.sync, pair=name, kind="touch", reason="retry") for name in names]
                run_blocking(self.bus.publish([Outbound(topic=topics.PAIRS, key=x.pair, message=x) for x in events]))
        self.run()
        return jobs

    def later(self) -> int:
        """Let ten minutes pass."""
        self.watch._looked.clear()
        jobs = self.look()
        self.settle()
        return jobs

    def give(self, name: str, owner: str, **properties: str) -> None:
        """Give the contact to somebody in an account, and let it arrive."""
        (record,) = self.records(name, "contacts")
        self.admin.edit(self.portal[name], "update", "contacts", record, properties={_OWNER: owner, **properties})
        self.settle()

    def owners(self) -> list[str]:
        """Return whose the contact is in both accounts."""
        rows = [next(iter(self.records(name, "contacts").values())) for name in self.portal]
        return [row["properties"].get(_OWNER) or "" for row in rows]

    @property
    def pair(self) -> Pair:
        """Return the state of the contact."""
        (pair,) = self.pairs("contacts")
        return pair

    def written(self) -> list[str]:
        """List what became of the writes since the world began."""
        return [outcome.reason for topic, _, outcome in self.trail if topic == topics.writes("hubspot").name]


def test_a_record_is_given_to_the_same_person_in_both_directions(server: HubSpotServer) -> None:
    """By the address, in whichever case; each change is one write."""
    world = _World(server)
    assert world.owners() == ["501", "902"]
    world.give("one", "502")
    assert world.owners() == ["502", "901"]
    world.give("two", "902")
    assert (world.owners(), world.written()) == (["501", "902"], ["written", "written"])


def test_an_owner_without_a_partner_is_told_and_nothing_else_waits(server: HubSpotServer) -> None:
    world = _World(server)
    world.give("one", "503", phone="+39 333 1234567")
    (there,) = world.records("two", "contacts").values()
    assert (world.owners(), there["properties"]["phone"]) == (["503", "902"], "+39 333 1234567")
    assert (world.pair.status, dict(world.pair.notes)) == ("in_sync", {"owner": "owner_unmapped"})
    row = next(row for row in fields_of(world.pair, world.setups) if row.key == "owner")
    assert (row.left.value, row.right.value, row.left.agreed) == ("cid@a.example", "ann@a.example", "ann@a.example")
    assert row.sentence == "Is nobody in the other account, by address; the owner there stays as it is"


def test_an_owner_who_comes_later_is_noticed_and_gets_the_record(server: HubSpotServer) -> None:
    """Nobody edits the contact; nothing is looked at while nobody comes or goes."""
    world = _World(server)
    world.give("one", "503")
    assert world.later() == 0
    world.hire("two", "905", "CID@a.example")
    assert world.later() == 1
    assert (world.owners(), dict(world.pair.notes)) == (["503", "905"], {})
    assert world.later() == 0


@pytest.mark.parametrize(
    ("changes", "first", "lasting"),
    [
        ({"clears": "keep"}, ("one", ""), "kept_clear"),
        ({"clears": "keep"}, ("two", ""), "kept_clear"),
        ({"direction": "to_right"}, ("two", "903"), "drift"),
    ],
)
def test_who_comes_later_gets_the_record_also_where_its_owner_was_left_different_before(
    server: HubSpotServer, changes: dict[str, str], first: tuple[str, str], lasting: str
) -> None:
    """What is told of an owner whom the other account does not have takes the place of what was told before."""
    world = _World(server, **changes)
    world.give(*first)
    assert dict(world.pair.notes) == {"owner": lasting}
    world.give("one", "503", phone="+39 333 1234567")
    assert dict(world.pair.notes) == {"owner": "owner_unmapped"}
    world.hire("two", "905", "CID@a.example")
    assert world.later() == 1
    assert (world.owners(), dict(world.pair.notes)) == (["503", "905"], {})


def test_nobody_is_given_a_record_who_has_left(server: HubSpotServer) -> None:
    """One that is theirs still is the same as in the other account."""
    world = _World(server)
    world.give("one", "504")
    assert (world.owners(), dict(world.pair.notes)) == (["504", "902"], {"owner": "owner_unmapped"})
    world.hire("two", "904", "old@a.example")
    world.later()
    assert world.owners() == ["504", "904"]
    world.hire("two", "904", "old@a.example", archived=True)
    world.later()
    assert (world.owners(), world.pair.status, dict(world.pair.notes)) == (["504", "904"], "in_sync", {})


def test_a_default_owner_takes_what_nobody_else_can(server: HubSpotServer) -> None:
    world = _World(server, otherwise=Otherwise(right="dora@b.example"))
    world.give("one", "503")
    assert (world.owners(), dict(world.pair.notes)) == (["503", "903"], {})
    world.settle()
    assert world.owners() == ["503", "903"]


def test_a_row_says_who_is_whom_under_another_address(server: HubSpotServer) -> None:
    world = _World(server, values=(ValueRow(left="cid@a.example", right="Dora@b.example"),))
    world.give("one", "503")
    assert world.owners() == ["503", "903"]
    world.give("two", "901")
    world.give("two", "903")
    assert world.owners() == ["503", "903"]


def test_a_record_fails_where_the_mapping_says_so_until_its_owner_comes(server: HubSpotServer) -> None:
    world = _World(server, unmapped="fail")
    world.give("one", "503")
    assert (world.pair.status, world.pair.reason) == ("failing", "owner_unmapped")
    assert world.pair.detail.startswith("owner: 'cid@a.example' is nobody in the other account: add the person there")
    world.hire("two", "905", "cid@a.example")
    world.later()
    assert (world.pair.status, world.owners()) == ("in_sync", ["503", "905"])


def test_a_record_made_before_anybody_was_asked_gets_its_owner_then(server: HubSpotServer) -> None:
    """As when the permission to list owners is granted later."""
    world = _World(server)
    for name in world.portal:
        world.set_up("people", name, None)
    world.give("one", "502")
    assert (world.owners(), dict(world.pair.notes)) == (["502", "902"], {"owner": "owner_unmapped"})
    world.later()
    assert (world.owners(), dict(world.pair.notes)) == (["502", "901"], {})


def test_decisions_name_people_by_their_addresses(server: HubSpotServer) -> None:
    world = _World(server)
    world.give("one", "502")
    steps = [{"rev": 1, "at_ms": 0, "log": [row.model_dump() for row in world.decided(world.pair.pair)]}]
    told = explain(world.pair, world.setups, steps)["history"][0]["decisions"]
    assert "owner: 'bob@a.example' is written to two (it held 'ann@a.example')." in told

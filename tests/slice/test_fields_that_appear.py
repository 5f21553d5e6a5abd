"""A property or an option that is missing in one account, and appears: what waited for it arrives by itself."""

import json
from typing import Any

import pytest

from deploy.local.hubspot import HubSpotServer
from services.ingest.feeds.cursors import Cursors
from services.ingest.feeds.field_watch import FieldWatch
from shared.contract.calls import Exchange, HttpRequest
from shared.io.memory import MemoryReader
from shared.io.ports import Outbound, run_blocking
from shared.model.mapping import FieldMapping
from shared.model.pairs import PairEvent
from shared.model.syncs import Job
from shared.wire import topics
from shared.wire.messages import REFUSED
from tests.slice.harness import Polling, sync

_MAPPINGS = (
    FieldMapping(key="email", left="email", right="email", lens="email"),
    FieldMapping(key="tier", left="tier", right="tier"),
)
_TIERS = [{"label": name.title(), "value": name} for name in ("silver", "gold")]


class _World(Polling):
    """Contacts with a tier; the second account knows only silver."""

    def __init__(self, server: HubSpotServer) -> None:
        super().__init__(server, [sync("contacts", "contact", mappings=_MAPPINGS)])
        for number, tiers in ((7001, _TIERS), (7002, _TIERS[:1])):
            self.admin.add_property(
                number, "contacts", name="tier", label="Tier", type="enumeration", fieldType="select", options=tiers
            )
        self.cursors = Cursors(self.bus)
        self.watch = FieldWatch(
            setups=self.setups, caller=self.caller, bus=self.bus, clock=self.clock, metrics=self.metrics,
            cursors=self.cursors, owns=lambda _: True,
        )  # fmt: skip
        self._jobs = MemoryReader(self.broker, topics.JOBS)
        self.look()

    def look(self) -> None:
        """Look at the fields of both accounts, and do the jobs that follow, as ingest does."""
        for connection in self.portal:
            self.watch.look(connection, "contact")
        for stored in self._jobs.poll(0):
            assert stored.message is not None
            assert stored.message.job is not None
            self._do(stored.message.job)

    def _do(self, job: Job) -> None:
        if not job.statuses:
            for name in self.portal:
                for record in self.records(name, "contacts"):
                    self.notice(name, "contact", record)
        self.run()
        touched = [pair.pair for pair in self.pairs(job.sync) if not job.statuses or pair.status in job.statuses]
        events = [PairEvent(sync=job.sync, pair=name, kind="touch", reason="resync") for name in touched]
        run_blocking(self.bus.publish([Outbound(topic=topics.PAIRS, key=row.pair, message=row) for row in events]))
        self.run()

    def call(self, method: Any, path: str, body: object) -> Any:
        """Call the second account as its admin's own tool does."""

        def exchange() -> Exchange[int]:
            headers = {"Content-Type": "application/json"}
            response = yield HttpRequest(method=method, path=path, body=json.dumps(body).encode(), headers=headers)
            return response.status

        assert self.drivers["two"].run(exchange()) in (200, 201, 204)

    def tier_there(self) -> str | None:
        """Return the tier of the partner, as the second account has it."""
        (row,) = self.records("two", "contacts").values()
        found: str | None = row["properties"].get("tier")
        return found

    def refused(self) -> list[str]:
        """Return where the writer said that something is refused as it is set up."""
        told = MemoryReader(self.broker, topics.CURSORS).read_to_end()
        return [row.message.connection for row in told if row.message and row.message.feed == REFUSED]


@pytest.fixture(name="world")
def _world(server: HubSpotServer) -> _World:
    return _World(server)


def test_an_option_that_appears_is_written_by_itself(world: _World) -> None:
    """The refusal is told, and has the fields looked at soon; nobody edits the contact."""
    ann = world.admin.edit(7001, "create", "contacts", properties={"email": "ann@x.example", "tier": "silver"})
    world.settle()
    for tier in ("gold", "silver", "gold"):
        world.admin.edit(7001, "update", "contacts", ann, properties={"tier": tier})
        world.settle()
    (pair,) = world.pairs("contacts")
    assert (pair.status, pair.reason, world.tier_there()) == ("failing", "option_unknown", "silver")
    assert world.refused() == ["two"], "once, however much is refused"
    world.look()
    assert world.tier_there() == "silver"
    world.call("PATCH", "/crm/v3/properties/contacts/tier", {"options": _TIERS})
    world.look()
    world.settle()
    (pair,) = world.pairs("contacts")
    assert (pair.status, world.tier_there()) == ("in_sync", "gold")


def test_a_property_that_appears_is_read_and_written_by_itself(world: _World) -> None:
    """As long as it is missing, the rest flows."""
    world.call("DELETE", "/crm/v3/properties/contacts/tier", {})
    world.look()
    world.admin.edit(7001, "create", "contacts", properties={"email": "ann@x.example", "tier": "gold"})
    world.settle()
    assert all(row["properties"].get("tier") is None for row in world.records("two", "contacts").values())
    world.admin.add_property(
        7002, "contacts", name="tier", label="Tier", type="enumeration", fieldType="select", options=_TIERS
    )
    world.look()
    world.settle()
    (pair,) = world.pairs("contacts")
    assert (pair.status, world.tier_there()) == ("in_sync", "gold")

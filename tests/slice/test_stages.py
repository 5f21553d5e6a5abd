"""Deals of accounts whose pipelines have other stages: a table says which mean the same, and tells what it lacks."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from deploy.local.hubspot import HubSpotServer
from services.console.explain import explain
from services.console.setups.checks.mappings import defaults, hints
from services.console.setups.ends import End
from services.ingest.feeds.cursors import Cursors
from services.ingest.feeds.field_watch import FieldWatch
from shared.io.memory import MemoryReader
from shared.model.mapping import FieldMapping, Otherwise, ValueRow
from shared.model.pairs import Pair
from shared.wire import topics
from tests.slice.harness import Polling, sync

_HERE: Final = {
    "Default": {"appointmentscheduled": "New", "contractsent": "Offered", "closedwon": "Won"},
    "Renewals": {"due": "Due", "renewed": "Renewed"},
}
_THERE: Final = {"Sales": {"s1": "New", "s2": "Offered", "s3": "Won"}, "Again": {"a1": "Due", "a2": "Renewed"}}
_STAGES: Final = (("appointmentscheduled", "s1"), ("closedwon", "s3"), ("due", "a1"), ("renewed", "a2"))
_PIPELINES: Final = (("default", "sales"), ("renewals", "again"))


def _table(key: str, field: str, rows: tuple[tuple[str, str], ...], **more: Any) -> FieldMapping:
    if rows:
        more |= {"lens": "table", "values": tuple(ValueRow(left=left, right=right) for left, right in rows)}
    return FieldMapping(key=key, left=field, right=field, **more)


class _World(Polling):
    """The deal Roof, which is new in both accounts."""

    def __init__(
        self,
        server: HubSpotServer,
        there: Mapping[str, Mapping[str, str]] = _THERE,
        *,
        tables: bool = True,
        **more: Any,
    ) -> None:
        name = FieldMapping(key="name", left="dealname", right="dealname")
        stage = _table("stage", "dealstage", _STAGES if tables else (), **more)
        pipeline = _table("pipeline", "pipeline", _PIPELINES if tables else ())
        super().__init__(server, [sync("deals", "deal", mappings=(name, stage, pipeline), default_app="R")])
        self.admin.set_pipelines(7001, "deals", _HERE)
        self.admin.set_pipelines(7002, "deals", there)
        self.watch = FieldWatch(
            setups=self.setups, caller=self.caller, bus=self.bus, clock=self.clock, metrics=self.metrics,
            cursors=Cursors(self.bus), owns=lambda _: True,
        )  # fmt: skip
        self._jobs = MemoryReader(self.broker, topics.JOBS)
        self.look()
        self.admin.edit(7001, "create", "deals", properties=_deal("appointmentscheduled"))
        self.settle()
        self.trail.clear()

    def look(self) -> list[tuple[str, ...]]:
        """Look at the fields of both accounts, and list which pairs are to be tried again, by their statuses."""
        for connection in self.portal:
            self.watch.look(connection, "deal")
        return [tuple(row.message.job.statuses) for row in self._jobs.poll(0) if row.message and row.message.job]

    def move(self, name: str, **properties: str) -> None:
        """Move the deal in an account."""
        (record,) = self.records(name, "deals")
        self.admin.edit(self.portal[name], "update", "deals", record, properties=properties)

    def held(self, name: str) -> tuple[str, str]:
        """Return the pipeline and the stage of the deal in an account."""
        (row,) = self.records(name, "deals").values()
        return row["properties"]["pipeline"], row["properties"]["dealstage"]

    def end(self, name: str) -> End:
        """Return an account as a plan sees it."""
        binding, session = self.setups.binding(name, "deal"), self.setups.session(name)
        fields = {info.name: info for info in self.drivers[name].run(binding.discover(session))}
        return End(app=name, object="deal", fields=fields)

    @property
    def pair(self) -> Pair:
        """Return the state of the deal."""
        (pair,) = self.pairs("deals")
        return pair

    def why(self) -> str:
        """Return what people are told of the deal."""
        found = explain(self.pair, self.setups, [])
        return "\n".join((found["summary"], *found["why"]))

    def written(self) -> list[str]:
        """List what became of the writes since the world began."""
        return [outcome.reason for topic, _, outcome in self.trail if topic == topics.writes("hubspot").name]

    def with_row(self, left: str, right: str) -> None:
        """Add a row to the table of the stages, as the console does."""
        deals = self.setups.sync("deals")
        assert deals is not None
        values = (*deals.mappings[1].values, ValueRow(left=left, right=right))
        rows = [row.model_copy(update={"values": values}) if row.key == "stage" else row for row in deals.mappings]
        self.edit("deals", mappings=tuple(rows))
        self.settle()


def _deal(stage: str, pipeline: str = "default") -> dict[str, str]:
    return {"dealname": "Roof", "pipeline": pipeline, "dealstage": stage}


@pytest.fixture(name="world")
def _world(server: HubSpotServer) -> _World:
    return _World(server)


def test_a_stage_is_written_as_the_other_account_knows_it(world: _World) -> None:
    assert world.held("two") == ("sales", "s1")
    world.move("two", dealstage="s3")
    world.settle()
    assert (world.held("one"), world.written()) == (("default", "closedwon"), ["written"])


def test_a_deal_goes_to_another_pipeline_together_with_its_stage(world: _World) -> None:
    """By one write: HubSpot takes a stage in its own pipeline alone."""
    world.move("one", pipeline="renewals", dealstage="due")
    world.settle()
    assert (world.held("two"), world.written()) == (("again", "a1"), ["written"])


def test_of_two_stages_at_once_the_default_app_s_stands(world: _World) -> None:
    world.with_row("contractsent", "s2")
    world.trail.clear()
    world.move("one", dealstage="contractsent")
    world.move("two", dealstage="s3")
    world.settle()
    assert (world.held("one"), world.held("two")) == (("default", "closedwon"), ("sales", "s3"))
    assert world.written() == ["written"]


def test_a_stage_without_partner_is_told_with_what_to_do_and_goes_out_once_it_has_one(world: _World) -> None:
    """The deal's name travels meanwhile."""
    world.move("one", dealstage="contractsent", dealname="Attic")
    world.settle()
    assert (world.pair.status, world.pair.reason) == ("failing", "option_unknown")
    told = world.why()
    assert "(stage): 'contractsent' is not in the mapping's `values`: add a row for it" in told
    (there,) = world.records("two", "deals").values()
    assert (world.held("two"), there["properties"]["dealname"]) == (("sales", "s1"), "Attic")
    world.with_row("contractsent", "s2")
    assert (world.pair.status, world.held("two")) == ("in_sync", ("sales", "s2"))


def test_one_stage_can_stand_for_all_others(server: HubSpotServer) -> None:
    world = _World(server, otherwise=Otherwise(right="s2"))
    world.move("one", dealstage="contractsent")
    world.settle()
    assert (world.pair.status, world.held("two")) == ("in_sync", ("sales", "s2"))


def test_a_stage_that_the_other_account_gains_is_written_by_itself(server: HubSpotServer) -> None:
    """Without a table, what HubSpot refuses is told, and has the pipelines looked at again."""
    lacking = {"Default": {"appointmentscheduled": "New"}}
    world = _World(server, lacking, tables=False)
    world.move("one", dealstage="contractsent")
    world.settle()
    assert (world.pair.status, world.pair.reason) == ("failing", "option_unknown")
    told = world.why()
    assert "contractsent was not one of the allowed options: [appointmentscheduled]" in told
    assert world.look() == []
    world.admin.set_pipelines(7002, "deals", _HERE)
    assert world.look() == [("failing", "pending")]
    world.edit("deals")
    world.settle()
    assert (world.pair.status, world.held("two")) == ("in_sync", ("default", "contractsent"))


def test_a_plan_points_out_stages_that_differ_and_proposes_a_table(server: HubSpotServer) -> None:
    """As it does for any field with options; of several pipelines, stages are told apart by the names of these."""
    there = {label: {f"{stage}2": name for stage, name in stages.items()} for label, stages in _HERE.items()}
    world = _World(server, tables=False)
    world.admin.set_pipelines(7002, "deals", there)
    left, right = world.end("one"), world.end("two")
    stage = [row for row in defaults(left, right) if row.key == "stage"]
    back, lacking, proposed = hints("deals", stage, None, left, right)
    assert "'dealstage' of two does not have the options appointmentscheduled (Default: New), contractsent" in lacking
    assert "'dealstage' of one does not have the options appointmentscheduled2 (Default: New)" in back
    assert "equal options suggest `values: [" in proposed
    for one in ("appointmentscheduled", "contractsent", "closedwon", "due", "renewed"):
        assert f'{{left: "{one}", right: "{one}2"}}' in proposed


def test_a_mixture_of_two_moves_is_told_and_ends_with_the_next_move(world: _World) -> None:
    """A pipeline of one side and a stage of the other are no place that HubSpot knows: neither is written."""
    world.move("one", pipeline="renewals", dealstage="due")
    world.move("two", dealstage="s3")
    world.settle()
    assert (world.pair.status, world.pair.reason) == ("failing", "option_unknown")
    assert (world.held("one"), world.held("two")) == (("renewals", "due"), ("sales", "s3"))
    assert "s3 was not one of the allowed options: [a1, a2]" in world.why()
    world.move("two", pipeline="again", dealstage="a2")
    world.settle()
    assert (world.pair.status, world.held("one")) == ("in_sync", ("renewals", "renewed"))

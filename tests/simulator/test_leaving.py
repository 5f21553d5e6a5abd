"""Records that leave, come back, or give an identifier up: what a pair makes of it."""

from collections.abc import Sequence
from typing import Literal

import pytest

from services.matcher.resolving.outputs import as_report
from services.matcher.resolving.resolve import Resolve
from shared.engine.pairing import open_step
from shared.io.links.requests import Slots
from shared.io.links.store import Store
from shared.io.ports import Outbound
from shared.model.ids import pair_id
from shared.model.pairs import Answer, Match, PairEvent
from shared.model.records import Life, Report, Side, Version
from shared.wire import topics
from shared.wire.messages import RecordSeen
from shared.wire.topics import MATCHER_GROUP
from tests.simulator.checks import check
from tests.simulator.faults import CALM
from tests.simulator.hands import finish, pass_on, seats, take, waiting
from tests.simulator.lived import CONNECTIONS, Lived, live_policy
from tests.simulator.objects import named
from tests.simulator.settings import SYNC
from tests.simulator.world import World


class _Moved(Lived):
    """A pair whose records leave, come back and are replaced."""

    def __init__(self) -> None:
        super().__init__(live_policy())

    def report(self, side: Side, record: str, version: int, *, life: Life = Life.ALIVE, **more: object) -> None:
        self.take(self.reported(side, record, version, life=life, **more))

    def reported(self, side: Side, record: str, version: int, *, life: Life = Life.ALIVE, **more: object) -> PairEvent:
        email = str(more.pop("email", "ada@x.example"))
        marker = str(more.pop("marker", "")) or None
        aliases: tuple[str, ...] = more.pop("aliases", ())  # type: ignore[assignment]  # a test's own words
        told = Version(order=version) if side == "L" else Version(token=f"v{version}")
        report = Report(
            connection=CONNECTIONS[side], object="contact", id=record, version=told, life=life, marker=marker,
            aliases=aliases,
            fields={named(CONNECTIONS[side], "contact", "email"): email} if life is Life.ALIVE else {},
        )  # fmt: skip
        return self.event("report", side, report=report, **more)

    def refused(self, side: Side) -> None:
        self.answer(side, "refused", code="duplicate_in_target")

    def linked(self) -> "_Moved":
        self.report("L", "a1", 1)
        self.report("R", "b1", 1)
        return self


def test_a_gone_record_does_not_take_the_place_of_another_gone_one() -> None:
    lived = _Moved().linked()
    lived.report("L", "a1", 2, life=Life.MERGED)
    lived.report("L", "a2", 3, life=Life.MERGED)
    assert lived.pair.L is not None
    assert lived.pair.L.id == "a1"


def test_a_living_record_takes_the_place_of_a_gone_one() -> None:
    lived = _Moved().linked()
    lived.report("L", "a1", 2, life=Life.MERGED)
    lived.seated = {"L": "a2", "R": "b1"}
    lived.report("L", "a2", 3)
    assert lived.pair.L is not None
    assert lived.pair.L.id == "a2"


def test_a_record_takes_no_place_that_the_links_did_not_give_it() -> None:
    lived = _Moved().linked()
    lived.seated = {"L": "a1", "R": "b1"}
    lived.report("L", "a2", 2)
    assert lived.pair.L is not None
    assert lived.pair.L.id == "a1"


@pytest.mark.parametrize("seated", ["", "b1", "b2"])
def test_what_our_create_made_takes_its_place_unless_the_links_gave_it_away(seated: str) -> None:
    """Its answer comes without having asked them; another record's own report is on its way then."""
    lived = _Moved()
    lived.report("L", "a1", 1)
    create = lived.pair.pending["R"].key
    lived.seated = {"L": "a1", "R": seated}
    answer = Answer(write=create, result="written")
    lived.report("R", "b1", 1, marker=create, answer=answer, origin="answer")
    assert (lived.pair.R is not None, "R" in lived.pair.pending) == ((False, True) if seated == "b2" else (True, False))
    lived.report("R", seated or "b1", 1)
    assert lived.pair.R is not None
    assert (lived.pair.R.id, lived.pair.pending) == (seated or "b1", {})


def test_a_create_that_was_executed_before_its_source_left_and_came_back_is_no_edit() -> None:
    lived = _Moved()
    lived.report("L", "a1", 1, email="old@x.example")
    create = lived.pair.pending["R"].key
    lived.report("L", "a1", 2, life=Life.ARCHIVED)
    assert dict(lived.pair.pending) == {}
    lived.report("L", "a1", 3, email="new@x.example")
    assert (lived.pair.pending["R"].key, lived.pair.pending["R"].fields["mail"]) == (create, "new@x.example")
    answer = Answer(write=create, result="written")
    lived.report("R", "b1", 1, email="old@x.example", marker=create, answer=answer, origin="answer")
    assert {side: write.fields for side, write in lived.pair.pending.items()} == {"R": {"mail": "new@x.example"}}


def test_what_was_written_of_a_record_that_left_does_not_come_back_into_the_one_that_has_its_place() -> None:
    lived = _Moved().linked()
    lived.report("L", "a1", 2, email="left@x.example")
    assert lived.pair.pending["R"].fields == {"mail": "left@x.example"}
    lived.seated = {"L": "a2", "R": "b1"}
    lived.report("L", "a1", 3, life=Life.ARCHIVED)
    lived.report("L", "a2", 4)
    lived.report("R", "b1", 2, email="left@x.example")
    assert lived.pair.R is not None
    lived.report("R", "b1", 2, email="left@x.example", asks=(lived.pair.R.ask,))
    assert {side: write.fields for side, write in lived.pair.pending.items()} == {"R": {"mail": "ada@x.example"}}


def test_a_record_that_had_the_place_before_does_not_take_it_by_a_late_report() -> None:
    lived = _Moved().linked()
    lived.seated = {"L": "a2", "R": "b1"}
    lived.report("L", "a2", 2)
    lived.report("L", "a2", 3, life=Life.MERGED)
    lived.seated = {"L": "", "R": "b1"}
    lived.report("L", "a1", 1)
    assert lived.pair.L is not None
    assert (lived.pair.L.id, lived.pair.L.life) == ("a2", Life.MERGED)


def test_a_record_takes_the_place_that_the_links_gave_it_from_one_that_came_back() -> None:
    lived = _Moved().linked()
    lived.seated = {"L": "a2", "R": "b1"}
    lived.report("L", "a1", 3)
    lived.report("L", "a2", 2)
    lived.report("L", "a1", 4)
    assert lived.pair.L is not None
    assert lived.pair.L.id == "a2"


def test_a_record_that_comes_back_before_its_pair_knew_that_it_had_left_founds_another() -> None:
    """Somebody else has its place by then, which only the links know."""
    world = World(0, CALM)
    world.empty()
    app, other = world.apps["a"], world.apps["b"]
    first = app.insert({"email": "ada@x.example", "f": "x", "g": None})
    world.first_sync()
    world.rest()
    (pair,) = world.states()
    first.values["email"] = "byron@x.example"
    app.leave(first, Life.GONE)
    pass_on(world, first.id)
    second = app.insert({"email": "ada@x.example", "f": "y", "g": None})
    pass_on(world, second.id)
    take(world, topics.PAIRS, pair_id(SYNC, "L", second.id))
    assert seats(world, pair) == Slots(f":{second.id}", ":b1")
    app.restore(first)
    pass_on(world, first.id)
    world.settle(look_again=False)
    check(world)
    assert sorted((row.values["email"], row.values["f"]) for row in other.living()) == [
        ("ada@x.example", "y"),
        ("byron@x.example", "x"),
    ]


class _Came:
    """A record that is archived and comes back, of which something old is told in between."""

    def __init__(self) -> None:
        self.world = World(0, CALM)
        self.world.empty()
        self._app = self.world.apps["a"]
        self._row = self._app.insert({"email": "ada@x.example", "f": "x", "g": None})
        self.world.first_sync()
        self.world.rest()
        ((self.pair, state),) = self.world.states().items()
        policy = self.world.setups.policy(SYNC)
        assert policy is not None
        assert state.L is not None
        self.known = as_report(policy, "L", state.L)
        self._app.leave(self._row, Life.ARCHIVED)
        pass_on(self.world, self._row.id)

    def told(self, old: Outbound, steps: Sequence[Sequence[int]] = ((0,), (1,), (2,))) -> None:
        """Let the pair take that it left, the old word, and that it is back, in these steps."""
        finish(self.world.bus.publish([old]))
        take(self.world, topics.RECORDS, f"a/contact/{self._row.id}", commit=True)
        self._app.restore(self._row)
        pass_on(self.world, self._row.id)
        worker = Resolve(Store(self.world.scripts), self.world.bus, self.world.setups, self.world.clock)
        messages = waiting(self.world, topics.PAIRS, self.pair)
        for step in steps:
            finish(worker.handle([messages[number] for number in step]))
        last = messages[-1]
        self.world.broker.commit(MATCHER_GROUP, topics.PAIRS.name, last.partition, last.offset + 1)


def test_a_late_word_of_a_hand_over_does_not_undo_a_newer_claim() -> None:
    came = _Came()
    old = PairEvent(
        sync=SYNC, pair=came.pair, kind="report", side="L", report=came.known, matched=Match(by="email"),
    )  # fmt: skip
    came.told(Outbound(topic=topics.PAIRS, key=came.pair, message=old))
    assert seats(came.world, came.pair) == Slots(":a1", ":b1")


@pytest.mark.parametrize("steps", [((0,), (1,), (2,)), ((1, 0), (2,))], ids=["stale", "in_one_step"])
def test_a_claim_that_an_old_report_took_with_it_is_made_again(steps: Sequence[Sequence[int]]) -> None:
    came = _Came()
    old = RecordSeen(report=came.known, accepted_ms=1)
    came.told(Outbound(topic=topics.RECORDS, key="a/contact/a1", message=old), steps)
    came.world.rest()
    assert seats(came.world, came.pair) == Slots(":a1", ":b1")


def test_a_record_that_came_back_is_read_a_second_time_before_it_counts() -> None:
    lived = _Moved()
    lived.report("R", "b1", 1, doubtful=True)
    assert lived.pair.R is not None
    asked = lived.pair.R.ask
    assert asked
    assert not open_step(lived.pair, lived.policy).wants_match
    lived.report("R", "b1", 1, asks=(asked,))
    assert lived.pair.R.ask == ""


def test_a_record_that_came_back_and_is_gone_after_all_closes_its_pair() -> None:
    lived = _Moved()
    lived.report("R", "b1", 1, doubtful=True)
    assert lived.pair.R is not None
    lived.report("R", "b1", 2, life=Life.GONE, asks=(lived.pair.R.ask,))
    assert (lived.pair.status, lived.pair.pending) == ("closed", {})


@pytest.mark.parametrize("reason", ["rematch", "again"])
def test_a_refused_identifier_is_tried_again_when_it_may_be_free(reason: str) -> None:
    lived = _Moved().linked()
    lived.report("L", "a1", 2, email="new@x.example")
    lived.refused("R")
    assert (lived.pair.status, lived.pair.again, lived.pair.pending) == ("failing", "10s", {})
    lived.touch("woken")
    assert not lived.pair.pending
    lived.touch(reason)
    assert lived.pair.pending["R"].fields == {"mail": "new@x.example"}


def test_a_refused_identifier_is_tried_less_and_less_often_by_itself() -> None:
    lived = _Moved().linked()
    lived.report("L", "a1", 2, email="new@x.example")
    waits = []
    for _ in range(5):
        lived.refused("R")
        waits.append(lived.pair.again)
        lived.touch("rematch")
    assert waits == ["10s", "1m", "10m", "", ""]


@pytest.mark.parametrize("result", ["held", "refused"])
def test_an_edit_made_while_an_earlier_try_of_the_create_was_executed_is_written(
    result: Literal["held", "refused"],
) -> None:
    lived = _Moved()
    lived.report("L", "a1", 1, email="old@x.example")
    create = lived.pair.pending["R"].key
    held = Answer(write=create, result=result, code="duplicate_in_target", retry="outage")
    lived.take(PairEvent(sync=SYNC, pair=lived.pair.pair, kind="answer", side="R", answer=held))
    lived.report("L", "a1", 2, email="new@x.example")
    assert (lived.pair.pending["R"].key, lived.pair.pending["R"].fields["mail"]) == (create, "new@x.example")
    written = Answer(write=create, result="written")
    lived.report("R", "b1", 1, email="old@x.example", marker=create, answer=written)
    assert lived.pair.pending["R"].fields == {"mail": "new@x.example"}


def test_a_pair_tells_which_identifiers_it_gave_up() -> None:
    lived = _Moved().linked()
    lived.report("L", "a1", 2, email="new@x.example")
    assert not lived.pair.freed
    answer = Answer(write=lived.pair.pending["R"].key, result="written")
    lived.report("R", "b1", 2, email="new@x.example", answer=answer)
    assert lived.pair.freed == ("e:ada@x.example",)


def test_a_pair_knows_by_which_claim_a_record_is_known_where_versions_have_no_order() -> None:
    lived = _Moved()
    lived.report("L", "a1", 1, claimed_at=3)
    lived.report("R", "b1", 1, claimed_at=4)
    assert [end.claimed_at for end in (lived.pair.L, lived.pair.R) if end is not None] == [-1, 4]
    lived.report("R", "b1", 3, email="newest@x.example", claimed_at=9)
    lived.report("R", "b1", 2, email="older@x.example", claimed_at=6)
    assert (lived.pair.doubted["R"].keys, lived.pair.doubted["R"].claimed_at) == (("e:newest@x.example",), 9)


def test_a_pair_tells_when_an_identifier_that_was_in_doubt_turns_out_not_to_be_its_own() -> None:
    """The links had it meanwhile, and whoever carries it as well may have been kept out."""
    lived = _Moved().linked()
    lived.report("R", "b1", 2, email="doubted@x.example")
    assert lived.pair.R is not None
    assert (lived.pair.R.ask != "", lived.pair.freed) == (True, ())
    assert lived.pair.doubted["R"].keys == ("e:doubted@x.example",)
    lived.report("R", "b1", 3, email="ada@x.example", asks=(lived.pair.R.ask,))
    assert (lived.pair.freed, lived.pair.doubted) == (("e:doubted@x.example",), {})
    lived.touch("woken")
    assert not lived.pair.freed


def test_a_pair_tells_when_an_identifier_is_its_own_after_all() -> None:
    lived = _Moved().linked()
    lived.report("R", "b1", 2, email="new@x.example")
    assert lived.pair.R is not None
    lived.report("R", "b1", 2, email="new@x.example", asks=(lived.pair.R.ask,))
    assert (lived.pair.pokes, lived.pair.freed) == (("e:ada@x.example", "e:new@x.example"), ())


def test_a_pair_tells_of_an_identifier_that_only_an_old_report_had() -> None:
    lived = _Moved().linked()
    lived.report("L", "a1", 3)
    lived.report("L", "a1", 2, email="old@x.example")
    assert lived.pair.freed == ("e:old@x.example",)


def test_a_pair_tells_of_an_identifier_that_it_had_and_gave_up_in_one_step() -> None:
    lived = _Moved().linked()
    reports = [
        lived.reported("L", "a1", version, email=email)
        for version, email in ((2, "between@x.example"), (3, "ada@x.example"))
    ]
    lived.take(*reports)
    assert lived.pair.freed == ("e:between@x.example",)


def test_who_waits_for_a_record_is_woken_when_it_is_linked_leaves_comes_back_or_is_replaced() -> None:
    lived = _Moved()
    lived.report("L", "a1", 1)
    assert not lived.pair.woken
    lived.report("R", "b1", 1)
    assert lived.pair.woken
    lived.report("L", "a1", 2, life=Life.ARCHIVED)
    assert lived.pair.woken
    lived.touch("again")
    assert not lived.pair.woken
    lived.report("L", "a1", 3)
    assert lived.pair.woken
    lived.report("L", "a1", 4)
    assert not lived.pair.woken
    lived.report("L", "a2", 5, aliases=("a1",))
    assert lived.pair.woken

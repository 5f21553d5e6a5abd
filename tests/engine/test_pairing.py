"""A linked pair, step by step: each row of the merge table from report to answer, and when a field is frozen."""

from itertools import permutations
from typing import Any, Final

import pytest

from shared.config.setups import Setups
from shared.engine.deciding.updating import FLAP_MS, FLAP_WRITES
from shared.engine.pairing import open_step
from shared.engine.policies import Policy
from shared.io.memory import ManualClock
from shared.model.mapping import FieldMapping, MatchSettings
from shared.model.pairs import Answer, Pair, PairEvent
from shared.model.records import SIDES, Life, Report, Side, Version
from shared.wire.messages import SetupDoc
from tests.services.environment import LEFT, RIGHT, SYNC, app, connection, people, report

_AT: Final[dict[Side, str]] = {"L": LEFT, "R": RIGHT}


def policy(kind: str = "ordered", **changes: Any) -> Policy:
    """Make a sync of one mapping, both of whose sides have versions of one kind; its first sync has not ended."""
    mapping = FieldMapping(**{"key": "f", "left": "f", "right": "f", **changes.pop("mapping", {})})
    changes = {"mappings": (mapping,), **changes}
    setups = Setups({kind: app(kind)})
    docs = [(f"connection:{at}", SetupDoc(connection=connection(at, kind))) for at in (LEFT, RIGHT)]
    docs.append((f"sync:{SYNC}", SetupDoc(sync=people(**changes))))
    for offset, (key, doc) in enumerate(docs):
        setups.apply(offset, key, doc)
    found = setups.policy(SYNC)
    assert found is not None
    return found


class Lived:
    """One pair, and the apps that hold its two records."""

    def __init__(self, rules: Policy, left: str | None = "1", right: str | None = "1") -> None:
        self.policy = rules
        self.clock = ManualClock()
        self.held: dict[Side, str | None] = {"L": left, "R": right}
        self.version: dict[Side, int] = {"L": 0, "R": 0}
        self.pair = Pair(sync=SYNC, pair="0" * 20)
        self.writes = 0
        self._offset = 0
        for side in SIDES:
            self.see(side)

    def see(self, side: Side, answer: Answer | None = None, **more: Any) -> None:
        """Let a side be read as it is."""
        if more.pop("changed", True):
            self.version[side] += 1
        fields = {} if more.pop("masked", False) else {"f": self.held[side]}
        version = more.pop("version", Version(order=self.version[side]))
        report = Report(
            connection=_AT[side], object="contact", id=f"{side}1", version=version, fields=fields, **more,
        )  # fmt: skip
        self.event(kind="report", side=side, report=report, answer=answer)

    def edit(self, side: Side, value: str | None) -> None:
        """Let a person edit a side."""
        self.held[side] = value
        self.see(side)

    def event(self, **fields: Any) -> None:
        step = open_step(self.pair, self.policy)
        step.take([(self._offset, PairEvent(sync=SYNC, pair=self.pair.pair, **fields))])
        self._offset += 1
        self.clock.advance(1)
        self.pair = step.decide(None, {}, self.clock.now_ms()).pair

    def write(self, stored: str | None = None) -> dict[Side, Any]:
        """Execute what waits, and answer it; gives what was written. The app may store something else."""
        done: dict[Side, Any] = {}
        while self.pair.pending:
            side, pending = next(iter(self.pair.pending.items()))
            done[side] = pending.fields["f"]
            self.held[side] = done[side] if stored is None else stored
            self.writes += 1
            self.see(side, Answer(write=pending.key, result="written"))
            assert self.writes < 100
        return done

    @property
    def both(self) -> tuple[str | None, str | None]:
        return self.held["L"], self.held["R"]


CASES: Final[list[tuple[str, dict[str, Any], tuple[Any, Any], list[tuple[Side, Any]], tuple[Any, Any]]]] = [
    ("equal at the first link", {}, ("1", "1"), [], ("1", "1")),
    ("one empty at the first link", {}, ("1", None), [], ("1", "1")),
    ("the default app's blank is filled", {}, (None, "1"), [], ("1", "1")),
    ("both filled at the first link", {}, ("1", "2"), [], ("1", "1")),
    ("both filled, the other default", {"default_app": "R"}, ("1", "2"), [], ("2", "2")),
    ("left edited", {}, ("1", "1"), [("L", "2")], ("2", "2")),
    ("right edited", {}, ("1", "1"), [("R", "2")], ("2", "2")),
    ("left emptied, kept", {}, ("1", "1"), [("L", None)], (None, "1")),
    ("left emptied, carried", {"mapping": {"clears": "propagate"}}, ("1", "1"), [("L", None)], (None, None)),
    ("kept empty, then right edited", {}, ("1", "1"), [("L", None), ("R", "2")], ("2", "2")),
    ("edited to the same", {}, ("1", "1"), [("L", "2"), ("R", "2")], ("2", "2")),
    ("one way, target edited", {"direction": "to_right"}, ("1", "1"), [("R", "2")], ("1", "2")),
    ("one way, source edited after", {"direction": "to_right"}, ("1", "1"), [("R", "2"), ("L", "3")], ("3", "3")),
    ("one way, target is default", {"direction": "to_right", "default_app": "R"}, ("1", "2"), [], ("1", "2")),
    (
        "one way, target is default, source edited",
        {"direction": "to_right", "default_app": "R"}, ("1", "2"), [("L", "3")], ("3", "3"),
    ),
    ("a person decides", {"mapping": {"policy": "manual"}}, ("1", "2"), [], ("1", "2")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "changes", "begin", "edits", "end"), CASES, ids=lambda row: row if isinstance(row, str) else ""
)
def test_each_row_ends_as_the_table_says(case: str, changes: Any, begin: Any, edits: Any, end: Any) -> None:
    """Written, answered and settled; seeing everything once more writes nothing."""
    lived = Lived(policy(**changes), *begin)
    lived.write()
    for side, value in edits:
        lived.edit(side, value)
        lived.write()
    assert lived.both == end, case
    before = lived.writes
    for side in SIDES:
        lived.see(side)
        lived.see(side, changed=False)
    assert (lived.write(), lived.writes) == ({}, before)


@pytest.mark.parametrize(
    ("edits", "end"),
    [
        ({"L": "2", "R": "3"}, "2"),
        ({"L": None, "R": "3"}, "3"),
        ({"L": "2", "R": None}, "2"),
        ({"L": None, "R": None}, None),
    ],
)
def test_both_edited_before_anybody_looked(edits: dict[Side, str | None], end: str | None) -> None:
    """The default app's value stands, a blank never wins, and no old value comes back."""
    lived = Lived(policy())
    lived.held.update(edits)
    step = open_step(lived.pair, lived.policy)
    events = []
    for side in SIDES:
        lived.version[side] += 1
        report = Report(
            connection=_AT[side], object="contact", id=f"{side}1", version=Version(order=lived.version[side]),
            fields={"f": lived.held[side]},
        )  # fmt: skip
        events.append((100, PairEvent(sync=SYNC, pair=lived.pair.pair, kind="report", side=side, report=report)))
    step.take(events)
    lived.pair = step.decide(None, {}, lived.clock.now_ms()).pair
    lived._offset = 101
    lived.write()
    assert lived.both == (end, end)


def test_a_field_that_is_not_told_is_not_empty() -> None:
    """Nothing is decided until it is told again."""
    lived = Lived(policy(mapping={"clears": "propagate"}))
    lived.see("L", masked=True)
    assert lived.write() == {}
    lived.edit("R", "2")
    assert lived.write() == {"L": "2"}


def test_what_an_app_makes_of_a_value_is_sent_once() -> None:
    """`vp` becomes `VP`: that is what the side holds now, and no edit of anybody's."""
    lived = Lived(policy(), "1", "1")
    lived.edit("L", "vp")
    assert lived.write(stored="VP") == {"R": "vp"}
    lived.see("R")
    lived.see("L")
    assert (lived.write(), lived.both, lived.writes) == ({}, ("vp", "VP"), 1)
    lived.edit("R", "CEO")
    assert lived.write() == {"L": "CEO"}


def test_an_edit_while_a_write_is_on_its_way_follows_it() -> None:
    """One write at a time; the newest value is the last one."""
    lived = Lived(policy())
    lived.edit("L", "2")
    lived.edit("L", "3")
    lived.edit("L", "4")
    assert [pending.fields["f"] for pending in lived.pair.pending.values()] == ["2"]
    lived.write()
    assert (lived.both, lived.writes) == (("4", "4"), 2)


def test_a_field_is_not_written_to_one_side_while_its_write_to_the_other_is_unanswered() -> None:
    """Two writes at once would swap the two values, again and again."""
    lived = Lived(policy(default_app="R"))
    lived.edit("L", "2")
    lived.edit("R", "3")
    assert list(lived.pair.pending) == ["R"]


def test_an_older_report_changes_nothing() -> None:
    """It overtook nobody."""
    lived = Lived(policy())
    lived.edit("L", "2")
    lived.write()
    lived.version["L"], lived.held["L"] = 1, "1"
    lived.see("L", changed=False)
    assert lived.write() == {}
    assert lived.pair.L is not None
    assert (lived.pair.L.fields["f"], lived.pair.L.ask) == ("2", ""), "and nothing has to be read again"


@pytest.mark.parametrize(("left", "right", "default", "end"), [
    ("l@x.it", "r@x.it", "L", "l@x.it"), ("l@x.it", "r@x.it", "R", "r@x.it"), ("l@x.it", None, "R", "l@x.it"),
    (None, "r@x.it", "L", "r@x.it"),
])  # fmt: skip
def test_a_mapping_that_is_added_has_no_base(left: Any, right: Any, default: Any, end: str) -> None:
    """What its fields held before says nothing: an empty side is filled, and of two values the default app's stands."""
    lived = Lived(policy(default_app=default))
    held = {"L": left, "R": right}
    pair = lived.pair
    known: dict[str, Any] = {
        side: end_.model_copy(update={"fields": {**end_.fields, "email": held[side]}})
        for side in SIDES
        if (end_ := pair.side(side)) is not None
    }
    lived.pair = pair.model_copy(update=known)  # addresses are read for matching, whether they are mapped or not
    mappings = tuple(
        FieldMapping(key=name, left=name, right=name, since=since) for name, since in (("f", 0), ("email", 2))
    )
    lived.policy = policy(mappings=mappings, version=2, default_app=default)
    lived.event(kind="touch", reason="resync")
    written = {value for pending in lived.pair.pending.values() for value in pending.fields.items()}
    assert written == {("email", end)}
    lived.pair = lived.pair.model_copy(update={"pending": {}})
    lived.event(kind="touch", reason="resync")
    assert {name for pending in lived.pair.pending.values() for name in pending.fields} == {"email"}, (
        "until it is settled"
    )


@pytest.mark.parametrize("life", [Life.GONE, Life.ARCHIVED])
def test_a_deleted_record_stops_its_pair_until_it_is_back(life: Life) -> None:
    """The other one's edits are noted, not written; when it is back they are caught up."""
    lived = Lived(policy())
    lived.see("L", life=life)
    assert (lived.pair.status, lived.pair.reason) == ("failing", "deleted_in_left")
    lived.edit("R", "2")
    assert lived.write() == {}
    lived.see("L")
    assert lived.write() == {"L": "2"}
    assert lived.pair.status == "in_sync"


def test_a_record_out_of_scope_sleeps_with_its_pair() -> None:
    """It is not deleted, whatever becomes of the other one; back in scope, what changed is caught up."""
    lived = Lived(policy())
    lived.see("L", life=Life.OUT_OF_SCOPE)
    assert (lived.pair.status, lived.pair.reason) == ("excluded", "out_of_scope")
    lived.edit("R", "2")
    assert lived.write() == {}
    lived.see("R", life=Life.GONE)
    assert (lived.pair.status, lived.pair.reason) == ("excluded", "out_of_scope")
    lived.see("L")
    assert (lived.pair.status, lived.pair.reason) == ("failing", "deleted_in_right")
    lived.see("R")
    assert lived.write() == {"L": "2"}
    assert lived.pair.status == "in_sync"


@pytest.mark.parametrize("kind", ["ordered", "opaque"])
@pytest.mark.parametrize("told", list(permutations(["erased", "gone", "alive"])))
def test_an_erased_record_never_comes_back(kind: str, told: tuple[str, ...]) -> None:
    """In whatever order its end is told, and whatever late report still shows it; nothing is written to it."""
    lived = Lived(policy(kind))
    first = lived.version["L"]
    for life in told:
        if life == "alive":
            lived.see("L", changed=False, version=Version(order=first))
        else:
            lived.see("L", life=Life(life), version=Version())
    assert (lived.pair.status, lived.pair.reason) == ("failing", "privacy_deleted")
    assert lived.pair.L is not None
    assert lived.pair.L.ask == "", "what is final needs no second reading"
    lived.edit("R", "2")
    lived.event(kind="touch", reason="resync")
    assert lived.write() == {}
    assert (lived.pair.status, lived.pair.reason) == ("failing", "privacy_deleted")


@pytest.mark.parametrize("linked", [True, False])
def test_of_an_erased_record_nothing_can_be_read(linked: bool) -> None:  # noqa: FBT001 - a case
    """Not its values, nor those that were agreed, written, refused or recognised; the other record stands as it is."""
    lived = Lived(policy())
    lived.edit("L", "a secret")
    assert "a secret" in lived.pair.text()
    if not linked:
        lived.pair = lived.pair.model_copy(update={"R": None, "pending": {}, "label": "a secret"})
    lived.see("L", life=Life.ERASED)
    assert "secret" not in lived.pair.text()
    assert lived.pair.L is not None
    assert dict(lived.pair.L.fields) == {}


def test_deleted_on_both_sides_is_closed() -> None:
    """It leaves all counts."""
    lived = Lived(policy())
    for side in SIDES:
        lived.see(side, life=Life.GONE)
    assert lived.pair.status == "closed"


# Two programs that fight over one field


def fight(lived: Lived, most: int, pause_ms: int = 1000) -> int:
    """Let a program on each side put its own value back whenever it is changed; gives how many writes it took."""
    before = lived.writes
    for number in range(most):
        lived.clock.advance(pause_ms)
        side = SIDES[number % 2]
        lived.edit(side, f"value of {side}")
        lived.write()
    return lived.writes - before


def test_a_field_that_is_written_back_and_forth_is_frozen() -> None:
    """After five writes a side within ten minutes it is left alone, and told."""
    lived = Lived(policy())
    assert fight(lived, 40) <= 2 * FLAP_WRITES
    assert (lived.pair.status, lived.pair.reason) == ("failing", "flapping")
    assert "f" in lived.pair.problems


def test_a_frozen_field_thaws_after_ten_minutes_or_when_a_person_asks() -> None:
    """The last value is carried then."""
    for asked in (False, True):
        lived = Lived(policy())
        fight(lived, 40)
        frozen = lived.writes
        if asked:
            lived.event(kind="touch", reason="resync")
        else:
            lived.clock.advance(FLAP_MS + 1000)
        lived.edit("L", "peace")
        lived.write()
        assert lived.both == ("peace", "peace")
        assert lived.writes > frozen
        assert lived.pair.status == "in_sync"


def test_one_busy_person_is_no_fight() -> None:
    """Twenty edits of one side are twenty writes."""
    lived = Lived(policy())
    for number in range(20):
        lived.edit("L", str(number))
        lived.write()
    assert (lived.writes, lived.pair.status) == (20, "in_sync")


def test_slow_changes_to_and_fro_are_no_fight() -> None:
    """A hand-over a day is what people do."""
    lived = Lived(policy())
    assert fight(lived, 20, FLAP_MS // 4) == 20
    assert lived.pair.status == "in_sync"


def test_a_record_that_a_late_message_bars_from_entering_is_read_again() -> None:
    """Its key stays the same; but the links may know it as one that may enter, by a report that was claimed later."""
    rules = policy(match=MatchSettings(mode="fields", left_field="f", right_field="f"))
    pair = Pair(sync=SYNC, pair="0" * 20)
    for version, email in ((1, "ann@x.example"), (2, None)):
        told = report("1", version, fields={"f": "1", "email": email})
        step = open_step(pair, rules)
        event = PairEvent(sync=SYNC, pair=pair.pair, kind="report", side="L", report=told, doubtful=version == 2)
        step.take([(version, event)])
        pair = step.decide(None, {}, version).pair
    assert pair.L is not None
    assert pair.L.ask

"""The oracle notices each kind of wrong, so that a run which it passes means something."""

from tests.chaos.oracle import Verdict, judge
from tests.chaos.people import FIELDS, Edit, Person


def _row(token: str, **held: str) -> dict[str, str]:
    return {**dict.fromkeys(FIELDS, ""), "last": token, **held}


def _ann(*edits: Edit, name: str = "note", **more: object) -> Person:
    person = Person(token="ann", **more)  # type: ignore[arg-type]  # fields of a person
    for edit in edits:
        person.add(name, edit)
    return person


def _judge(person: Person, left: str | None, right: str | None, name: str = "note") -> Verdict:
    rows = [{} if held is None else {"1": _row("ann", **{name: held})} for held in (left, right)]
    return judge([person], rows[0], rows[1])


_FIRST = Edit(side="L", value="a")
_NEXT = Edit(side="R", value="b", seen="a")


def test_the_last_value_that_everybody_knew_of_stands() -> None:
    person = _ann(_FIRST, _NEXT)
    assert _judge(person, "b", "b").broken() == []
    assert _judge(person, "a", "a").old
    assert _judge(person, "a", "b").lost
    assert _judge(person, "c", "c").strange


def test_of_two_values_typed_side_by_side_the_default_app_s_stands() -> None:
    person = _ann(_FIRST, _NEXT, Edit(side="L", value="c", seen="a"))
    assert _judge(person, "c", "c") == Verdict(conflicts=1)
    assert _judge(person, "b", "b").wrong
    assert _judge(person, "a", "a").old


def test_a_clear_is_kept_or_travels_and_never_wins() -> None:
    clear = Edit(side="L", value="", seen="a")
    assert _judge(_ann(_FIRST, clear), "", "a").broken() == []
    assert _judge(_ann(_FIRST, clear), "a", "a").lost
    assert _judge(_ann(_FIRST, clear, name="title"), "", "", "title").broken() == []
    assert _judge(_ann(_FIRST, clear, name="title"), "", "a", "title").lost
    assert _judge(_ann(_FIRST, clear, _NEXT, name="title"), "b", "b", "title").broken() == []


def test_a_value_may_be_cleared_after_it_won() -> None:
    first = (Edit(side="L", value="a"), Edit(side="R", value="b"), Edit(side="L", value="", seen="a"))
    assert _judge(_ann(*first), "", "a").broken() == []
    assert _judge(_ann(*first), "b", "b").broken() == []
    assert _judge(_ann(*first), "", "b").broken()
    assert _judge(_ann(*first), "", "").broken()
    assert _judge(_ann(*first, name="title"), "", "", "title").broken() == []


def test_a_record_without_a_partner_keeps_what_was_typed_there() -> None:
    merged = _ann(_FIRST, _NEXT, merged=True)
    assert _judge(merged, None, "b").broken() == []
    assert _judge(merged, None, "a").old
    assert _judge(merged, None, "x").strange
    assert _judge(merged, None, None).lost
    assert _judge(_ann(_FIRST, gone={"L", "R"}), None, "a").strange


def test_nobody_is_there_twice() -> None:
    person = _ann(_FIRST)
    rows = {"1": _row("ann", note="a"), "2": _row("ann", note="a")}
    assert judge([person], rows, {"1": _row("ann", note="a")}).doubled
    assert judge([], {"1": _row("bob")}, {}).strange


def test_of_somebody_who_is_there_twice_the_record_keeps_what_was_typed_there() -> None:
    """The other record was made by a create that overtook it."""
    person = _ann(Edit(side="R", value="b"), ids={"L": "1", "R": "2"}, twin=True)
    left, made = {"1": _row("ann")}, _row("ann")
    assert judge([person], left, {"1": made, "2": _row("ann", note="b")}).broken() == []
    assert judge([person], left, {"1": made, "2": made}).lost

"""Every row of the merge table, and what no combination of values may ever do."""

import itertools

import pytest

from shared.engine.merging import UNKNOWN, Ask, Choice, Decision, Flow, Held, Keep, Send, Settle, merge
from shared.model.records import SIDES, Side
from shared.model.sides import BySide
from shared.model.words import By, Note

TEXTS = (None, "1", "2", "3")


def rule(**changes: object) -> Flow:
    """Make a mapping that travels unchanged."""
    fields: dict[str, object] = {
        "key": "phone", "names": BySide("phone", "tel"), "get": lambda value: value, "put": lambda value, _old: value,
        "same": lambda one, other: one == other,
    }  # fmt: skip
    return Flow(**{**fields, **changes})  # type: ignore[arg-type]  # a table of test cases


def right_wins(_left: object, _right: object, _edited: object) -> Choice:
    return Choice("R", By.MAPPING)


@pytest.mark.parametrize(
    ("case", "held", "expected"),
    [
        ("a side is unknown", ("1", UNKNOWN, "1", "1"), Keep()),
        ("the other side is unknown", (UNKNOWN, "1", "1", "1"), Keep()),
        ("equal by meaning", ("2", "2", "1", "1"), Settle(BySide("2", "2"))),
        ("both empty", (None, None, "1", "1"), Settle(BySide(None, None))),
        ("only left changed", ("2", "1", "1", "1"), Send("R", "2", "2")),
        ("only right changed", ("1", "2", "1", "1"), Send("L", "2", "2")),
        ("left cleared, kept", (None, "1", "1", "1"), Settle(BySide(None, "1"), Note.KEPT_CLEAR)),
        ("right cleared, kept", ("1", None, "1", "1"), Settle(BySide("1", None), Note.KEPT_CLEAR)),
        ("both changed, left is default", ("2", "3", "1", "1"), Send("R", "2", "2", lost="3", by=By.DEFAULT_APP)),
        ("left cleared, right changed", (None, "2", "1", "1"), Send("L", "2", "2", by=By.BLANK)),
        ("right cleared, left changed", ("2", None, "1", "1"), Send("R", "2", "2", by=By.BLANK)),
        ("a settled difference", ("1", "2", "1", "2"), Keep()),
        ("no base, left empty", (None, "1", UNKNOWN, UNKNOWN), Send("L", "1", "1", by=By.FILLED, edit=False)),
        ("no base, right empty", ("1", None, UNKNOWN, UNKNOWN), Send("R", "1", "1", by=By.FILLED, edit=False)),
        (
            "no base, both filled",
            ("1", "2", UNKNOWN, UNKNOWN),
            Send("R", "1", "1", lost="2", by=By.DEFAULT_APP, edit=False),
        ),
        ("no base, equal", ("1", "1", UNKNOWN, UNKNOWN), Settle(BySide("1", "1"))),
        ("kept clear, then the other side is edited", (None, "7", None, "1"), Send("L", "7", "7")),
    ],
)
def test_each_row_of_the_table(case: str, held: tuple[Held, Held, Held, Held], expected: Decision) -> None:
    """Each row of the table decides as written."""
    assert expected == merge(rule(), BySide(*held[:2]), BySide(*held[2:])), case


def test_a_clear_is_written_only_where_the_mapping_propagates_clears() -> None:
    """`clears: propagate` writes the clear."""
    assert Send("R", None, None) == merge(rule(clears="propagate"), BySide(None, "1"), BySide("1", "1"))


def test_a_blank_never_wins_a_conflict_even_where_clears_travel() -> None:
    """A blank in the default app changes nothing in the other one."""
    assert Send("L", "2", "2", by=By.BLANK) == merge(rule(clears="propagate"), BySide(None, "2"), BySide("1", "1"))


def test_a_person_decides_under_the_manual_policy() -> None:
    """`manual` writes nothing."""
    assert Ask() == merge(rule(choose=lambda *_: Choice("ask", By.PERSON)), BySide("2", "3"), BySide("1", "1"))


def test_one_way_first_link_with_the_target_as_default_keeps_its_value() -> None:
    """The closed side is never written, and the target's own value stands."""
    one_way = rule(writes=BySide(left=False, right=True), choose=right_wins)
    first = merge(one_way, BySide("1", "2"), BySide(UNKNOWN, UNKNOWN))
    assert Settle(BySide("1", "2"), Note.SETTLED_DIFFERENCE) == first
    assert Send("R", "9", "9") == merge(one_way, BySide("9", "2"), BySide("1", "2"))


def test_an_edit_of_the_one_way_target_is_drift_and_wins_when_the_target_is_default() -> None:
    """An edit there is not reverted, and stays an edit for the next conflict."""
    one_way = rule(writes=BySide(left=False, right=True), choose=right_wins)
    assert Keep(drift=True) == merge(one_way, BySide("1", "5"), BySide("1", "1"))
    assert Settle(BySide("9", "5"), Note.SETTLED_DIFFERENCE) == merge(one_way, BySide("9", "5"), BySide("1", "1"))


@pytest.mark.parametrize("clears", ["keep", "propagate"])
@pytest.mark.parametrize("winner", SIDES)
@pytest.mark.parametrize(("to_left", "to_right"), [(True, True), (True, False), (False, True)])
def test_one_decision_settles_every_combination(clears: str, winner: Side, to_left: bool, to_right: bool) -> None:  # noqa: FBT001 - columns of the table
    """After its write is answered a field asks for nothing more, and a closed side is never written."""
    a_rule = rule(clears=clears, choose=lambda *_: Choice(winner, By.DEFAULT_APP), writes=BySide(to_left, to_right))
    for left, right, base_left, base_right in itertools.product(TEXTS, TEXTS, (*TEXTS, UNKNOWN), (*TEXTS, UNKNOWN)):
        if (base_left is UNKNOWN) != (base_right is UNKNOWN):
            continue
        decision = merge(a_rule, BySide(left, right), BySide(base_left, base_right))
        now: BySide[Held] = BySide(left, right)
        bases: BySide[Held] = BySide(base_left, base_right)
        match decision:
            case Send(side, value):
                assert a_rule.writes[side]
                now = bases = now.replaced(side, value)
            case Settle(settled):
                bases = settled
        after = merge(a_rule, now, bases)
        assert not isinstance(after, Send), (left, right, base_left, base_right, decision, after)

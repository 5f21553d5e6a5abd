"""Laws of value tables: what is carried there and back means the same, and nothing is guessed."""

from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.console.setups.checks.value_tables import extends, proposal
from shared.contract.people import People, Person
from shared.engine.merging import InvalidValue, LeftOut
from shared.model.fields import Option
from shared.model.mapping import FieldMapping, Otherwise, ValueRow
from shared.model.sides import BySide
from shared.rules.errors import CODES
from shared.rules.lenses import LENS, LensContext
from shared.rules.tables import Table, of_people, of_values

_LEFT: Final = st.sampled_from("abcdef")
_RIGHT: Final = st.sampled_from("uvwxyz")
_ROWS: Final = st.lists(st.builds(ValueRow, left=_LEFT, right=_RIGHT), min_size=1, max_size=8).map(tuple)


def _mapping(*rows: tuple[str, str], **more: object) -> FieldMapping:
    values = tuple(ValueRow(left=left, right=right) for left, right in rows)
    return FieldMapping.model_validate({"key": "k", "left": "l", "right": "r", "values": values, **more})


def _context(mapping: FieldMapping) -> LensContext:
    return LensContext(table=of_values(mapping))


@given(rows=_ROWS, left=_LEFT, right=_RIGHT)
def test_what_is_written_means_what_it_was_made_of(rows: tuple[ValueRow, ...], left: str, right: str) -> None:
    """In both directions, also where several values mean one; a value without a row is refused."""
    lens, context = LENS["table"], _context(_mapping(*((row.left, row.right) for row in rows)))
    assert lens.agree is not None
    for old in (None, left):
        if any(row.right == right for row in rows):
            stored = lens.put(right, old, context)
            assert stored is not None
            assert lens.agree(stored, right, context)
        else:
            with pytest.raises(InvalidValue):
                lens.put(right, old, context)
    if any(row.left == left for row in rows):
        sent = lens.get(left, context)
        assert sent is not None
        assert lens.agree(left, sent, context)


@given(rows=_ROWS, left=_LEFT, right=_RIGHT)
def test_a_value_stays_that_means_the_same_already(rows: tuple[ValueRow, ...], left: str, right: str) -> None:
    context = _context(_mapping(*((row.left, row.right) for row in rows)))
    agrees = any((row.left, row.right) == (left, right) for row in rows)
    if any(row.right == right for row in rows):
        assert (LENS["table"].put(right, left, context) == left) is (
            agrees or context.table.to.left.words[right] == left
        )


@given(
    rows=_ROWS.map(lambda rows: tuple({row.left: row for row in rows}.values())),
    left=st.frozensets(_LEFT), right=st.frozensets(_RIGHT),
)  # fmt: skip
def test_a_set_comes_to_mean_what_is_put(
    rows: tuple[ValueRow, ...], left: frozenset[str], right: frozenset[str]
) -> None:
    lens, context = LENS["set_table"], _context(_mapping(*((row.left, row.right) for row in rows)))
    known = {row.left for row in rows}, {row.right for row in rows}
    here, there = tuple(sorted(left & known[0])), tuple(sorted(right & known[1]))
    stored = lens.put(there, here, context)
    assert (lens.get(stored, context) if stored else None) == (there or None)


def test_the_first_row_says_what_is_written_where_several_mean_the_same() -> None:
    context = _context(_mapping(("warm", "B"), ("tepid", "B"), ("hot", "A")))
    lens = LENS["table"]
    assert [lens.get(value, context) for value in ("warm", "tepid", "hot")] == ["B", "B", "A"]
    assert [lens.put("B", old, context) for old in (None, "hot", "tepid")] == ["warm", "warm", "tepid"]


def test_a_value_without_a_row_is_refused_with_what_to_do() -> None:
    with pytest.raises(InvalidValue, match="'gold' is not in the mapping's `values`: add a row for it") as refused:
        LENS["table"].get("gold", _context(_mapping(("a", "x"))))
    assert refused.value.code == "option_unknown"
    assert refused.value.code in CODES


def test_a_value_without_a_row_is_left_out_where_the_mapping_says_so() -> None:
    with pytest.raises(LeftOut) as left_out:
        LENS["table"].get("gold", _context(_mapping(("a", "x"), unmapped="skip")))
    assert left_out.value.code == "value_unmapped"


def test_one_value_can_stand_for_all_others() -> None:
    """It is not carried back where the other side holds a value without a row already."""
    context = _context(_mapping(("a", "x"), otherwise=Otherwise(right="rest", left="b")))
    lens = LENS["table"]
    assert [lens.get(value, context) for value in ("a", "gold")] == ["x", "rest"]
    assert [lens.put("rest", old, context) for old in ("gold", "a", None)] == ["gold", "b", "b"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([("a", "x")], [("a", "x"), ("b", "y")], True),
        ([("a", "x")], [("a", "x"), ("b", "x")], True),
        ([("a", "x")], [("b", "x"), ("a", "x")], False),
        ([("a", "x")], [("a", "y")], False),
        ([("a", "x"), ("b", "y")], [("a", "x")], False),
        ([], [("a", "x")], False),
        ([("a", "x")], [("a", "x")], True),
    ],
)
def test_a_table_that_only_gains_rows_leaves_what_was_settled(
    before: list[tuple[str, str]], after: list[tuple[str, str]], expected: object
) -> None:
    assert extends(_mapping(*after), _mapping(*before)) is expected


def test_a_row_for_a_value_that_another_one_stood_for_is_a_change() -> None:
    rest = Otherwise(right="rest")
    assert not extends(_mapping(("a", "x"), ("b", "y"), otherwise=rest), _mapping(("a", "x"), otherwise=rest))
    assert extends(_mapping(("a", "x"), otherwise=rest), _mapping(("a", "x")))


def test_options_are_paired_by_value_and_then_by_label() -> None:
    left = [Option(value="new", label="New"), Option(value="won", label="Closed won"), Option(value="x", label="X")]
    right = [Option(value="2", label="closed won "), Option(value="new", label="Old"), Option(value="3", label="New")]
    assert proposal(left, right) == [ValueRow(left="new", right="new"), ValueRow(left="won", right="2")]


# People

_ANN, _BOB, _OLD = (
    Person(id="1", email="ann@x.example"), Person(id="2", email="Bob@x.example"),
    Person(id="3", email="bob@x.example", active=False),
)  # fmt: skip


def _owners(left: Sequence[Person], right: Sequence[Person], **more: object) -> Table:
    mapping = FieldMapping.model_validate({"key": "k", "left": "l", "right": "r", "lens": "owner", **more})
    return of_people(mapping, BySide(left, right).map(lambda rows: People(connection="c", people=tuple(rows))))


def test_people_are_the_same_by_address_and_nobody_is_given_what_is_theirs_no_more() -> None:
    table = _owners([_ANN, _BOB], [_OLD, Person(id="9", email="BOB@X.example")])
    assert table.to.right.words == {"2": "9"}
    assert table.to.left.words == {"3": "2", "9": "2"}
    assert [table.agree("2", other) for other in ("3", "9", "1")] == [True, True, False]
    with pytest.raises(LeftOut, match=r"'ann@x\.example' is nobody in the other account"):
        table.on("R", "1")


def test_a_row_says_who_somebody_is_and_their_own_address_no_longer_does() -> None:
    there = [Person(id="7", email="ann@x.example"), Person(id="8", email="anna@y.example")]
    rows = [{"left": "Ann@x.example", "right": "ANNA@y.example"}]
    table = _owners([_ANN], there, values=rows)
    assert (table.to.right.words, table.to.left.words) == ({"1": "8"}, {"8": "1"})


def test_somebody_who_takes_the_records_of_others_keeps_their_own() -> None:
    table = _owners([_BOB, _ANN], [_ANN], values=[{"left": "bob@x.example", "right": "ann@x.example"}])
    assert (table.to.right.words, table.to.left.words) == ({"1": "1", "2": "1"}, {"1": "1"})


def test_a_default_owner_must_be_there_and_active() -> None:
    assert _owners([_ANN], [_BOB, _OLD], otherwise={"right": "BOB@x.example"}).on("R", "1") == "2"
    with pytest.raises(LeftOut):
        _owners([_ANN], [_OLD], otherwise={"right": "bob@x.example"}).on("R", "1")


def test_all_owners_are_left_out_while_nobody_knows_the_people() -> None:
    mapping = FieldMapping(key="k", left="l", right="r", lens="owner", unmapped="fail")
    with pytest.raises(LeftOut) as left_out:
        of_people(mapping, BySide(None, People(connection="c", people=(_ANN,)))).on("R", "1")
    assert left_out.value.code == "owner_unmapped"
    with pytest.raises(InvalidValue) as refused:
        _owners([_ANN], [], unmapped="fail").on("R", "1")
    assert refused.value.code in CODES


_PEOPLE: Final = st.lists(
    st.builds(
        Person, id=st.sampled_from("12345"), email=st.sampled_from(("", "a@x", "b@x", "c@x")), active=st.booleans()
    ),
    unique_by=lambda person: person.id,
)


@given(left=_PEOPLE, right=_PEOPLE)
def test_owners_travel_to_whom_they_are_and_back_to_one_who_is_the_same(
    left: list[Person], right: list[Person]
) -> None:
    table, active = _owners(left, right), {person.id for person in right if person.active}
    for one, other in table.to.right.words.items():
        assert other in active
        assert table.agree(one, other)
    for other, one in table.to.left.words.items():
        assert table.agree(one, other)

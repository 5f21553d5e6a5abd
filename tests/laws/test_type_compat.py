"""Every pair of types: what is two-way comes back as it was, what is one-way arrives in the form of its target."""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.engine.merging import InvalidValue
from shared.model.fields import FieldInfo
from shared.model.records import FieldType, Value
from shared.rules.lenses import LENS, LensContext
from shared.rules.type_compat import CELLS, MONEY, TABLES, Cell, fit, lenses_for, partners

T = FieldType
ZONES = st.sampled_from(("UTC", "Europe/Rome", "America/Sao_Paulo", "Pacific/Kiritimati", "America/Los_Angeles"))
DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

words = st.text(min_size=1, max_size=20).filter(str.strip)
days = st.dates(min_value=date(1901, 1, 1), max_value=date(2199, 12, 30)).map(date.isoformat)
moments = st.datetimes(min_value=datetime(1901, 1, 2), max_value=datetime(2199, 12, 30)).map(  # noqa: DTZ001 - a Z is added
    lambda moment: moment.isoformat(timespec="milliseconds") + "Z"
)
numbers = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9).map(
    lambda number: f"{number:f}"
)
addresses = st.builds("{}@{}.example".format, st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.sampled_from("ab"))
VALUES: dict[FieldType, st.SearchStrategy[Value]] = {
    T.TEXT: st.one_of(words, numbers, days, addresses, st.sampled_from(("true", "Italy", "+39 06 6982 1234"))),
    T.NAME: words,
    T.EMAIL: addresses,
    T.PHONE: st.sampled_from(("+39 06 6982 1234", "06 69821234", "333 1234567", "ask Anna")),
    T.DOMAIN: st.sampled_from(("acme.example", "https://www.Acme.example:8080/x", "b\u00fccher.example", "n/a")),
    T.COUNTRY: st.sampled_from(("Italy", "IT", "Deutschland", "Atlantis")),
    T.NUMBER: numbers,
    T.DATE: days,
    T.DATETIME: moments,
    T.BOOL: st.booleans(),
    T.ENUM: st.sampled_from(("lead", "customer", "other")),
    T.MULTI: st.lists(st.sampled_from("abcd"), min_size=1, max_size=4).map(tuple),
    T.OWNER: st.sampled_from(("501", "502")),
}


def _is_text(value: Value) -> bool:
    return isinstance(value, str)


FORMS: dict[FieldType, Callable[[Value], bool]] = {
    **dict.fromkeys((T.TEXT, T.NAME, T.EMAIL, T.PHONE, T.COUNTRY, T.DOMAIN, T.ENUM, T.OWNER), _is_text),
    T.NUMBER: lambda value: _is_text(value) and Decimal(str(value)).is_finite(),
    T.DATE: lambda value: _is_text(value) and date.fromisoformat(str(value)).isoformat() == value,
    T.DATETIME: lambda value: bool(DATETIME.fullmatch(str(value))),
    T.BOOL: lambda value: isinstance(value, bool),
    T.MULTI: lambda value: isinstance(value, tuple),
}
"""What a value of each type looks like."""


def cells(*ways: str) -> st.SearchStrategy[tuple[FieldType, FieldType, Cell, Value, Value, LensContext]]:
    """Draw a cell of some ways, with a left and a right value, and where they are."""
    found = [(left, right, cell) for (left, right), cell in CELLS.items() if cell.way in ways]
    return st.sampled_from(found).flatmap(
        lambda row: st.tuples(
            st.just(row[0]), st.just(row[1]), st.just(row[2]), VALUES[row[0]], VALUES[row[1]],
            ZONES.map(lambda zone: LensContext(country="IT", zone=zone)),
        )
    )  # fmt: skip


def test_every_pair_of_types_has_a_cell() -> None:
    assert set(CELLS) == set(product(FieldType, FieldType))
    assert set(VALUES) == set(FORMS) == set(FieldType)
    used = {cell.lens for cell in CELLS.values() if cell.lens} | set(TABLES.values()) | {MONEY}
    assert used == set(LENS), "no lens is without a use"


def test_the_other_side_sees_the_same_cell() -> None:
    """Swapping the sides swaps the ways."""
    swapped = {"to_left_only": "to_right_only", "to_right_only": "to_left_only"}
    for (left, right), cell in CELLS.items():
        assert CELLS[right, left].way == swapped.get(cell.way, cell.way), (left, right)


def test_a_refused_cell_carries_nothing() -> None:
    for cell in CELLS.values():
        assert (cell.lens == "") == (cell.way == "refused") == (not cell.to_left and not cell.to_right)


@pytest.mark.parametrize(
    ("left", "right", "way"),
    [
        (T.TEXT, T.TEXT, "two_way"),
        (T.NUMBER, T.NUMBER, "two_way"),
        (T.DATE, T.DATE, "two_way"),
        (T.DATETIME, T.DATETIME, "two_way"),
        (T.DATE, T.DATETIME, "two_way"),
        (T.BOOL, T.BOOL, "two_way"),
        (T.ENUM, T.ENUM, "two_way"),
        (T.NUMBER, T.TEXT, "to_right_only"),
        (T.DATE, T.TEXT, "to_right_only"),
        (T.DATETIME, T.TEXT, "to_right_only"),
        (T.BOOL, T.TEXT, "to_right_only"),
        (T.OWNER, T.TEXT, "to_right_only"),
        (T.MULTI, T.TEXT, "to_right_only"),
        (T.NUMBER, T.DATE, "refused"),
        (T.EMAIL, T.PHONE, "refused"),
        (T.BOOL, T.NUMBER, "refused"),
        (T.OWNER, T.OWNER, "two_way"),
    ],
)
def test_what_hubspot_allows(left: FieldType, right: FieldType, way: str) -> None:
    assert CELLS[left, right].way == way


@given(cells("two_way"))
def test_an_unchanged_value_comes_back_as_it_stood(
    case: tuple[FieldType, FieldType, Cell, Value, Value, LensContext],
) -> None:
    _, _, cell, left, _, context = case
    lens = LENS[cell.lens]
    try:
        seen = lens.get(left, context)
    except InvalidValue:
        return  # a text that is no address, say: it is told, and not sent
    if seen is not None:
        assert lens.put(seen, left, context) == left


@given(cells("two_way"))
def test_what_is_written_back_is_read_with_the_same_meaning(
    case: tuple[FieldType, FieldType, Cell, Value, Value, LensContext],
) -> None:
    _, _, cell, left, right, context = case
    lens = LENS[cell.lens]
    for old in (None, left):
        try:
            stored = lens.put(right, old, context)
        except InvalidValue:
            return
        assert stored is not None
        seen = lens.get(stored, context)
        assert seen is not None
        assert lens.same(seen, right, context)


@given(cells("two_way", "to_right_only", "to_left_only"))
def test_what_is_sent_has_the_form_of_its_targets_type(
    case: tuple[FieldType, FieldType, Cell, Value, Value, LensContext],
) -> None:
    left_type, right_type, cell, left, right, context = case
    lens = LENS[cell.lens]
    try:
        sent = lens.get(left, context) if cell.to_right else None
        back = lens.put(right, None, context) if cell.to_left else None
    except InvalidValue:
        return
    assert sent is None or FORMS[right_type](sent)
    assert back is None or FORMS[left_type](back)


@given(cells("to_right_only", "to_left_only"))
def test_what_became_text_is_the_same_as_what_it_was_made_of(
    case: tuple[FieldType, FieldType, Cell, Value, Value, LensContext],
) -> None:
    """So that it is not written again and again."""
    _, _, cell, left, right, context = case
    lens = LENS[cell.lens]
    if cell.to_right:
        sent = lens.get(left, context)
        assert sent is not None
        assert lens.same(sent, left, context)
    else:
        sent = lens.put(right, None, context)
        assert sent is not None
        assert lens.same(sent, right, context)


@pytest.mark.parametrize(
    ("day", "moment", "zone"),
    [
        ("2024-02-03", "2024-02-02T23:00:00.000Z", "Europe/Rome"),
        ("2024-02-03", "2024-02-03T08:00:00.000Z", "America/Los_Angeles"),
        ("2018-11-04", "2018-11-04T03:00:00.000Z", "America/Sao_Paulo"),  # where midnight was skipped
    ],
)
def test_a_day_begins_at_local_midnight(day: str, moment: str, zone: str) -> None:
    context = LensContext(zone=zone)
    assert LENS["date_datetime"].get(day, context) == moment
    assert LENS["date_datetime"].put(moment, None, context) == day
    assert LENS["datetime_date"].put(day, None, context) == moment


def test_an_evening_stays_on_its_day_and_keeps_its_hour() -> None:
    rome = LensContext(zone="Europe/Rome")
    evening = "2024-02-02T23:30:00.000Z"  # the third in Rome
    lens = LENS["datetime_date"]
    assert lens.get(evening, rome) == "2024-02-03"
    assert lens.put("2024-02-03", evening, rome) == evening
    assert lens.put("2024-02-04", evening, rome) == "2024-02-03T23:00:00.000Z"


def test_a_field_that_may_not_be_written_closes_its_way() -> None:
    text, fixed = FieldInfo(name="a", type=T.TEXT), FieldInfo(name="b", type=T.TEXT, updatable=False)
    hidden = FieldInfo(name="c", type=T.TEXT, readable=False)
    assert [fit(*pair).direction for pair in ((text, text), (text, fixed), (fixed, text), (fixed, fixed))] == [
        "two_way", "to_left", "to_right", None,
    ]  # fmt: skip
    assert fit(hidden, text).direction == "to_left"
    number = FieldInfo(name="n", type=T.NUMBER)
    assert fit(number, text).direction == "to_right"
    assert fit(number, fixed).direction is None, "the one way that is open leads into a field that may not be written"
    assert [fit(text, fixed).allows(way) for way in ("two_way", "to_left", "to_right")] == [False, True, False]


def test_texts_can_be_carried_as_plain_ones() -> None:
    assert lenses_for(T.EMAIL, T.TEXT) == ("email", "text", "name")
    assert lenses_for(T.DATE, T.DATE) == ("date",)
    assert lenses_for(T.NUMBER, T.DATE) == ()
    assert T.TEXT in partners(T.NUMBER)
    assert T.DATE not in partners(T.NUMBER)

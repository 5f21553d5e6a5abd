"""The laws of the lenses, and what each compares by."""

from datetime import UTC, datetime
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.engine.merging import InvalidValue
from shared.model.records import Value
from shared.model.sides import BySide
from shared.rules.countries import country_code
from shared.rules.errors import ERRORS
from shared.rules.lenses import LENS, LensContext
from shared.rules.tables import OneWay, Table, firsts

_ROWS = (("hot", "A"), ("warm", "B"), ("tepid", "B"), ("cold", "C"))
ITALY = LensContext(
    country="IT",
    zone="Europe/Rome",
    table=Table(
        rows=frozenset(_ROWS), to=BySide(OneWay(firsts((right, left) for left, right in _ROWS)), OneWay(firsts(_ROWS)))
    ),
)

words = st.text(max_size=30)
addresses = st.builds("{}@{}.example".format, st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.sampled_from("ab"))
numbers = st.sampled_from(
    ("+39 06 6982 1234", "06 69821234", "0039 06 69821234", "+39 333 123 4567", "333 1234567", "12", "ask Anna", "")
)
days = st.dates(min_value=datetime(1900, 1, 2, tzinfo=UTC).date(), max_value=datetime(2200, 12, 30, tzinfo=UTC).date())
moments = st.datetimes(min_value=datetime(1901, 1, 1), max_value=datetime(2199, 12, 31)).map(  # noqa: DTZ001 - a Z is added
    lambda moment: moment.isoformat(timespec="milliseconds") + "Z"
)
dressed = st.builds(
    str.format,
    st.sampled_from(("Ann Lee <{}>", "mailto:{}", "MAILTO:{}?subject=x", "{0}; b@b.example", "n/a, {}", "'{}'")),
    addresses,
)
SPELLINGS: dict[str, st.SearchStrategy[Value]] = {
    "text": st.one_of(words, st.booleans(), st.lists(words, max_size=3).map(tuple)),
    "name": words,
    "email": st.one_of(
        addresses,
        addresses.map(str.upper),
        dressed,
        st.just("x@b\u00fccher.example"),
        st.lists(st.one_of(addresses, dressed, st.just("none")), max_size=2).flatmap(
            lambda some: addresses.map(lambda last: (*some, last))
        ),
    ),
    "phone": st.one_of(numbers, st.lists(numbers, min_size=1, max_size=3).map(tuple)),
    "country": st.one_of(words, st.sampled_from(("Italy", "Italia", "IT", "it", "Germany", "Deutschland"))),
    "domain": st.one_of(
        words,
        st.sampled_from(("acme.example", "https://www.Acme.example:8080/x", "gmail.com", "b\u00fccher.example", "n/a")),
    ),
    "date": st.one_of(days.map(lambda day: day.isoformat()), moments),
    "datetime": moments,
    "date_datetime": days.map(lambda day: day.isoformat()),
    "datetime_date": moments,
    "number": st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-9999, max_value=9999).map(str),
    "checkbox": st.one_of(st.booleans(), st.sampled_from(("true", "No", "1"))),
    "set": st.one_of(st.lists(words, max_size=3).map(tuple), st.sampled_from(("a;b", "b;a", ""))),
    "as_text": st.one_of(words, st.booleans(), st.lists(words, max_size=3).map(tuple)),
    "table": st.sampled_from([left for left, _ in _ROWS]),
    "owner": st.sampled_from([left for left, _ in _ROWS]),
    "money": st.tuples(
        st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-9999, max_value=9999).map(str),
        st.sampled_from(("EUR", "USD", "eur", "")),
    ),
    "set_table": st.lists(st.sampled_from([left for left, _ in _ROWS]), max_size=3).map(tuple),
}
ONE_WAY = "as_text"
"""From its texts nothing is read back: it is under the last law alone (and see `test_type_compat`)."""
cases = st.sampled_from(sorted(LENS)).flatmap(lambda name: st.tuples(st.just(name), SPELLINGS[name], SPELLINGS[name]))


def test_every_lens_is_under_the_laws() -> None:
    assert set(SPELLINGS) == set(LENS)


@given(cases)
def test_an_unchanged_value_is_given_back_as_it_stood(case: tuple[str, Value, Value]) -> None:
    name, left, _ = case
    assume(name != ONE_WAY)
    seen = LENS[name].get(left, ITALY)
    if seen is not None:
        assert LENS[name].put(seen, left, ITALY) == left


@given(cases)
def test_what_was_put_is_read_with_the_same_meaning(case: tuple[str, Value, Value]) -> None:
    name, left, right = case
    assume(name != ONE_WAY)
    if name in ("date_datetime", "datetime_date", "table", "owner", "set_table"):
        right = LENS[name].get(right, ITALY) or right  # the other side's type
    lens = LENS[name]
    stored = lens.put(right, left, ITALY)
    if stored is not None:
        seen = lens.get(stored, ITALY)
        assert (seen is None and not right) or (seen is not None and lens.same(seen, right, ITALY))


@given(cases)
def test_same_is_symmetric_and_reflexive(case: tuple[str, Value, Value]) -> None:
    name, one, other = case
    lens = LENS[name]
    assert lens.same(one, one, ITALY)
    assert lens.same(one, other, ITALY) == lens.same(other, one, ITALY)


@pytest.mark.parametrize(
    ("name", "one", "other", "same"),
    [
        ("text", "a\r\nb ", "a\nb", True),
        ("text", "a b", "a  b", False),
        ("text", "e\u0301", "\u00e9", True),
        ("name", "Anna  Rossi", "Anna Rossi", True),
        ("name", "anna", "Anna", False),
        ("email", "Anna@Acme.example", "anna@acme.example", True),
        ("email", "anna+x@acme.example", "anna@acme.example", False),
        ("phone", "+39 06 6982 1234", "06 69821234", True),
        ("phone", "0039 0669821234", "06 69821234", True),
        ("phone", "06 69821234", "6 69821234", False),
        ("phone", "+39 06 6982 1234 ext 5", "+39 06 6982 1234", False),
        ("phone", "12", "1 2", True),
        ("country", "Italy", "IT", True),
        ("country", "Deutschland", "germany", True),
        ("country", "Atlantis", "Lemuria", False),
        ("country", ":", "", False),
        ("domain", "w.example", "https://www.W.example.:8080/x?y#z", True),
        ("domain", "b\u00fccher.example", "xn--bcher-kva.example", True),
        ("domain", "http://gmail.com", "gmail.com", True),
        ("domain", "shop.acme.example", "acme.example", False),
        ("domain", "acme.example", "acme.it", False),
        ("domain", "N/A", "n/a", True),
        ("date", "2024-02-03", "2024-02-02T23:30:00Z", True),
        ("datetime", "2024-02-03T00:00:00Z", "2024-02-03T01:00:00+01:00", True),
        ("number", "1.50", "1.5", True),
        ("number", "1e3", "1000", True),
        ("number", "15", "1.5", False),
        ("checkbox", "true", "Yes", True),
        ("checkbox", "false", "true", False),
        ("set", "a;b", "b; a", True),
        ("as_text", "a ", "a", True),
    ],
)
def test_what_spellings_mean(name: str, one: str, other: str, same: bool) -> None:  # noqa: FBT001 - a column of the table
    assert LENS[name].same(one, other, ITALY) is same


def test_further_addresses_stay_behind_the_one_that_changed() -> None:
    old = ("anna@a.example", "anna@b.example")
    assert LENS["email"].put("rossi@a.example", old, ITALY) == ("rossi@a.example", "anna@b.example")
    assert LENS["email"].put("ANNA@a.example", old, ITALY) == old


def test_one_that_stands_further_back_changes_places_with_the_first() -> None:
    assert LENS["email"].put("anna@b.example", ("anna@a.example", "Anna@b.example"), ITALY) == (
        "anna@b.example", "anna@a.example"
    )  # fmt: skip
    assert LENS["phone"].put("06 69821234", ("+39 06 1111 2222", "+39 06 6982 1234"), ITALY) == (
        "06 69821234", "+39 06 1111 2222"
    )  # fmt: skip
    assert LENS["email"].put("b@x.example", "Ann <a@x.example>; b@x.example", ITALY) == (
        "Ann <b@x.example>; a@x.example"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("mailto:Ann@X.example?subject=Hi", "Ann@X.example"),
        ("mailto:ann%2Bnews@x.example", "ann+news@x.example"),
        ('"Lee, Ann" <ann@x.example>', "ann@x.example"),
        ("Ann <none>, ann@x.example.", "ann@x.example"),
        ("(ann@x.example)", "ann@x.example"),
        (("n/a", "ann@x.example"), "ann@x.example"),
        ("ann@b\u00fccher.example", "ann@xn--bcher-kva.example"),
    ],
)
def test_the_address_that_is_valid_is_sent_as_it_is_written(value: Value, sent: str) -> None:
    assert LENS["email"].get(value, ITALY) == sent


@pytest.mark.parametrize(("name", "value"), [
        ("email", "anna at acme"), ("date", "1899-12-31"), ("date", "--04-12"), ("date_datetime", "2201-01-01"),
        ("number", "many"), ("number", "NaN"), ("number", "1_000"), ("number", "\uff11\uff12"), ("checkbox", "perhaps"),
    ],
)  # fmt: skip
def test_what_does_not_fit_says_so_in_a_word_of_the_registry(name: str, value: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        LENS[name].get(value, ITALY)
    assert caught.value.code in {row.code for row in ERRORS}


def test_country_names_come_in_many_languages() -> None:
    assert {country_code(name) for name in ("France", "Frankreich", "Francia", "FR")} == {"FR"}


@given(st.text(st.characters(), max_size=20))
def test_what_is_sent_can_be_stored_and_means_the_same(text: str) -> None:
    sent = LENS["text"].get(text, ITALY)
    if sent is None:
        assert not text
        return
    ET.fromstring(f"<a>{escape(str(sent))}</a>".encode())
    assert LENS["text"].same(text, sent, ITALY)


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [
        ("number", " 1000 ", "1000"),
        ("number", "1e3", "1000"),
        ("number", "1.50", "1.50"),
        ("datetime", "20240203T101500+0100", "2024-02-03T09:15:00.000Z"),
        ("datetime", "2024-02-03", "2024-02-03T00:00:00.000Z"),
        ("date", " 2024-02-03 ", "2024-02-03"),
        ("phone", " (055) 1-2 x5", " (055) 1-2 x5"),
        ("country", "italia", "italia"),
        ("name", "van  DER Berg", "van  DER Berg"),
        ("email", "Ann@X.example", "Ann@X.example"),
    ],
)
def test_what_was_validated_is_what_is_sent_and_what_is_only_compared_stays_as_it_is(
    name: str, value: str, sent: str
) -> None:
    assert LENS[name].get(value, ITALY) == sent


def test_two_noughts_stand_for_a_plus_where_no_country_is_known() -> None:
    assert LENS["phone"].same("0039 06 6982 1234", "+390669821234", LensContext())
    assert not LENS["phone"].same("0039 06 6982 1234", "0669821234", LensContext())

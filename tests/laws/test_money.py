"""Laws of amounts: they travel with their currency as one value, are never mixed, and are rounded as fields are."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.engine.merging import (
    UNKNOWN,
    Ask,
    Choice,
    Flow,
    Held,
    InvalidValue,
    Keep,
    LeftOut,
    Part,
    Send,
    Settle,
    merge,
)
from shared.model.records import SIDES, Fields, Side, Value
from shared.model.sides import BySide
from shared.model.words import By
from shared.rules.errors import CODES
from shared.rules.lenses import LENS, LensContext
from shared.rules.money import Kept, Money, rounded

_AMOUNTS: Final = st.sampled_from((None, "1", "2.5", "3.14", "10.005"))
_CODES: Final = st.sampled_from((None, "EUR", "USD", "CHF"))
_FIELDS: Final = st.fixed_dictionaries({"amount": _AMOUNTS, "code": _CODES})
_OTHER: Final[dict[Side, Side]] = {"L": "R", "R": "L"}


def wins(winner: Side | Literal["ask"]) -> Callable[..., Choice]:
    return lambda *_: Choice(winner, By.DEFAULT_APP)


def flow(left: Kept, right: Kept, **changes: Any) -> Flow:
    """Return the flow of an amount and its currency."""
    lens, context = LENS["money"], LensContext(money=Money(BySide(left, right)))
    assert lens.agree is not None
    agree = lens.agree
    return Flow(
        key="k", names=BySide("amount", "amount"),
        parts=BySide(left, right).map(
            lambda kept: (Part(field="" if kept.fixed else "code", default=kept.currency),)
        ),
        get=lambda value: lens.get(value, context), put=lambda value, old: lens.put(value, old, context),
        same=lambda one, other: lens.same(one, other, context),
        agree=lambda one, other: agree(one, other, context), **changes,
    )  # fmt: skip


def settled(rule: Flow, fields: dict[Side, Fields], base: BySide[Held]) -> dict[Side, Fields]:
    """Carry decisions out until nothing is left to write; returns the fields of both sides."""
    for _ in range(4):
        held = BySide(rule.held_in("L", fields["L"]), rule.held_in("R", fields["R"]))
        decision = merge(rule, held, base)
        if not isinstance(decision, Send):
            assert isinstance(decision, Settle | Keep)
            return fields
        side, other = decision.side, _OTHER[decision.side]
        written = rule.as_fields(side, decision.value, fields[side])
        assert len(written) == (1 if decision.value is None else len(rule.fields(side))), "all of it, or nothing"
        fields = {**fields, side: {**fields[side], **written}}
        base = base.replaced(side, rule.held_in(side, fields[side])).replaced(other, decision.source)
    raise AssertionError(f"it writes for ever: {fields} {base}")


@given(base=_FIELDS, left=_FIELDS, right=_FIELDS, default=st.sampled_from("LR"))
def test_amount_and_currency_of_two_edits_are_never_mixed(
    base: Fields, left: Fields, right: Fields, default: Side
) -> None:
    rule = flow(
        Kept(currency="EUR"),
        Kept(currency="USD"),
        clears="propagate",
        choose=wins(default),
    )
    was, edited = rule.held_in("L", base), {"L": rule.held_in("L", left), "R": rule.held_in("R", right)}
    after = settled(rule, {"L": left, "R": right}, BySide(was, was))
    held = [rule.held_in(side, after[side]) for side in SIDES]
    assert held[0] == held[1]
    assert held[0] in edited.values()
    news = {side: value for side, value in edited.items() if value != was}
    if len(news) == 1 or len({*news.values()}) == 1:
        assert held[0] in news.values(), "who alone has edited is followed"


@given(left=_FIELDS, right=_FIELDS)
def test_at_the_first_link_one_of_both_stands_as_a_whole(left: Fields, right: Fields) -> None:
    rule = flow(Kept(currency="EUR"), Kept(currency="EUR"))
    before = [rule.held_in("L", left), rule.held_in("R", right)]
    after = settled(rule, {"L": left, "R": right}, BySide(UNKNOWN, UNKNOWN))
    assert rule.held_in("L", after["L"]) == rule.held_in("R", after["R"])
    assert rule.held_in("L", after["L"]) == next((value for value in before if value is not None), None)


@given(
    amount=st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9),
    scales=st.tuples(*[st.sampled_from((None, 0, 2, 3))] * 2),
)
def test_what_was_rounded_is_the_same_and_comes_back_as_it_stood(
    amount: Decimal, scales: tuple[int | None, int | None]
) -> None:
    """At the coarser scale of the two, half to even."""
    rule = flow(Kept(scale=scales[0]), Kept(scale=scales[1]))
    left = (f"{rounded(amount, scales[0]):f}", "EUR")
    sent = rule.get(left)
    assert isinstance(sent, tuple)
    assert Decimal(sent[0]) == rounded(Decimal(left[0]), scales[1])
    assert rule.agree is not None
    assert rule.agree(left, sent)
    assert rule.put(sent, left) == left
    assert merge(rule, BySide(left, sent), BySide(UNKNOWN, UNKNOWN)) == Settle(BySide(left, sent))


@pytest.mark.parametrize(
    ("amount", "scale", "written"),
    [
        ("2.345", 2, "2.34"),
        ("2.355", 2, "2.36"),
        ("2.50", 2, "2.50"),
        ("0.5", 0, "0"),
        ("1e3", 2, "1000"),
        ("-7", 2, "-7"),
    ],
)
def test_an_amount_is_written_with_the_decimals_that_its_field_takes(amount: str, scale: int, written: str) -> None:
    assert flow(Kept(), Kept(scale=scale)).get((amount, "EUR")) == (written, "EUR")


def test_the_currency_of_an_account_stands_where_none_is_named() -> None:
    """It is not written where the field stays empty for it, and is where the other side means another one."""
    rule = flow(Kept(currency="EUR"), Kept(currency="USD"))
    assert rule.held_in("L", {"amount": "5", "code": None}) == ("5", "EUR")
    assert rule.as_fields("R", ("5", "EUR"), {"amount": None, "code": None}) == {"amount": "5", "code": "EUR"}
    assert rule.as_fields("R", ("5", "USD"), {"amount": "4", "code": None}) == {"amount": "5", "code": None}
    assert rule.as_fields("R", ("5", "USD"), {"amount": "4", "code": "EUR"}) == {"amount": "5", "code": "USD"}
    assert rule.as_fields("R", ("5", "USD"), {}) == {"amount": "5", "code": "USD"}


def test_nothing_is_known_of_an_amount_whose_currency_is_not() -> None:
    rule = flow(Kept(), Kept())
    assert rule.held_in("L", {"amount": "5"}) is UNKNOWN
    assert rule.held_in("L", {"code": "EUR"}) is UNKNOWN
    assert rule.held_in("L", {"amount": None}) is None, "and an empty one has none"


@pytest.mark.parametrize(
    ("left", "value", "said"),
    [
        (Kept(), ("5", "USD"), "the amount is in USD, and the other side keeps EUR alone"),
        (Kept(), ("5", ""), "nothing says in which currency the amount is"),
        (Kept(), ("five", "EUR"), "'five' is no number"),
    ],
)
def test_an_amount_that_the_other_side_cannot_keep_is_refused(left: Kept, value: Value, said: str) -> None:
    rule = flow(left, Kept(currency="EUR", fixed=True))
    with pytest.raises(InvalidValue, match=said) as refused:
        rule.get(value)
    assert not isinstance(refused.value, LeftOut)
    assert refused.value.code in CODES
    assert rule.get(("5", "EUR")) == ("5", "EUR")
    assert rule.as_fields("R", ("5", "EUR"), {}) == {"amount": "5"}
    assert merge(flow(left, Kept(currency="EUR", fixed=True), choose=wins("ask")), BySide(("5", "EUR"), ("6", "EUR")),
                 BySide(("4", "EUR"), ("4", "EUR"))) == Ask()  # fmt: skip

"""Texts that are too long for a field: what is known of them travels, is compared and told, and is never written."""

from dataclasses import replace
from typing import Final

import pytest

from shared.apps import APPS
from shared.config.compiling import compile_policy
from shared.engine.merging import Flow, InvalidValue, Keep, Send, Settle, merge
from shared.model.mapping import FieldMapping
from shared.model.records import LONGEST, Report, TooLong, Version, within_limit
from shared.model.sides import BySide
from shared.model.syncs import Connection, Sync, SyncSide
from shared.wire.messages import RecordSeen
from shared.wire.topics import RECORDS

_LONG: Final = TooLong(length=LONGEST + 1, digest="d")


def _rule(lens: str = "text", limit: int | None = None, scale: int | None = None) -> Flow:
    """Map the descriptions of two HubSpot accounts, the second of which takes no more than the limits."""
    fields = tuple(
        row.model_copy(update={"max_length": limit or row.max_length, "scale": scale})
        for row in APPS["hubspot"].objects["company"].fields
    )
    usual = APPS["hubspot"].objects["company"]
    small = replace(usual, fields=fields)
    connections = {
        name: Connection(id=name, app="hubspot", label="", account=name, base_url="http://x", auth="api_key")
        for name in ("one", "two")
    }
    sync = Sync(
        id="s", left=SyncSide(connection="one", object="company"), right=SyncSide(connection="two", object="company"),
        mappings=(FieldMapping(key="note", left="description", right="description", lens=lens),),
    )  # fmt: skip
    (rule,) = compile_policy(sync, connections, lambda name, _: usual if name == "one" else small, live=True).rules
    return rule


def _report(**fields: str | tuple[str, ...] | None) -> Report:
    return Report(connection="c", object="contact", id="1", version=Version(order=1), fields=fields)


def test_only_what_is_too_long_is_replaced() -> None:
    whole = _report(a="x" * LONGEST, b=None, c=("x", "y"))
    assert within_limit(whole) is whole
    cut = within_limit(_report(a="x" * (LONGEST + 1), b="short", c=("x" * LONGEST, "y")))
    known = {name: value.length if isinstance(value, TooLong) else value for name, value in cut.fields.items()}
    assert known == {"a": LONGEST + 1, "b": "short", "c": LONGEST + 1}
    assert RECORDS.decode(RECORDS.encode(RecordSeen(report=cut)), {}).report == cut


def test_two_long_texts_are_the_same_when_nothing_tells_them_apart() -> None:
    one, same, other = (within_limit(_report(a=sign * (LONGEST + 5))).fields["a"] for sign in "xxy")
    assert one == same != other


@pytest.mark.parametrize("lens", ["text", "name", "email", "phone", "country", "date", "number", "as_text"])
def test_a_text_that_is_too_long_is_never_sent(lens: str) -> None:
    rule = _rule(lens)
    with pytest.raises(InvalidValue, match="65,537 characters") as refused:
        rule.get(_LONG)
    assert refused.value.code == "too_long"
    for old in (None, "old", _LONG):
        with pytest.raises(InvalidValue, match="65,537 characters"):
            rule.put(_LONG, old)
    assert not rule.same(_LONG, "old")


def test_a_text_is_held_to_the_limit_of_the_field_that_would_take_it() -> None:
    rule = _rule(limit=10)
    assert rule.get("x" * 10) == "x" * 10
    with pytest.raises(InvalidValue, match="at most 10"):
        rule.get("x" * 11)
    assert rule.put("x" * 11, None) == "x" * 11


def test_a_number_is_held_to_the_decimals_of_the_field_that_would_take_it() -> None:
    rule = _rule("number", scale=2)
    assert [rule.get(number) for number in ("12.50", "1250", "1.5000")] == ["12.50", "1250", "1.5000"]
    with pytest.raises(InvalidValue, match="at most 2 decimals are taken, and the number has 3") as refused:
        rule.get("12.125")
    assert refused.value.code == "invalid_value"
    assert rule.put("12.125", None) == "12.125"
    with pytest.raises(InvalidValue, match="at most 0 decimals are taken, and the number has 1"):
        _rule("number", scale=0).get("2.5")


def test_long_texts_in_the_merge() -> None:
    """The same on both sides is settled, unchanged is left alone, and a new short one takes the long one's place."""
    rule = _rule()
    assert merge(rule, BySide(_LONG, _LONG), BySide(None, None)) == Settle(BySide(_LONG, _LONG))
    assert merge(rule, BySide(_LONG, "a"), BySide(_LONG, "a")) == Keep()
    assert merge(rule, BySide("new", "a"), BySide(_LONG, "a")) == Send("R", "new", "new")
    with pytest.raises(InvalidValue):
        merge(rule, BySide(_LONG, "a"), BySide("a", "a"))

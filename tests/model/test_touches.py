"""What the reasons of touches do, as workers of other versions know them."""

from dataclasses import fields

from shared.model.pairs import PairEvent
from shared.model.touches import Effects, Touch, effects_of

_DO = {
    "resync": {"retries_refused", "republishes", "makes_way", "is_news"},
    "retry": {"retries_refused", "republishes", "is_news"},
    "backfill": {"retries_taken", "makes_way", "is_news"},
    "rematch": {"retries_taken", "is_news"},
    "woken": {"rereads_links", "is_news"},
    "again": {"retries_taken", "republishes"},
    "rebuilt": {"rereads_links", "republishes"},
    "give_up": {"is_news"},
}


def _done(reason: str) -> set[str]:
    effects = effects_of(reason)
    return {one.name for one in fields(Effects) if getattr(effects, one.name)}


def test_each_reason_does_what_workers_of_the_version_before_take_it_for() -> None:
    """A reason that is new is not theirs."""
    assert {reason: _done(reason) for reason in _DO} == _DO


def test_a_reason_of_a_newer_version_lets_the_pair_decide_anew() -> None:
    event = PairEvent.model_validate_json('{"sync": "s", "pair": "p", "kind": "touch", "reason": "from_later"}')
    assert _done(event.reason) == {"is_news"}


def test_a_reason_travels_as_its_word() -> None:
    event = PairEvent(sync="s", pair="p", kind="touch", reason=Touch.GIVE_UP)
    assert '"reason":"give_up"' in event.model_dump_json()

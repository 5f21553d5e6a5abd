"""The safety rules of the protocol, each switched off by itself."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from services.matcher.matching import counterparts, match
from services.matcher.resolving import resolve, telling
from services.matcher.resolving.outputs import outputs
from services.matcher.resolving.work import as_swap
from services.writer.write import Write
from shared.engine import draft, pairing, taking
from shared.engine.deciding import associating, half_pairs, linked_pairs, settling
from shared.engine.merging import Flow
from shared.io.links import lost, places, rebuild, scripts, store
from shared.io.ports import Inbound
from shared.io.redis import memory as memory_redis
from shared.model import ids
from shared.model.outcomes import Drop
from shared.model.pairs import MOST_IN_BUNDLE, Pair, PairEvent
from shared.model.records import Report
from shared.model.touches import effects_of

Patch = Callable[[pytest.MonkeyPatch], None]


def _rewrite(patch: pytest.MonkeyPatch, old: str, new: str) -> None:
    """Change the scripts that Redis runs."""
    texts = dict(scripts.load_scripts())
    if not any(old in text for text in texts.values()):
        raise ValueError(f"no script says {old!r}")

    def mutated() -> Mapping[Any, str]:
        return {name: text.replace(old, new) for name, text in texts.items()}

    patch.setattr(memory_redis, "load_scripts", mutated)


def no_epoch(patch: pytest.MonkeyPatch) -> None:
    """Scripts run on whatever Redis there is."""
    _rewrite(patch, "if not ready()", "if false")


def no_revision(patch: pytest.MonkeyPatch) -> None:
    """Whoever swaps last is believed, whatever state it began with."""
    _rewrite(patch, "~= tonumber(item.expected) then", "~= tonumber(item.expected) and false then")


def any_redis(patch: pytest.MonkeyPatch) -> None:
    """Scripts run on a Redis that has taken over, whatever it lacks."""
    _rewrite(
        patch,
        "return epoch and string.sub(epoch, 1, #id + 1) == id .. ':' and epoch",
        "return epoch and string.sub(epoch, 1, 11) ~= 'rebuilding:' and epoch",
    )


def create_into_a_full_place(patch: pytest.MonkeyPatch) -> None:
    """A create is granted although a record holds the place."""
    _rewrite(patch, "if create ~= '' and not free(c[create]) then return {'occupied'} end", "")


def records_of_others(patch: pytest.MonkeyPatch) -> None:
    """A step takes a record that another pair holds."""
    _rewrite(patch, "if e.old and e.old.pair ~= pair then return {'taken', side, e.old.pair, e.old.flags} end", "")


def no_marker(patch: pytest.MonkeyPatch) -> None:
    """A record that carries our marker is taken for a stranger's."""
    patch.setattr(places, "read_marker", lambda _marker, _sync: None)


def links_by_another_report(patch: pytest.MonkeyPatch) -> None:
    """A partner is created from what the pair knows, although the links know of a newer report."""
    patch.setattr(counterparts, "recognised_as", lambda *_args: True)


def step_over_claims(patch: pytest.MonkeyPatch) -> None:
    """A step puts back what a pair knows over what a newer claim has set."""
    patch.setattr(resolve, "as_swap", lambda work: replace(as_swap(work), stepped=None))


def rebuild_over_claims(patch: pytest.MonkeyPatch) -> None:
    """A rebuild puts back what a pair knows, and not what a newer claim has set."""
    _rewrite(patch, "and old.pair == pair and rev > taken then", "and false then")


def refused_once_and_for_all(patch: pytest.MonkeyPatch) -> None:
    """A write that was refused as a duplicate is not tried again when the holder gives the identifier up."""
    patch.setattr(taking, "effects_of", lambda reason: replace(effects_of(reason), retries_taken=False))


def nobody_told_of_freed_keys(patch: pytest.MonkeyPatch) -> None:
    """Only half pairs hear that an identifier is free again, and nobody asks by himself."""
    _rewrite(patch, "for _, key in ipairs(split(freed)) do all[key] = true end", "")
    patch.setattr(taking, "_PATIENCE", ())


def nobody_gives_up(patch: pytest.MonkeyPatch) -> None:
    """A record keeps the identifier that its source gave up while the one it should have instead is refused."""
    patch.setattr(linked_pairs, "give_up", lambda *_args: None)


def nobody_looks_again(patch: pytest.MonkeyPatch) -> None:
    """Who was kept out by another record is not told when that changes."""
    _rewrite(patch, "local result = holders(item.pokes, item.freed, pair, 50)", "local result = {}")


def no_wake(patch: pytest.MonkeyPatch) -> None:
    """Who waits for a record is not told that it was linked, or left."""
    _rewrite(patch, "if item.woken == '1' and not target then", "if false then")


def bundles_pass_for_one_message(patch: pytest.MonkeyPatch) -> None:
    """Of a bundle's messages to one pair, those that a later batch brings count as the first one come again."""
    patch.setattr(Inbound, "place", property(lambda self: self.offset * MOST_IN_BUNDLE))


def published_once(patch: pytest.MonkeyPatch) -> None:
    """What a step decided is not published again when its messages come a second time."""

    def outputs_once(*args: Any, **more: Any) -> Any:
        return outputs(*args, **{**more, "again": False})

    patch.setattr(resolve, "outputs", outputs_once)


def believed_at_once(patch: pytest.MonkeyPatch) -> None:
    """Of two states whose order nobody knows, the one that comes last is believed."""
    original = taking._believe

    def believe(*args: Any) -> Any:
        given, side, current = args[:3]
        verdict = original(*args)
        if verdict == "asked_again" and not given.policy.sides[side].ordered:
            given.ends = given.ends.replaced(side, current)
            return "taken"
        return verdict

    patch.setattr(taking, "_believe", believe)


def parts_taken_for_the_whole(patch: pytest.MonkeyPatch) -> None:
    """An answer that shows only what was written counts as knowledge of the whole record."""
    patch.setattr(taking, "_is_whole", lambda *_args: True)


def no_claims_in_a_rebuild(patch: pytest.MonkeyPatch) -> None:
    """A rebuild reads the journal alone."""
    patch.setattr(rebuild.Rebuilder, "_claims", lambda *_args: iter(()))


def no_second_look_at_the_epoch(patch: pytest.MonkeyPatch) -> None:
    """Offsets are committed although Redis was rebuilt since."""

    async def unchecked(*_args: object) -> None:
        return None

    patch.setattr(store.Store, "check_epochs", unchecked)


def late_reports_believed(patch: pytest.MonkeyPatch) -> None:
    """What a message says that waited is believed, although newer ones may have come before it."""
    patch.setattr(resolve, "in_doubt", lambda inbound: inbound)
    patch.setattr(match, "is_late", lambda _headers: False)


def nothing_noted_of_the_dead(patch: pytest.MonkeyPatch) -> None:
    """Messages that were taken, but whose outputs were not published, wait as if they were new."""

    async def note(*_args: object) -> None:
        return None

    patch.setattr(resolve, "note_untold", note)


def nothing_noted_in_a_rebuild(patch: pytest.MonkeyPatch) -> None:
    """A rebuild leaves states as they are of which messages come again, as if all of them had been told."""
    patch.setattr(lost.Lost, "untold", lambda _self: iter(()))


def given_as_it_comes_in_a_rebuild(patch: pytest.MonkeyPatch) -> None:
    """A rebuild puts a record that was given twice where the message says that it reads first."""
    patch.setattr(lost.Claimed, "age", 0)


def claims_by_time_in_a_rebuild(patch: pytest.MonkeyPatch) -> None:
    """A rebuild takes that claim for the last one whose change was accepted last."""

    def claimed(event: PairEvent, report: Report) -> lost.Claimed:
        return lost.Claimed(report.version.order, event.accepted_ms)

    patch.setattr(lost, "_claimed", claimed)


def no_waiting_claims_in_a_rebuild(patch: pytest.MonkeyPatch) -> None:
    """A rebuild forgets what was claimed for messages that wait."""
    patch.setattr(rebuild.Rebuilder, "_unhandled", lambda self: self._journal.unstepped())


def no_digest(patch: pytest.MonkeyPatch) -> None:
    """A create is granted although somebody appeared since the decision."""
    patch.setattr(resolve, "as_swap", lambda work: replace(as_swap(work), digest=""))


def no_pending_check(patch: pytest.MonkeyPatch) -> None:
    """The writer sends what no pair waits for any more."""
    original = Write._verdict

    def verdict(self: Write, command: Any, running: Any, loaded: Any) -> Drop | None:
        found = original(self, command, running, loaded)
        return None if found == Drop("not_pending") else found

    patch.setattr(Write, "_verdict", verdict)


def no_quiet_field(patch: pytest.MonkeyPatch) -> None:
    """A field is written on one side while its write on the other is unanswered."""
    patch.setattr(settling, "is_in_flight", lambda *_args: False)


def no_own_values(patch: pytest.MonkeyPatch) -> None:
    """What our own write put there counts as an edit until its answer comes."""
    patch.setattr(taking, "_note_arrival", lambda *_args: None)


def no_doubt(patch: pytest.MonkeyPatch) -> None:
    """A write that was given up is forgotten."""
    patch.setattr(draft.Draft, "doubt", lambda self, side: self.pending.pop(side))


def publish_first(patch: pytest.MonkeyPatch) -> None:
    """The world hears of a step before the store accepted it."""
    original = resolve.Resolve._swap

    async def swap(self: resolve.Resolve, decided: Sequence[Any]) -> Any:
        early = [
            outbound
            for one in decided
            for outbound in outputs(
                one.pair, one.old, one.work.policy, text=one.text, again=one.opened.again, poked=(), waiting=(),
                cause=one.work.messages[-1], now_ms=self._clock.now_ms(),
            )
        ]  # fmt: skip
        await self._publish(early)
        return await original(self, decided)

    patch.setattr(resolve.Resolve, "_swap", swap)


def half_of_an_amount(patch: pytest.MonkeyPatch) -> None:
    """Of an amount and its currency, only what changes is written."""
    original = Flow.as_fields

    def as_fields(self: Flow, side: Any, value: Any, held: Any) -> dict[str, Any]:
        found = original(self, side, value, held)
        changed = {name: text for name, text in found.items() if held.get(name) != text}
        return {self.names[side]: found[self.names[side]], **changed}

    patch.setattr(Flow, "as_fields", as_fields)


def both_pairs_carry(patch: pytest.MonkeyPatch) -> None:
    """An association that both of its records show is carried by both of their pairs."""
    patch.setattr(associating, "carries", lambda *_args: True)


class _AnyContent(str):
    """A create id that equals those of the same create with other content."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and other.startswith(str(self))

    __hash__ = str.__hash__


def create_id_of_the_content(patch: pytest.MonkeyPatch) -> None:
    """A create that is recomputed after an edit is another create."""
    original_id, original_decide = ids.create_id, half_pairs._decide_create
    numbers: dict[str, int] = {}
    count = itertools.count(10)

    def decide_create(given: draft.Draft, side: Any, alike: tuple[str, ...], *rest: Any) -> None:
        original_decide(given, side, alike, *rest)
        for target in given.created_sides:
            pending = given.pending[target]
            number = numbers.setdefault(repr(sorted(pending.fields.items())), next(count))
            given.pending[target] = pending.model_copy(update={"key": f"{pending.key}{number}"})

    patch.setattr(half_pairs, "_decide_create", decide_create)
    patch.setattr(taking, "create_id", lambda *args: _AnyContent(original_id(*args)))


def history_lost_on_redelivery(patch: pytest.MonkeyPatch) -> None:
    """What a step decided is not told again when its messages come a second time."""
    patch.setattr(resolve, "steps_of", lambda pair: [step for step in telling.steps_of(pair) if step.rev == pair.rev])


def history_told_as_anew(patch: pytest.MonkeyPatch) -> None:
    """What a step decided is told again under the revision that its messages' second coming led to."""
    original = pairing._told_again

    def told_again(pair: Pair, was: Pair) -> Pair:
        kept = original(pair, was)
        return kept.model_copy(update={"log": tuple(kept.decisions()), "earlier": ()})

    patch.setattr(pairing, "_told_again", told_again)


def history_told_first(patch: pytest.MonkeyPatch) -> None:
    """The history hears of a step before the store accepted it."""
    original = resolve.Resolve._swap

    async def swap(self: resolve.Resolve, decided: Sequence[Any]) -> Any:
        told = [row for one in decided for row in resolve.told_of(one.pair, one.work)]
        await self._publish(telling.bundled(told))
        return await original(self, decided)

    patch.setattr(resolve.Resolve, "_swap", swap)

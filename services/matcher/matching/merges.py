"""Finds out, before the survivor of a merge is claimed, which of the old records' pairs it belongs to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from shared.engine.policies import Policy
from shared.engine.survivors import Evidence, winner_of
from shared.io.links.requests import Slots
from shared.io.links.store import Store
from shared.model.pairs import NewerState, Pair
from shared.model.records import Life, Report, Side, opposite

Place: TypeAlias = tuple[str, Slots]
"""The pair that a record belongs to, and that pair's places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survivor:
    """Where the survivor of a merge belongs."""

    aliases: tuple[str, ...]
    """The old ids, the winner's first."""
    pair: str
    """The winner's pair."""
    evidence: Evidence
    unread: tuple[str, ...]
    """Old ids that their pairs still take for living records."""


class Merges:
    """Looks up the pairs of merged records."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def among(self, seen: Sequence[tuple[Policy, Side, Report]]) -> dict[int, Survivor]:
        """Return the survivors among reports, by their place, that have no pair of their own yet.

        Raises `NotReady` while the links are lost.
        """
        merged = [
            (number, policy, side, report)
            for number, (policy, side, report) in enumerate(seen)
            if report.aliases and report.life is Life.ALIVE
        ]
        if not merged:
            return {}
        asked = [
            (number, policy, side, report, record)
            for number, policy, side, report in merged
            for record in (report.id, *report.aliases)
        ]
        places = await self._store.look([(policy.sync, side, record, None) for _, policy, side, _, record in asked])
        held: dict[int, dict[str, Place]] = {}
        for (number, _, _, _, record), place in zip(asked, places, strict=True):
            held.setdefault(number, {})[record] = place
        wanted = {
            (policy.sync, held[number][old][0])
            for number, policy, side, report in merged
            for old in _linked(held[number], side, report)
        }
        wanted |= {(policy.sync, held[number][report.id][0]) for number, policy, _, report in merged}
        wanted = {key for key in wanted if key[1]}
        states = await self._store.load(wanted) if wanted else {}
        found: dict[int, Survivor] = {}
        for number, policy, side, report in merged:
            places_of = held[number]
            texts = {
                pair: states[policy.sync, pair].state for pair, _ in places_of.values() if (policy.sync, pair) in states
            }
            pairs = _candidates(places_of, texts, side, report)
            winner, evidence = winner_of(policy, side, report, list(pairs.items()))
            others = tuple(old for old in report.aliases if old != winner)
            unread = tuple(old for old in others if places_of[old][1].of(side) == f":{old}")
            if not winner and not unread:
                continue
            found[number] = Survivor(
                aliases=(winner, *others) if winner else others,
                pair=pairs[winner].pair if winner else "",
                evidence=evidence,
                unread=unread,
            )
        return found


def _candidates(places: Mapping[str, Place], texts: Mapping[str, str], side: Side, report: Report) -> dict[str, Pair]:
    """Return the linked pairs of the old records, by old id; none where the survivor's pair knows it already."""
    found: dict[str, Pair] = {}
    own, slots = places[report.id]
    if own and slots.of(side) == f":{report.id}":
        # It has its place; but when the message comes once more after a crash, its pair has not heard of that yet.
        state = _read(texts.get(own, ""))
        end = state.side(side) if state is not None else None
        if state is None or end is None or end.id not in report.aliases:
            return {}
        found[end.id] = state
    for old in _linked(places, side, report):
        state = _read(texts.get(places[old][0], ""))
        if state is not None:
            found[old] = state
    return found


def _read(text: str) -> Pair | None:
    """Read a state; return nothing where there is none yet, or where only a newer worker can read it."""
    try:
        return Pair.read(text) if text else None
    except NewerState:
        return None


def _linked(places: Mapping[str, Place], side: Side, report: Report) -> list[str]:
    """List the old ids whose pairs have a partner."""
    return [
        old
        for old in report.aliases
        if places[old][1].of(side)[1:] == old and places[old][1].of(opposite(side)).startswith(":")
    ]

"""Finds out, before the survivor of a merge is claimed, which of the old records' pairs it belongs to."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from shared.core.pairs import NewerState, Pair
from shared.core.policies import Policy
from shared.core.records import Life, Report, Side, opposite
from shared.core.survivors import Evidence, winner_of
from shared.io.links import Slots
from shared.io.store import Store


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
        held: dict[int, dict[str, tuple[str, Slots]]] = {}
        for (number, _, _, _, record), place in zip(asked, places, strict=True):
            held.setdefault(number, {})[record] = place
        wanted = {
            (policy.sync, held[number][old][0])
            for number, policy, side, report in merged
            for old in _linked(held[number], side, report)
        }
        states = await self._store.load(wanted) if wanted else {}
        found: dict[int, Survivor] = {}
        for number, policy, side, report in merged:
            places_of = held[number]
            pairs = {}
            for old in _linked(places_of, side, report):
                text = states[policy.sync, places_of[old][0]].state
                with suppress(NewerState):  # such a pair's worker reads the message once more
                    pairs[old] = Pair.read(text) if text else Pair(sync=policy.sync, pair=places_of[old][0])
            winner, evidence = winner_of(policy, side, report, list(pairs.items()))
            others = tuple(old for old in report.aliases if old != winner)
            unread = tuple(old for old in others if places_of[old][1].of(side) == f":{old}")
            if not winner and not unread:
                continue
            found[number] = Survivor(
                aliases=(winner, *others) if winner else others,
                pair=places_of[winner][0] if winner else "",
                evidence=evidence,
                unread=unread,
            )
        return found


def _linked(places: dict[str, tuple[str, Slots]], side: Side, report: Report) -> list[str]:
    """List the old ids whose pairs have a partner, unless the survivor has its place already."""
    pair, slots = places[report.id]
    if pair and slots.of(side) == f":{report.id}":
        return []
    return [
        old
        for old in report.aliases
        if places[old][1].of(side)[1:] == old and places[old][1].of(opposite(side)).startswith(":")
    ]

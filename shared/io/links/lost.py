"""What a rebuild knows of one sync whose links Redis lost, and what it puts back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from shared.engine.policies import Policy
from shared.io.envelope import Stored, is_late
from shared.io.links.places import place_of, places
from shared.io.links.requests import Place, Restored
from shared.model.pairs import Pair, PairEvent
from shared.model.records import SIDES, Report, Side
from shared.model.words import Status

_BEFORE_ALL: Final = -1
"""A place below all others."""
_TO_COME: Final = 1 << 53
"""A place beyond all others, as a double still holds it."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """By which report a record was claimed."""

    order: int | None
    """Its version, where versions are numbers."""
    accepted_ms: int
    at: int = -1
    """Which claim it was, as `PairEvent.claimed_at`."""

    def is_before(self, other: "Claimed") -> bool:
        """Check whether another report is newer; where no version tells, that of the claim or the change after it."""
        if self.order is not None and other.order is not None and self.order != other.order:
            return self.order < other.order
        if self.at >= 0 and other.at >= 0:
            return self.at < other.at
        return self.accepted_ms < other.accepted_ms

    @property
    def age(self) -> tuple[int, int, int]:
        """What reports of one record are sorted by, the oldest first."""
        return (-1 if self.order is None else self.order, self.at, self.accepted_ms)


@dataclass(slots=True)
class Lost:
    """One sync whose links are being put back."""

    policy: Policy
    token: str
    alive_ms: int
    """When it last gave a sign of life."""
    waiting: list[Restored] = field(default_factory=list)
    entries: int = 0
    given_up: bool = False
    """Redis was lost once more, or another worker does it."""
    open_pairs: dict[str, None] = field(default_factory=dict)
    given_away: dict[str, Pair] = field(default_factory=dict)
    lacking: set[str] = field(default_factory=set)
    unsettled: dict[str, int] = field(default_factory=dict)
    """By pair, the place of its first message that nobody has committed, or one below all where that waited: it may
    have been taken, and newer ones may be handled before it comes again."""
    newest: dict[tuple[Side, str], Claimed] = field(default_factory=dict)
    """The newest report for which a record was claimed, as far as it is known."""
    given_last: dict[tuple[Side, str], Claimed] = field(default_factory=dict)
    """By which report a record was given to another pair last, of those that have not taken it."""
    outdated: list[tuple[Claimed, Restored]] = field(default_factory=list)
    """Records that were given to one pair, and later to another."""

    def note_unsettled(self, stored: Stored[PairEvent], event: PairEvent) -> None:
        """Note a message to a pair that nobody has committed; one that waited has lost its place."""
        place = _BEFORE_ALL if is_late(stored.headers) else stored.place
        self.unsettled[event.pair] = min(place, self.unsettled.get(event.pair, place))
        if event.matched is not None and event.side is not None and event.report is not None:
            self._note_given(event.side, event.report.id, _claimed(event, event.report))

    def _note_given(self, side: Side, record: str, claimed: Claimed) -> None:
        known = self.given_last.get((side, record))
        if known is None or known.age < claimed.age:
            self.given_last[side, record] = claimed

    def restorable(self, pair: Pair) -> Restored:
        """Encode a state for the links, and note what the others must know of it."""
        asked = any(end.ask for side in SIDES if (end := pair.side(side)) is not None)
        if pair.pending or pair.again or pair.waits or asked:
            self.open_pairs[pair.pair] = None
        else:
            self.open_pairs.pop(pair.pair, None)
        if pair.absorbed_by:
            self.given_away[pair.pair] = pair
            for side, end in pair.ends.items():
                if end is not None and pair.pair in self.unsettled:
                    self._note_given(side, end.id, Claimed(end.version.order, pair.seen_ms, end.claimed_at))
        else:
            self.given_away.pop(pair.pair, None)
        return self.restored(pair)

    def restored(self, pair: Pair) -> Restored:
        """Return a state for the links."""
        if pair.pair in self.unsettled:
            self._note_newest(pair)
        return as_restored(self.policy, pair)

    def _note_newest(self, pair: Pair) -> None:
        """Note what a state tells of its records, as far as it can be compared with messages that waited.

        Of one in doubt, nothing is newer that was accepted before: it is read again, and that will tell.
        """
        for side in SIDES:
            end, doubted = pair.side(side), pair.doubted.get(side)
            if end is None:
                continue
            at = end.claimed_at if doubted is None else doubted.claimed_at
            if doubted is not None or end.version.order is not None or at >= 0:
                self.newest[side, end.id] = Claimed(end.version.order, pair.seen_ms if doubted is not None else 0, at)

    def removed(self, pair: str) -> Restored:
        """Forget a pair that was deleted with its sync, which may have been set up again since."""
        self.open_pairs.pop(pair, None)
        self.given_away.pop(pair, None)
        return Restored(pair=pair, rev=0, state="", kind="removed")

    def circles(self) -> Iterator[Restored]:
        """Yield pairs that take their records back, because all that they gave them to did the same."""
        for pair in in_circles(self.given_away):
            self.open_pairs[pair.pair] = None
            del self.given_away[pair.pair]
            own = {
                "absorbed_by": "", "status": Status.PENDING, "rev": pair.rev + 1, "log": (), "earlier": pair.decided(),
            }  # fmt: skip
            yield as_restored(self.policy, pair.model_copy(update=own))

    def claim(self, stored: Stored[PairEvent], event: PairEvent) -> Restored | None:
        """Encode what an unstepped message claims, or gives to its pair unless another one was given it later."""
        if event.report is None or event.side is None:
            return None
        # Resolve passes the messages of a pair that gave itself away on to whoever took its record.
        holder = _holder(event.pair, self.given_away)
        # One that waits has lost its place: it counts as still to come, until the pair has looked at it.
        place = _TO_COME if is_late(stored.headers) else stored.place
        claimed = _claimed(event, event.report)
        is_claim = self._is_claim(event, event.side, event.report, claimed, late=is_late(stored.headers))
        entry = Restored(
            pair=holder,
            rev=place if holder == event.pair else -1,
            state="",
            kind="tail" if is_claim else "given",
            ends={event.side: place_of(self.policy.sides[event.side], event.report)},
            surplus=event.surplus,
            aliases=event.report.aliases,
        )
        if not is_claim and claimed.age < self.given_last.get((event.side, event.report.id), claimed).age:
            self.outdated.append((claimed, entry))
            return None
        return entry

    def _is_claim(self, event: PairEvent, side: Side, report: Report, claimed: Claimed, *, late: bool) -> bool:
        """Check whether a message tells of a claim: one that waited, or was passed on, may tell of an old one."""
        newest = self.newest.get((side, report.id))
        older = newest is not None and claimed.is_before(newest)
        if event.matched is not None or (older and (late or event.passed_on)):
            return False
        if not older:
            self.newest[side, report.id] = claimed
        return True

    def handed_over(self) -> Iterator[Restored]:
        """Claim records that were given away for those who take them; of one that was given twice, the last counts.

        The journal may tell that a record was given before anybody was told to take it, when the worker died in
        between; then the messages that it had taken come again. The others were taken long ago, and may have left.
        """
        for pair in (self.given_away[name] for name in sorted(self.given_away.keys() & self.unsettled.keys())):
            ends = dict(places(self.policy, pair))
            yield Restored(pair=_holder(pair.pair, self.given_away), rev=-1, state="", kind="given", ends=ends)
        yield from (entry for _, entry in sorted(self.outdated, key=lambda row: row[0].age, reverse=True))

    def untold(self) -> Iterator[Restored]:
        """Yield the pairs whose messages come again: what was decided of them may not have been published.

        Which states took them, only the links know: they may have kept one that the journal was never told.
        """
        for pair, place in self.unsettled.items():
            yield Restored(pair=pair, rev=place, state="", kind="untold")


def _claimed(event: PairEvent, report: Report) -> Claimed:
    return Claimed(report.version.order, event.accepted_ms, event.claimed_at)


def _holder(pair: str, given_away: Mapping[str, Pair]) -> str:
    while pair in given_away:
        pair = given_away[pair].absorbed_by
    return pair


def in_circles(given_away: Mapping[str, Pair]) -> list[Pair]:
    """Find one pair of each circle of pairs that gave their records to one another.

    Redis may forget that a pair gave itself away after Kafka was told, and the receiver may then give itself back.
    Nobody would hold either record: the first of them, by id, takes its own back, and is matched again.
    """
    done: set[str] = set()
    found: list[Pair] = []
    for start in sorted(given_away):
        path: list[str] = []
        at = start
        while at in given_away and at not in done:
            done.add(at)
            path.append(at)
            at = given_away[at].absorbed_by
        if at in path:
            found.append(given_away[min(path[path.index(at) :])])
    return found


def as_restored(policy: Policy, pair: Pair) -> Restored:
    """Encode a journal entry as the restore script takes it."""
    ends: dict[Side, Place] = dict(places(policy, pair))
    if not pair.absorbed_by:
        # A living record was seen that may be the newer one: nobody may be created beside it before it is read again.
        ends |= {
            side: replace(ends[side], alive=True, identity=known.identity, keys=known.keys)
            for side, known in pair.doubted.items()
        }
        for side in SIDES:
            pending = pair.pending.get(side)
            if pair.side(side) is None and pending is not None and pending.op == "create":
                ends[side] = Place(id="*", alive=True)
    kind = "absorbed" if pair.absorbed_by else "full" if pair.L is not None and pair.R is not None else "half"
    surplus = pair.match is not None and pair.match.by == "surplus"
    return Restored(pair=pair.pair, rev=pair.rev, state=pair.text(), kind=kind, ends=ends, surplus=surplus)  # type: ignore[arg-type]  # one of three words

"""Match: find the pair of a record in every sync that it takes part in, and report it there."""

from collections.abc import Sequence
from dataclasses import replace

from services.matcher.matching.merges import Merges, Survivor
from shared.config.running import Running
from shared.config.setups import Setups
from shared.io.envelope import is_late, waited_for_newer
from shared.io.links.places import as_claim
from shared.io.links.requests import Claim, Claimed
from shared.io.links.store import Store
from shared.io.ports import Bus, Inbound, Outbound
from shared.model.ids import record_key
from shared.model.outcomes import NOT_RUN_HERE, Done, Drop, Later, Outcome
from shared.model.pairs import Answer, PairEvent
from shared.model.records import Side
from shared.wire import topics
from shared.wire.messages import Notice, RecordSeen


class Match:
    """The handler of `records`."""

    def __init__(self, store: Store, bus: Bus, setups: Setups) -> None:
        self._store = store
        self._bus = bus
        self._setups = setups
        self._merges = Merges(store)

    async def handle(self, batch: Sequence[Inbound[RecordSeen]]) -> list[Outcome]:
        """Claim all records of the batch, report them to their pairs, and return the outcome of each message."""
        running = self._setups.running
        foreign = {id(inbound) for inbound in batch if _is_foreign(inbound, running)}
        wanted = [
            (inbound, sync, side)
            for inbound in batch
            if not (id(inbound) in foreign and waited_for_newer(inbound.headers))
            for sync, side in running.sides_of(inbound.message.report.connection, inbound.message.report.object)
            if sync.sync not in inbound.message.without
        ]
        survivors = await self._merges.among([(policy, side, row.message.report) for row, policy, side in wanted])
        claims: dict[str, list[Claim]] = {}
        for number, (inbound, policy, side) in enumerate(wanted):
            claim = as_claim(policy, side, inbound.message.report)
            if number in survivors:
                claim = replace(claim, aliases=survivors[number].aliases)
            claims.setdefault(policy.sync, []).append(claim)
        claimed = await self._store.claim(claims)
        queues = {sync: iter(rows) for sync, rows in claimed.items()}
        found: dict[int, list[Claimed]] = {}
        out: list[Outbound] = []
        for number, (inbound, policy, side) in enumerate(wanted):
            claimed_by = next(queues[policy.sync])
            found.setdefault(id(inbound), []).append(claimed_by)
            survivor = survivors.get(number)
            if claimed_by.what not in ("dead", "hold"):
                out += _events(inbound, policy.sync, side, claimed_by, survivor)
            if survivor is not None:
                out += [_look_at(inbound, old) for old in survivor.unread]
        await self._bus.publish(out)
        await self._store.check_epochs({sync: rows[0].epoch for sync, rows in claimed.items()})
        return [_outcome(found.get(id(inbound), []), newer_waits=id(inbound) in foreign) for inbound in batch]


def _is_foreign(inbound: Inbound[RecordSeen], running: Running) -> bool:
    """Check whether the message concerns a sync that does not run here."""
    report = inbound.message.report
    return bool(set(running.foreign_syncs(report.connection, report.object)).difference(inbound.message.without))


def _look_at(inbound: Inbound[RecordSeen], old: str) -> Outbound:
    """Read a record again that was merged into this one: its pair may learn it in no other way."""
    report = inbound.message.report
    notice = Notice(
        connection=report.connection, object=report.object, id=old, kind="merged",
        accepted_ms=inbound.message.accepted_ms,
    )  # fmt: skip
    key = record_key(report.connection, report.object, old)
    return Outbound(topic=topics.NOTICES, key=key, message=notice, cause=inbound)


def _events(
    inbound: Inbound[RecordSeen], sync: str, side: Side, claim: Claimed, survivor: Survivor | None
) -> list[Outbound]:
    seen = inbound.message
    answers = [row for row in seen.answers if row.sync == sync and row.side == side]
    own = next((row.answer for row in answers if row.pair == claim.pair), None)
    event = PairEvent(
        sync=sync, pair=claim.pair, kind="report", side=side, report=seen.report, asks=seen.asks, answer=own,
        origin=seen.origin, surplus=claim.what == "surplus", doubtful=claim.what == "back" or is_late(inbound.headers),
        survived=survivor.evidence if survivor is not None and claim.pair == survivor.pair else "",
        claimed_at=inbound.place, accepted_ms=seen.accepted_ms,
    )  # fmt: skip
    out = [Outbound(topic=topics.PAIRS, key=claim.pair, message=event, cause=inbound)]
    for row in answers:
        if row.pair != claim.pair:  # the record turned out to belong elsewhere; whoever asked must not wait for ever
            dropped = PairEvent(
                sync=sync,
                pair=row.pair,
                kind="answer",
                side=side,
                answer=Answer(write=row.answer.write, result="dropped"),
            )
            out.append(Outbound(topic=topics.PAIRS, key=row.pair, message=dropped, cause=inbound))
    return out


def _outcome(claims: Sequence[Claimed], *, newer_waits: bool) -> Outcome:
    if any(claim.what == "hold" for claim in claims):
        return Later("creates_in_flight", "1m")
    if newer_waits:
        return NOT_RUN_HERE
    if not claims:
        return Drop("no_sync")
    if all(claim.what == "dead" for claim in claims):
        return Drop("unknown_and_gone")
    return Done("surplus" if any(claim.what == "surplus" for claim in claims) else "matched")

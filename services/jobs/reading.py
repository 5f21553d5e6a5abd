"""Steps that list what the apps hold, and wait until the matcher has taken it."""

from services.jobs.work import Work
from shared.contract.feeds import HintKind
from shared.io.ports import Outbound, run_blocking
from shared.model.ids import record_key
from shared.model.records import SIDES, Side, within_limit
from shared.model.syncs import Sync
from shared.wire import topics
from shared.wire.messages import Notice, RecordSeen


def read_both(work: Work, sync: Sync, *, remember: bool = False) -> None:
    """Read both sides while the matcher keeps up, once their feeds have begun.

    Args:
        work: The job.
        sync: What is read.
        remember: Whether to keep which records were listed.
    """
    _prepare(work, sync)
    work.wait(lambda: _feeds_begun(work, sync))
    for side in SIDES:
        _read(work, sync, side, remember=remember)


def pass_barrier(work: Work) -> None:
    """Wait until match has passed all that was read."""
    if not work.progress.barrier:
        ends = work.parts.offsets.end_offsets(topics.RECORDS.name)
        work.tell(barrier={str(part): end for part, end in ends.items()})
    work.wait(lambda: _passed_barrier(work))


def notice_of(work: Work, sync: Sync, side: Side, record: str, kind: HintKind) -> Outbound:
    """Ask for one record to be read alone."""
    end = sync.side(side)
    notice = Notice(
        connection=end.connection, object=end.object, id=record, kind=kind, accepted_ms=work.parts.clock.now_ms()
    )
    key = record_key(end.connection, end.object, record)
    return Outbound(topic=topics.NOTICES, key=key, message=notice, trace=work.trace)


def _prepare(work: Work, sync: Sync) -> None:
    """Make each app ready for what the sync may create there."""
    setups, policy = work.parts.setups, work.parts.setups.policy(sync.id)
    for side in SIDES:
        end = sync.side(side)
        prepare = setups.binding(end.connection, end.object).prepare
        if prepare is not None and policy is not None and policy.sides[side].create:
            session = setups.session(end.connection)
            run_blocking(work.parts.caller.run(end.connection, prepare(session), wait_s=10.0))


def _feeds_begun(work: Work, sync: Sync) -> bool:
    return all(
        work.parts.has_begun(end.connection, end.object, feed.name)
        for end in (sync.left, sync.right)
        for feed in work.parts.setups.binding(end.connection, end.object).feeds
    )


def _read(work: Work, sync: Sync, side: Side, *, remember: bool) -> None:
    end, setups = sync.side(side), work.parts.setups
    binding, session = setups.binding(end.connection, end.object), setups.session(end.connection)
    cursor = work.progress.cursors.get(side)
    if cursor == "":
        return
    while True:
        work.wait(work.has_room)
        running = setups.running
        exchange = binding.list_page(session, cursor, running.fields_of(end.connection, end.object))
        page = run_blocking(work.parts.caller.run(end.connection, exchange, share="backfill", wait_s=10.0))
        now_ms, without = work.parts.clock.now_ms(), running.foreign_syncs(end.connection, end.object)
        work.publish(
            [
                Outbound(
                    topic=topics.RECORDS,
                    key=record_key(report.connection, report.object, report.id),
                    message=RecordSeen(
                        report=within_limit(report), origin="snapshot", without=without, accepted_ms=now_ms
                    ),
                    trace=work.trace,
                )
                for report in page.reports
            ]
        )
        work.publish([notice_of(work, sync, side, record, "changed") for record in page.skipped])
        if remember:
            work.listed[side].update((*(report.id for report in page.reports), *page.skipped))
        work.taken_up = False
        cursor, told = page.next, work.progress
        totals: dict[str, int] = {side: page.total} if page.total is not None else {}
        work.tell(
            read={**told.read, side: told.read.get(side, 0) + len(page.reports)},
            totals={**told.totals, **totals},
            cursors={**told.cursors, side: cursor or ""},
        )
        if cursor is None:
            return


def _passed_barrier(work: Work) -> bool:
    done = work.parts.offsets.committed(topics.MATCHER_GROUP, topics.RECORDS.name)
    return all(done.get(int(part), 0) >= end for part, end in work.progress.barrier.items())

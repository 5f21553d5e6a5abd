"""Hydrate: read the records that notices point at, in batches, and report them as they are now."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from services.ingest.known import TakenVersions
from shared.config.running import Running
from shared.config.setups import Setups, UnknownSetup
from shared.contract.app import Binding
from shared.contract.calls import AppError
from shared.contract.reading import Unreadable
from shared.io.envelope import waited_for_newer
from shared.io.links.store import Store
from shared.io.ports import Bus, Caller, Clock, Inbound, NotReady, Outbound, Together, one_by_one
from shared.model.ids import record_key
from shared.model.outcomes import NOT_RUN_HERE, Delay, Done, Drop, Later, Outcome, Park
from shared.model.records import Life, Report, within_limit
from shared.wire import topics
from shared.wire.messages import Notice, RecordSeen
from shared.wire.topics import DELAYS_MS

_WAIT_S: Final = 5.0
"""How long a batch may wait for budget: well below what a consumer may hold a message for."""
_AGAIN: Final[Mapping[str, Delay]] = {"busy": "10s", "outage": "1m", "auth": "1m", "setup": "10m"}
"""When a read that the app did not serve is tried again, by the error's class. One of a connection that is paused
because of its sign-in costs no call, so it comes soon after somebody has signed in again."""

_SMALLER: Final[Delay] = "10s"
"""When records are asked for again, fewer at once, that an app did not send in time."""

_ERASING_MS: Final = 86_400_000
"""For how long a record that was told to be erased is read again while the app shows it, in its bin or outside."""

Notices = dict[str, list[Inbound[Notice]]]
"""Notices of one connection and object by record."""


class Hydrate:
    """The handler of `notices`."""

    def __init__(
        self, store: Store, bus: Bus, setups: Setups, caller: Caller, clock: Clock, *, together: Together = one_by_one
    ) -> None:
        self._together = together
        self._clock = clock
        self._known = TakenVersions(store, setups)
        self._bus = bus
        self._setups = setups
        self._caller = caller
        self._most: dict[tuple[str, str], int] = {}
        """How many records are read at once where the app did not answer in time for more, by connection and object."""

    async def handle(self, batch: Sequence[Inbound[Notice]]) -> list[Outcome]:
        """Read what the batch points at, report it, and say what became of each notice."""
        outcomes: dict[int, Outcome] = {}
        running = self._setups.running
        known = await self._known.among([inbound.message for inbound in batch])
        groups: dict[tuple[str, str], Notices] = {}
        for number, inbound in enumerate(batch):
            notice = inbound.message
            sides = running.sides_of(notice.connection, notice.object)
            foreign = running.foreign_syncs(notice.connection, notice.object)
            if number in known:
                outcomes[id(inbound)] = Drop("known_version")
            elif foreign and (waited_for_newer(inbound.headers) or not sides):
                outcomes[id(inbound)] = NOT_RUN_HERE
            elif not sides:
                outcomes[id(inbound)] = Drop("no_sync")
            else:
                group = groups.setdefault((notice.connection, notice.object), {})
                group.setdefault(notice.id, []).append(inbound)
        works = [
            partial(self._read_all, connection, object_, notices, running)
            for (connection, object_), notices in groups.items()
        ]
        for found in await self._together(works):
            outcomes |= found
        return [_also_later(inbound.message, outcomes[id(inbound)], running) for inbound in batch]

    async def _read_all(self, connection: str, object_: str, notices: Notices, running: Running) -> dict[int, Outcome]:
        try:
            binding = self._setups.binding(connection, object_)
        except UnknownSetup:  # it went meanwhile: who else wants the record is looked up anew
            raise NotReady(f"{connection}/{object_}") from None
        outcomes: dict[int, Outcome] = {}
        ids = list(notices)
        most = self._most.get((connection, object_), binding.read_batch)
        for start in range(0, len(ids), most):
            chunk = {record: notices[record] for record in ids[start : start + most]}
            outcomes |= await self._read(connection, object_, binding, chunk, running)
        return outcomes

    def _shrink(self, connection: str, object_: str, asked: int) -> None:
        self._most[connection, object_] = max(1, asked // 2)

    def _grow(self, connection: str, object_: str, binding: Binding, read: int) -> None:
        most = self._most.get((connection, object_))
        if most is not None and read >= most:
            self._most[connection, object_] = most * 2
            if most * 2 >= binding.read_batch:
                del self._most[connection, object_]

    async def _read(
        self, connection: str, object_: str, binding: Binding, notices: Notices, running: Running
    ) -> dict[int, Outcome]:
        session = self._setups.session(connection)
        exchange = binding.read(session, list(notices), running.fields_of(connection, object_))
        try:
            results = await self._caller.run(connection, exchange, wait_s=_WAIT_S, about=list(notices))
        except AppError as error:
            if error.smaller and error.retry == "outage" and len(notices) > 1:
                self._shrink(connection, object_, len(notices))
                return _all(notices, Later(error.code, _SMALLER))
            if error.retry in _AGAIN:
                return _all(notices, Later(error.code, _AGAIN[error.retry]))
            if len(notices) == 1:
                return _all(notices, Park(error.code, error.message))
            ids = list(notices)
            halves = (ids[: len(ids) // 2], ids[len(ids) // 2 :])
            parts = [
                await self._read(connection, object_, binding, {record: notices[record] for record in half}, running)
                for half in halves
            ]
            return parts[0] | parts[1]
        self._grow(connection, object_, binding, len(notices))
        outcomes: dict[int, Outcome] = _all(notices, Done("read"))
        out: list[Outbound] = []
        merges = [inbound.message for rows in notices.values() for inbound in rows if inbound.message.winner]
        for result in results:
            if isinstance(result, Unreadable):
                outcomes |= _all({result.id: notices.get(result.id, [])}, Park(result.code, result.message))
            else:
                without = running.foreign_syncs(connection, object_)
                told, about = _winner_told(result, merges), notices.get(result.id, ())
                out.append(_seen(told, about, next(iter(notices.values()))[0], without))
                outcomes |= self._not_erased_yet(told, about)
        await self._bus.publish(out)
        return outcomes

    def _not_erased_yet(self, report: Report, notices: Sequence[Inbound[Notice]]) -> dict[int, Outcome]:
        """Put off a record that was told to be erased and is shown still: no feed will tell it once more."""
        found: dict[int, Outcome] = {}
        for inbound in notices:
            age = self._clock.now_ms() - inbound.message.accepted_ms
            if inbound.message.kind == "erased" and report.life not in (Life.GONE, Life.MERGED) and age < _ERASING_MS:
                delay: Delay = "10s" if age < DELAYS_MS["1m"] else "1m" if age < DELAYS_MS["10m"] else "10m"
                found[id(inbound)] = Later("not_erased_yet", delay)
        return found


def _also_later(notice: Notice, outcome: Outcome, running: Running) -> Outcome:
    """Leave a record to a newer worker as well, where it is also about a sync that runs there alone."""
    if isinstance(outcome, Later) or not running.foreign_syncs(notice.connection, notice.object):
        return outcome
    return NOT_RUN_HERE


def _winner_told(report: Report, merges: Sequence[Notice]) -> Report:
    """Add to the survivor of a merge which record won, where a notice of the batch tells it.

    Of a record that was merged several times, only the last merge tells it. Where its winner was made by another merge
    of the batch, nobody may have heard of that one, and its own winner lives on. Older notices do not say which merge
    they are about.
    """
    won = {merge.into: merge.winner for merge in merges if merge.into}
    winner = won.pop(report.id, "")
    while winner in won:
        winner = won.pop(winner)
    unnamed = {merge.winner for merge in merges if not merge.into}.intersection(report.aliases)
    if not winner and len(unnamed) == 1:
        (winner,) = unnamed
    return report.model_copy(update={"winner": winner}) if winner in report.aliases else report


def _seen(
    report: Report, notices: Sequence[Inbound[Notice]], cause: Inbound[Notice], without: tuple[str, ...]
) -> Outbound:
    if report.life is Life.GONE and any(inbound.message.kind == "erased" for inbound in notices):
        report = report.model_copy(update={"life": Life.ERASED})
    seen = RecordSeen(
        report=within_limit(report),
        asks=tuple(dict.fromkeys(inbound.message.ask for inbound in notices if inbound.message.ask)),
        without=without,
        accepted_ms=min((inbound.message.accepted_ms for inbound in notices), default=cause.message.accepted_ms),
    )
    key = record_key(report.connection, report.object, report.id)
    return Outbound(topic=topics.RECORDS, key=key, message=seen, cause=notices[0] if notices else cause)


def _all(notices: Notices, outcome: Outcome) -> dict[int, Outcome]:
    return {id(inbound): outcome for rows in notices.values() for inbound in rows}

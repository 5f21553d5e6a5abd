"""One worker's jobs, with the matcher and the follower of the settings played by the test."""

import threading
import time
from collections.abc import Mapping
from typing import Any

from services.ingest.cursors import Cursors
from services.jobs.runner import Runner
from services.jobs.work import Parts
from shared import topics
from shared.core.pairs import Pair, SideState
from shared.core.records import Version
from shared.core.syncs import Job
from shared.io.envelope import setups_seen
from shared.io.memory import MemoryReader
from shared.messages import Cursor, JobDoc, JobProgress
from shared.topics import MATCHER_GROUP
from tests.services.desk import LEFT, RIGHT, SYNC, Answer, Desk, as_json, report

_ENDS = ("done", "failed", "cancelled")


class Shift:
    """One worker's jobs, with the matcher and the follower of the settings played by the test."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.cursors = Cursors(desk.bus)
        self.owned = {SYNC}
        self.follows = True
        self.matches = True
        self.records_are_gone = False
        self.stop = threading.Event()
        parts = Parts(
            setups=desk.setups, jobs=desk.jobs, caller=desk.caller, bus=desk.bus, clock=desk.clock, store=desk.store,
            offsets=desk.broker, has_begun=self.cursors.has_begun, keys_since=self.keys_since,
            owns=lambda name: name in self.owned,
        )  # fmt: skip
        self.runner = Runner(parts)
        self._settings = MemoryReader(desk.broker, topics.SETUPS)
        self._reader = MemoryReader(desk.broker, topics.JOBS)
        self._thread = threading.Thread(target=self.runner.run, args=(self.stop,))
        self._thread.start()

    def keys_since(self, start: Mapping[int, int], prefix: str) -> set[str] | None:
        """Return keys of `records`, unless a test has let them grow too old."""
        if self.records_are_gone:
            return None
        found = MemoryReader(self.desk.broker, topics.RECORDS, start=start).poll(0)
        return {stored.key for stored in found if stored.key.startswith(prefix)}

    def end(self) -> None:
        """Stop as a process does."""
        self.stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()
        for thread in self.runner._running.values():
            thread.join(10)
            assert not thread.is_alive()

    def begin_feeds(self) -> None:
        """Give every feed its first cursor."""
        for at in (LEFT, RIGHT):
            for feed in ("changed", "bin"):
                self.cursors.save(Cursor(connection=at, object="contact", feed=feed, cursor="c"))

    def follow(self) -> None:
        """Take what was written: settings by everybody, records by the matcher."""
        if self.desk.broker.available:
            for settings in self._settings.poll(0):
                self.desk.setups.apply(self.desk.setups.offset + 1, settings.key, settings.message)
        if self.follows and self.desk.broker.available:
            for stored in self._reader.poll(0):
                jobs, seen = self.desk.jobs, setups_seen(stored.headers)
                jobs.apply(jobs.offset + 1, stored.key, stored.message, seen=seen)
        if self.matches and self.desk.broker.available:
            self.match()

    def match(self) -> None:
        """Let the matcher be done with everything."""
        for topic in (topics.RECORDS.name, topics.PAIRS.name):
            for part, end in self.desk.broker.end_offsets(topic).items():
                self.desk.broker.commit(MATCHER_GROUP, topic, part, end)

    def until(self, what: Any, *, seconds: float = 10) -> None:
        """Let time pass until something holds."""
        until = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < until, self.phases()
            self.follow()
            time.sleep(0.005)

    def told(self) -> list[JobProgress]:
        """List what jobs told of themselves."""
        if not self.desk.broker.available:
            return []
        return [doc.progress for doc in self.desk.told(topics.JOBS) if doc is not None and doc.progress]

    def phases(self) -> list[str]:
        """List the phases, each once."""
        return list(dict.fromkeys(row.phase for row in self.told()))

    def ended(self) -> bool:
        told = self.told()
        return bool(told) and told[-1].phase in _ENDS


def listing(pages: int = 3, size: int = 2, without: tuple[str, ...] = ()) -> Answer:
    """Answer page after page; cursors are numbers."""

    def answer(at: str, cursor: str | None) -> Any:
        page = int(cursor or 0)
        names = [f"{at[0]}{page * size + number}" for number in range(size)]
        rows = as_json([report(name, 1, at=at) for name in names if name not in without])
        return {"reports": rows, "next": str(page + 1) if page + 1 < pages else None, "total": pages * size}

    return answer


def ask(desk: Desk, kind: str = "first_sync", name: str = "j", **more: Any) -> None:
    job = Job(id=name, kind=kind, sync=SYNC, asked_at_ms=more.pop("at", 1), **more)  # type: ignore[arg-type]  # one of the kinds
    desk.set_job("job", JobDoc(job=job), name)


def pair(desk: Desk, name: str, left: str = "", right: str = "", status: str = "in_sync") -> None:
    """Have the links know a pair."""
    ends = {
        side: SideState(id=record, version=Version(order=1), fields={"email": f"{record}@x.example"})
        for side, record in (("L", left), ("R", right))
        if record
    }
    desk.keep(Pair(sync=SYNC, pair=name, rev=1, status=status, **ends))  # type: ignore[arg-type]  # a status

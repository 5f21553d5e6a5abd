"""Drives the jobs of one worker; the test plays the matcher and the follower of the settings."""

import threading
import time
from collections.abc import Mapping
from typing import Any

from services.ingest.feeds.cursors import Cursors
from services.jobs.runner import Runner
from services.jobs.work import Parts
from shared.io.envelope import setups_seen
from shared.io.memory import MemoryReader
from shared.model.pairs import Pair, SideState
from shared.model.records import Version
from shared.model.syncs import Job
from shared.wire import topics
from shared.wire.messages import Cursor, JobDoc, JobProgress
from shared.wire.topics import MATCHER_GROUP
from tests.services.environment import LEFT, RIGHT, SYNC, Answer, Environment, as_json, report

_ENDS = ("done", "failed", "cancelled")


class JobsHarness:
    """Runs the jobs of one worker, and plays the matcher and the follower of the settings."""

    def __init__(self, env: Environment) -> None:
        self.env = env
        self.cursors = Cursors(env.bus)
        self.owned = {SYNC}
        self.follows = True
        self.matches = True
        self.records_are_gone = False
        self.stop = threading.Event()
        parts = Parts(
            setups=env.setups, jobs=env.jobs, caller=env.caller, bus=env.bus, clock=env.clock, store=env.store,
            offsets=env.broker, has_begun=self.cursors.has_begun, keys_since=self.keys_since,
            owns=lambda name: name in self.owned,
        )  # fmt: skip
        self.runner = Runner(parts)
        self._settings = MemoryReader(env.broker, topics.SETUPS)
        self._reader = MemoryReader(env.broker, topics.JOBS)
        self._thread = threading.Thread(target=self.runner.run, args=(self.stop,))
        self._thread.start()

    def keys_since(self, start: Mapping[int, int], prefix: str) -> set[str] | None:
        """Return keys of `records`, unless a test has let them grow too old."""
        if self.records_are_gone:
            return None
        found = MemoryReader(self.env.broker, topics.RECORDS, start=start).poll(0)
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
        """Save a first cursor for every feed."""
        for at in (LEFT, RIGHT):
            for feed in ("changed", "bin"):
                self.cursors.save(Cursor(connection=at, object="contact", feed=feed, cursor="c"))

    def follow(self) -> None:
        """Apply what was published: settings to every reader, records to the matcher."""
        if self.env.broker.available:
            for settings in self._settings.poll(0):
                self.env.setups.apply(self.env.setups.offset + 1, settings.key, settings.message)
        if self.follows and self.env.broker.available:
            for stored in self._reader.poll(0):
                jobs, seen = self.env.jobs, setups_seen(stored.headers)
                jobs.apply(jobs.offset + 1, stored.key, stored.message, seen=seen)
        if self.matches and self.env.broker.available:
            self.match()

    def match(self) -> None:
        """Commit the matcher to the end of its topics."""
        for topic in (topics.RECORDS.name, topics.PAIRS.name):
            for part, end in self.env.broker.end_offsets(topic).items():
                self.env.broker.commit(MATCHER_GROUP, topic, part, end)

    def until(self, what: Any, *, seconds: float = 10) -> None:
        """Wait until something holds."""
        until = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < until, self.phases()
            self.follow()
            time.sleep(0.005)

    def told(self) -> list[JobProgress]:
        """List the progress that jobs published."""
        if not self.env.broker.available:
            return []
        return [doc.progress for doc in self.env.told(topics.JOBS) if doc is not None and doc.progress]

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


def ask(env: Environment, kind: str = "first_sync", name: str = "j", **more: Any) -> None:
    job = Job(id=name, kind=kind, sync=SYNC, asked_at_ms=more.pop("at", 1), **more)  # type: ignore[arg-type]  # one of the kinds
    env.set_job("job", JobDoc(job=job), name)


def pair(env: Environment, name: str, left: str = "", right: str = "", status: str = "in_sync") -> None:
    """Store a pair in the links."""
    ends = {
        side: SideState(id=record, version=Version(order=1), fields={"email": f"{record}@x.example"})
        for side, record in (("L", left), ("R", right))
        if record
    }
    env.keep(Pair(sync=SYNC, pair=name, rev=1, status=status, **ends))  # type: ignore[arg-type]  # a status

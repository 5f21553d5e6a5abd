"""Jobs of a slice: the real steps of a job, between which all handlers take what waits."""

import threading

from services.jobs.kinds import kind_of
from services.jobs.runner import do
from services.jobs.work import Parts, Work
from shared.config.jobs import JobRow, Jobs
from shared.io.memory import MemoryReader
from shared.io.ports import Outbound, run_blocking
from shared.model.syncs import Job
from shared.wire import topics
from shared.wire.messages import JobDoc
from tests.slice.harness import Slice


class Working:
    """Runs jobs of a slice, one after another."""

    def __init__(self, world: Slice) -> None:
        self.world = world
        self.jobs = Jobs(world.setups)
        self._reader = MemoryReader(world.broker, topics.JOBS)
        self._parts = Parts(
            setups=world.setups, jobs=self.jobs, caller=world.caller, bus=world.bus, clock=world.clock,
            store=world.store, offsets=world.broker, has_begun=lambda *_: True, keys_since=lambda *_: set(),
            owns=self._go_on,
        )  # fmt: skip

    def run(self, job: Job) -> str:
        """Ask for a job, run it to its end, and handle all that follows from it; returns what it has done."""
        doc = JobDoc(job=job)
        run_blocking(self.world.bus.publish([Outbound(topic=topics.JOBS, key=f"job:{job.id}", message=doc)]))
        self._go_on(job.sync)
        kind, row = kind_of(job, self.world.setups), JobRow(job=job, progress=None)
        work = Work(self._parts, row, kind.begin(self._parts, row), threading.Event(), runner="r")
        do(work, kind)
        self._go_on(job.sync)
        return work.progress.result

    def _go_on(self, _sync: str) -> bool:
        """Commit the matcher to the end of its topics, and apply what was published about jobs."""
        self.world.run()
        for topic in (topics.RECORDS.name, topics.PAIRS.name):
            for part, end in self.world.broker.end_offsets(topic).items():
                self.world.broker.commit(topics.MATCHER_GROUP, topic, part, end)
        for stored in self._reader.poll(0):
            self.jobs.apply(stored.offset, stored.key, stored.message)
        return True

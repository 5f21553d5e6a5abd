"""Publishes settings, and reads back whether they count."""

import time
from collections.abc import Sequence
from typing import Any, Final

from services.console.setups.planning import renewed
from services.console.setups.plans import Change, Current
from services.console.use.activity import Did, entry
from shared import topics
from shared.io.ports import BusUnavailable, Outbound, run_blocking
from shared.io.service import Service
from shared.messages import JobDoc, SetupDoc
from shared.topics import Topic

_PATIENCE_S: Final = 10.0
"""How long to wait until the published documents can be read."""


def publish(service: Service, changes: Sequence[Change]) -> list[str]:
    """Publish the documents of a plan, and return the keys of those that somebody else changed at the same moment.

    What counts there is the other one's document. It is published once more, under a version of its own: compaction
    would keep the last document of each key, which is ours.

    Raises:
        BusUnavailable: Kafka did not take them, or does not tell whether they count.
    """
    taken: list[tuple[str, SetupDoc | None]] = []
    with service.setups.watched(lambda key, doc: taken.append((key, doc))):
        _send(service, changes)
    lost = [
        change.key for change in changes if not isinstance(change.doc, JobDoc) and (change.key, change.doc) not in taken
    ]
    tell(service, [
        Did(what="setup.deleted" if change.sign == "-" else "setup.changed", about=change.key,
            note="\n".join(change.details))
        for change in changes
        if change.sign and change.key not in lost
    ])  # fmt: skip
    if lost:
        _send(service, renewed(Current.of(service.setups, service.jobs), service.clock.now_ms()))
    return lost


def tell(service: Service, deeds: Sequence[Did]) -> None:
    """Publish entries of the activity log; raises `BusUnavailable`."""
    run_blocking(service.bus.publish([entry(did, service.clock.now_ms()) for did in deeds]))


def remove(service: Service, topic: Topic[Any], keys: Sequence[str]) -> None:
    """Publish a tombstone for each key, and read those of settings back; raises `BusUnavailable`."""
    offsets = run_blocking(service.bus.publish([Outbound(topic=topic, key=key, message=None) for key in keys]))
    if topic is topics.SETUPS:
        _read_back(service, max(offsets, default=-1))


def _send(service: Service, changes: Sequence[Change]) -> None:
    """Publish settings, and the jobs that follow from them once the settings are read back.

    A job carries how far the settings were read: whoever runs it reads as much of them first.
    """
    settings = [
        Outbound(topic=topics.SETUPS, key=change.key, message=change.doc)
        for change in changes
        if not isinstance(change.doc, JobDoc)
    ]
    jobs = [
        Outbound(topic=topics.JOBS, key=change.key, message=change.doc)
        for change in changes
        if isinstance(change.doc, JobDoc)
    ]
    _read_back(service, max(run_blocking(service.bus.publish(settings)), default=-1))
    run_blocking(service.bus.publish(jobs))


def _read_back(service: Service, last: int) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while service.setups.offset < last:
        if time.monotonic() > deadline:
            raise BusUnavailable(f"what was published could not be read back within {_PATIENCE_S:.0f} s")
        service.follow(0.1)

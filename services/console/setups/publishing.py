"""Publishes settings, and reads back whether they count."""

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from services.console.setups.planning import renewed
from services.console.setups.plans import Change, Current
from services.console.use.activity import Did, entry
from shared.config.setups import VERSIONED, Setups
from shared.io.ports import BusUnavailable, Outbound, run_blocking
from shared.io.process.service import Service
from shared.model.syncs import AppCredentials, Connection, Sync
from shared.wire import topics
from shared.wire.messages import JobDoc, SetupDoc
from shared.wire.topics import Topic

_PATIENCE_S: Final = 10.0
"""How long to wait until the published documents can be read."""


def publish(service: Service, changes: Sequence[Change]) -> list[str]:
    """Publish the documents of a plan, and return the keys of those that somebody else changed at the same moment.

    What counts there is the other one's document, or that there is none any more. It is published once more, under a
    version of its own: compaction would keep the last document of each key, which is ours.

    Raises:
        BusUnavailable: Kafka did not take them, or does not tell whether they count.
    """
    read_to = service.setups.offset
    # Whoever is read to be there after that is removed by what comes later, if at all.
    lost = [change.key for change in changes if _is_of_nothing(service.setups, change)]
    made = [_dated(change, read_to) for change in changes if change.key not in lost]
    taken: list[tuple[str, SetupDoc | None]] = []
    with service.setups.watched(lambda key, doc: taken.append((key, doc))):
        _send_settings(service, made)
    lost += [
        change.key for change in made if not isinstance(change.doc, JobDoc) and (change.key, change.doc) not in taken
    ]
    _send_jobs(service, made, lost)
    tell(service, [
        Did(what="setup.deleted" if change.sign == "-" else "setup.changed", about=change.key,
            note="\n".join(change.details))
        for change in changes
        if change.sign and change.key not in lost
    ])  # fmt: skip
    if (
        lost or service.setups.overruled()
    ):  # of two documents that say the same one may have counted, before all is gone
        read_to = service.setups.offset
        again = renewed(Current.of(service.setups, service.jobs), service.clock.now_ms())
        _send_settings(service, [_dated(change, read_to) for change in again])
        _send_jobs(service, again)
    return lost


def _part_of(doc: SetupDoc | JobDoc | None) -> Connection | Sync | AppCredentials | None:
    """Return what of a document has a version."""
    return doc.connection or doc.sync or doc.credentials if isinstance(doc, SetupDoc) else None


def _is_of_nothing(setups: Setups, change: Change) -> bool:
    """Check whether what a document was made from is gone: it would bring that back."""
    part = _part_of(change.doc)
    return part is not None and part.version > 1 and not setups.holds(change.key)


def _dated(change: Change, read_to: int) -> Change:
    """Note in a document how far its author had read, where others may change the same."""
    if isinstance(change.doc, SetupDoc) and change.key.partition(":")[0] in VERSIONED:
        return replace(change, doc=change.doc.model_copy(update={"read_to": read_to}))
    return change


def tell(service: Service, deeds: Sequence[Did]) -> None:
    """Publish entries of the activity log; raises `BusUnavailable`."""
    run_blocking(service.bus.publish([entry(did, service.clock.now_ms()) for did in deeds]))


def remove(service: Service, topic: Topic[Any], keys: Sequence[str]) -> None:
    """Publish a tombstone for each key, and read those of settings back; raises `BusUnavailable`."""
    offsets = run_blocking(service.bus.publish([Outbound(topic=topic, key=key, message=None) for key in keys]))
    if topic is topics.SETUPS:
        _read_back(service, max(offsets, default=-1))


def _send_settings(service: Service, changes: Sequence[Change]) -> None:
    """Publish settings, and read them back."""
    settings = [
        Outbound(topic=topics.SETUPS, key=change.key, message=change.doc)
        for change in changes
        if not isinstance(change.doc, JobDoc)
    ]
    _read_back(service, max(run_blocking(service.bus.publish(settings)), default=-1))


def _send_jobs(service: Service, changes: Sequence[Change], lost: Collection[str] = ()) -> None:
    """Publish the jobs that follow from settings, but for those that do not count, once the settings are read back.

    A job carries how far the settings were read: whoever runs it reads as much of them first.
    """
    jobs = [
        Outbound(topic=topics.JOBS, key=change.key, message=change.doc)
        for change in changes
        if isinstance(change.doc, JobDoc) and not (change.doc.job and f"sync:{change.doc.job.sync}" in lost)
    ]
    run_blocking(service.bus.publish(jobs))


def _read_back(service: Service, last: int) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while service.setups.offset < last:
        if time.monotonic() > deadline:
            raise BusUnavailable(f"what was published could not be read back within {_PATIENCE_S:.0f} s")
        service.follow(0.1)

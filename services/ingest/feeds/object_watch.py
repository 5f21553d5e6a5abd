"""Notices what becomes of objects that only one account has: their fields change, they are removed, and come back.

A sync whose object is gone does not run, with the reason: what comes meanwhile waits, and no record of it is taken for
deleted. When the object is back, all records of the sync are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from shared import logs
from shared.config.setups import Setups
from shared.contract.app import OwnObjects
from shared.io.ports import Bus, Caller, Clock, Outbound, run_blocking
from shared.model.fields import FoundObject
from shared.model.job_kinds import JobKind
from shared.model.syncs import Job
from shared.wire import topics
from shared.wire.messages import JobDoc, ObjectFound, SetupDoc

_WAIT_S: Final = 2.0
_ROUND_MS: Final = 30_000
"""For how long an answer counts for all objects of an account: each costs calls."""
_log = logs.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectWatch:
    """Looks at the objects that accounts have of their own and syncs name."""

    setups: Setups
    caller: Caller
    bus: Bus
    clock: Clock
    _asked: dict[str, tuple[int, Sequence[FoundObject]]] = field(default_factory=dict, init=False)
    """By connection, when its account was asked last, and what it has."""

    def watched(self) -> list[tuple[str, str]]:
        """List the objects to look at, each by connection and name, also those that are gone."""
        ends = {(end.connection, end.object) for sync in self.setups.syncs() for end in (sync.left, sync.right)}
        found = self.setups.found()
        return sorted(end for end in ends if "/".join(end) in found)

    def look(self, connection: str, object_: str) -> bool:
        """Look once; returns whether the account has the object, and the settings say so already."""
        known = self.setups.found()[f"{connection}/{object_}"]
        own = self.setups.app_of(connection).own_objects
        if own is None:
            return False
        now = self._as_found(known, self._found(connection, own))
        if (now.object, now.gone) != (known.object, known.gone):
            self._tell(known, now)
        return not now.gone and not known.gone

    def _found(self, connection: str, own: OwnObjects) -> Sequence[FoundObject]:
        """Ask an account for its objects, once for all of them that are looked at in one round."""
        at_ms, asked = self.clock.now_ms(), self._asked.get(connection)
        if asked is not None and 0 <= at_ms - asked[0] < _ROUND_MS:
            return asked[1]
        exchange = own.find(self.setups.session(connection))
        found = run_blocking(self.caller.run(connection, exchange, wait_s=_WAIT_S))
        self._asked[connection] = at_ms, found
        return found

    def _as_found(self, known: ObjectFound, found: Sequence[FoundObject]) -> ObjectFound:
        name, at_ms = known.object.name, self.clock.now_ms()
        one = next((one for one in found if one.name == name), None)
        where = f"the account of connection {known.connection!r}"
        if one is None:
            gone = f"{where} does not have the object {name!r} any more"
            return known.model_copy(update={"gone": gone, "at_ms": at_ms})
        if one.id != known.object.id:
            gone = f"{where} has another object {name!r} than the one that this sync was set up for"
            return known.model_copy(update={"gone": gone, "at_ms": at_ms})
        now = one.as_known(known.object).without_options()
        return ObjectFound(connection=known.connection, object=now, at_ms=at_ms)

    def _tell(self, known: ObjectFound, now: ObjectFound) -> None:
        place = f"{now.connection}/{now.object.name}"
        _log.info("object_changed", connection=now.connection, object=now.object.name, gone=now.gone)
        docs = [Outbound(topic=topics.SETUPS, key=f"object:{place}", message=SetupDoc(object=now))]
        if known.gone and not now.gone:
            docs += [
                Outbound(topic=topics.JOBS, key=f"job:{job.id}", message=JobDoc(job=job))
                for job in self._jobs(now.connection, now.object.name)
            ]
        run_blocking(self.bus.publish(docs))

    def _jobs(self, connection: str, object_: str) -> list[Job]:
        """Return the jobs that look at all records of the object's syncs; one that is off catches up by itself."""
        at_ms = self.clock.now_ms()
        return [
            Job(id=f"found-{sync.id}-{at_ms}", kind=JobKind.RESYNC, sync=sync.id, asked_at_ms=at_ms)
            for sync in self.setups.syncs()
            if sync.enabled
            and self.setups.phase(sync.id) == "live"
            and (connection, object_)
            in ((sync.left.connection, sync.left.object), (sync.right.connection, sync.right.object))
        ]

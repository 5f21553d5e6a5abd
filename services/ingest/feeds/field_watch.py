"""Notices what people change about an app's fields: a mapped one that appears, or another option of one.

What an app refuses because a field or an option is not there (`option_unknown`, `permission_denied`) is written by
itself once it is: the records that were refused are tried again. A field that appears was never read, so all records
are read. Every ten minutes each object is asked which fields it has, and soon after a refusal of that kind.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from services.ingest.feeds.cursors import Cursors
from services.ingest.feeds.object_watch import ObjectWatch
from services.ingest.feeds.watching import Watch
from shared.model.fields import FieldInfo, label_of
from shared.model.job_kinds import JobKind
from shared.model.syncs import Job
from shared.wire.messages import Cursor

_OPEN: Final = ("failing", "pending")
"""Statuses of pairs that a refusal may hold up."""


@dataclass(slots=True, kw_only=True)
class FieldWatch(Watch):
    """Looks at the fields of all objects in use."""

    NAME: ClassVar[str] = "fields"

    objects: ObjectWatch = field(init=False)

    def __post_init__(self) -> None:
        self.objects = ObjectWatch(setups=self.setups, caller=self.caller, bus=self.bus, clock=self.clock)

    def places(self) -> Iterable[tuple[str, str]]:
        """List the objects in use, and those that only one account has although they are gone."""
        return {*self.setups.objects_in_use(), *self.objects.watched()}

    def look(self, connection: str, object_: str) -> None:
        """Look once, and have records tried again, or read, where a mapped field is not what it was."""
        if (connection, object_) in self.objects.watched() and not self.objects.look(connection, object_):
            return
        binding, session = self.setups.binding(connection, object_), self.setups.session(connection)
        found = self.ask(connection, binding.discover(session))
        if found is None:
            return
        infos = {info.name: info for info in found}
        names = [name for name in self.setups.fields_of(connection, object_) if not label_of(name)]
        now = {name: _digest(infos[name]) if name in infos else "" for name in names}
        known = self.cursors.get(Cursors.key(connection, object_, self.NAME))
        before: Mapping[str, str] = json.loads(known.cursor) if known is not None else {}
        self.publish(connection, object_, self._jobs(connection, object_, before, now))
        if now != before:
            at_ms = self.clock.now_ms()
            self.cursors.save(
                Cursor(connection=connection, object=object_, feed=self.NAME, cursor=json.dumps(now), at_ms=at_ms)
            )

    def _jobs(self, connection: str, object_: str, before: Mapping[str, str], now: Mapping[str, str]) -> list[Job]:
        """Return what is to be looked at again; of a field that was not mapped before, nothing is known to be news."""
        changed = {name for name, told in now.items() if before.get(name, told) != told}
        appeared = {name for name in changed if not before[name]}
        at_ms, found = self.clock.now_ms(), []
        for policy, side in self.setups.sides_of(connection, object_):
            fields = policy.sides[side].fields
            if policy.enabled and policy.live and fields & changed:
                statuses = () if fields & appeared else _OPEN
                name = f"fields-{policy.sync}-{at_ms}"
                found.append(Job(id=name, kind=JobKind.RESYNC, sync=policy.sync, statuses=statuses, asked_at_ms=at_ms))
        return found


def _digest(info: FieldInfo) -> str:
    """Name what decides about a field whether it takes a value."""
    told = (info.creatable, info.updatable, sorted(option.value for option in info.options))
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]

"""Notices who comes to an app and who leaves it: the owners of records are recognised by their addresses.

Whom an app names is a document of the settings, since every worker judges owners by it. Once it is read back there, the
records are looked at whose owner was nobody before. Every ten minutes one call asks, and soon after a refusal.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

from services.ingest.feeds.cursors import Cursors
from services.ingest.feeds.watching import Watch
from shared.contract.people import People, people_of
from shared.io.ports import Outbound, run_blocking
from shared.model.job_kinds import JobKind
from shared.model.syncs import Job
from shared.model.words import Note
from shared.wire import topics
from shared.wire.messages import Cursor, SetupDoc

_STATUSES: Final = ("failing", "pending", "in_sync")
_ALL: Final = ""
"""In place of an object: people belong to the whole connection."""


@dataclass(slots=True, kw_only=True)
class PeopleWatch(Watch):
    """Looks at the people of all connections whose records' owners are carried."""

    NAME: ClassVar[str] = "people"

    def places(self) -> Iterable[tuple[str, str]]:
        """List the connections."""
        rows = [row.id for row in self.setups.connections() if self.setups.syncs_with_owners(row.id)]
        return [(name, _ALL) for name in rows]

    def refused_ms(self, connection: str, object_: str) -> int:
        """Return when the app last refused something, of whichever object."""
        del object_
        objects = [name for place, name in self.setups.objects_in_use() if place == connection]
        return max((super(PeopleWatch, self).refused_ms(connection, name) for name in objects), default=0)

    def is_due(self, connection: str, object_: str) -> bool:
        """Check whether it is time to look, or whether somebody has published other people."""
        known = self.cursors.get(Cursors.key(connection, _ALL, self.NAME))
        moved = known is not None and known.cursor != _digest(self.setups.people(connection))
        return moved or super(PeopleWatch, self).is_due(connection, object_)

    def look(self, connection: str, object_: str) -> None:
        """Look once: have records looked at where other people are known now, and publish whom the app names."""
        standing = self.setups.people(connection)
        known = self.cursors.get(Cursors.key(connection, _ALL, self.NAME))
        if known is None or known.cursor != _digest(standing):
            if known is not None:
                self.publish(connection, object_, self._jobs(connection))
            at_ms = self.clock.now_ms()
            self.cursors.save(
                Cursor(connection=connection, object=_ALL, feed=self.NAME, cursor=_digest(standing), at_ms=at_ms)
            )
        owners = self.setups.app_of(connection).owners
        found = self.ask(connection, owners(self.setups.session(connection))) if owners is not None else None
        if found is None:
            return
        now = people_of(connection, found)
        if now != standing:
            message = SetupDoc(people=now)
            run_blocking(self.bus.publish([Outbound(topic=topics.SETUPS, key=f"people:{connection}", message=message)]))

    def _jobs(self, connection: str) -> list[Job]:
        at_ms = self.clock.now_ms()
        return [
            Job(
                id=f"people-{sync.id}-{at_ms}", kind=JobKind.RESYNC, sync=sync.id, statuses=_STATUSES,
                notes=(Note.OWNER_UNMAPPED,), asked_at_ms=at_ms,
            )
            for sync in self.setups.syncs_with_owners(connection)
        ]  # fmt: skip


def _digest(people: People | None) -> str:
    return hashlib.sha256(people.model_dump_json().encode()).hexdigest()[:16] if people is not None else ""

"""What can be done with a sync: switch it off and on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.console.setups.differences import syncs as differences_of
from services.console.setups.plans import Change
from services.console.setups.publishing import publish
from services.console.use.problems import Problem
from shared.config.jobs import next_of, own_job
from shared.config.setups import Setups
from shared.io.ports import BusUnavailable
from shared.io.process.service import Service
from shared.model.syncs import Sync
from shared.model.words import Status
from shared.wire.messages import JobDoc, SetupDoc

_TRIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchingOff:
    """What switching a sync off means."""

    records: int
    """Records that it keeps what it knows of."""
    waiting: int
    """Those of them that wait to be written."""
    needed_by: tuple[str, ...]
    """Other syncs whose associations lead to its records."""
    meanwhile: tuple[str, ...]
    """What holds while it is off, in sentences."""
    later: tuple[str, ...]
    """What happens when it is switched on again, in sentences."""


class Syncs:
    """The syncs of an installation.

    Args:
        service: The parts of this process.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def find(self, name: str) -> Sync:
        """Return a sync; raises a problem when there is none."""
        found = self._service.setups.sync(name)
        if found is None:
            raise no_sync(name)
        return found

    def switching_off(self, name: str, counts: Mapping[str, int]) -> SwitchingOff:
        """Return what switching a sync off means, before anybody does it.

        Args:
            name: Its id.
            counts: Its records by status.
        """
        records, waiting = sum(counts.values()), counts.get(Status.PENDING, 0)
        needed_by = tuple(
            sync.id
            for sync in self._service.setups.syncs()
            if sync.id != name and any(row.to == name for row in sync.associations)
        )
        meanwhile = [
            "Nothing is read or written for this sync. The records in both apps stay as they are.",
            f"The links of its {_records(records)} are kept, and the values that both apps last agreed on.",
        ]
        if waiting:
            meanwhile.append(f"What waits to be written is dropped, and caught up later: {_records(waiting)} now.")
        if needed_by:
            meanwhile.append(f"{_an_association(needed_by)} to its records: where such a record is not linked yet, "
                             f"{'it waits' if len(needed_by) == 1 else 'they wait'}.")  # fmt: skip
        later = ("All records of both apps are read, and what changed in between is caught up.",)
        return SwitchingOff(
            records=records, waiting=waiting, needed_by=needed_by, meanwhile=tuple(meanwhile), later=later
        )

    def switch_off(self, name: str) -> Sync:
        """Stop a sync from writing, until somebody switches it on."""
        return self._switch(name, on=False)

    def switch_on(self, name: str) -> Sync:
        """Run a sync again, and catch up."""
        return self._switch(name, on=True)

    def _switch(self, name: str, *, on: bool) -> Sync:
        try:
            self.find(name)
            for _ in range(_TRIES):
                if switch(self._service, name, on=on):
                    return self.find(name)
        except BusUnavailable as error:
            raise Problem(503, "Kafka is away", str(error), {"Retry-After": "1"}) from error
        raise Problem(409, "Changed meanwhile", "Somebody else changed this sync at the same moment: try again.")


def no_sync(name: str) -> Problem:
    """Return what is said where there is no such sync."""
    return Problem(404, "No such sync", f"There is no sync {name!r}; it may have been deleted.")


def is_switched_off(setups: Setups, name: str) -> bool:
    """Check whether there is a sync of this id that is off."""
    found = setups.sync(name)
    return found is not None and not found.enabled


def off_sentence(*names: str) -> str:
    """Return why no record of syncs that are off can be read or tried again, and what to do."""
    if len(names) == 1:
        are, them, their = f"sync {names[0]} is", "it", "its"
    else:
        are, them, their = f"syncs {', '.join(names[:-1])} and {names[-1]} are", "them", "their"
    them_on = f"switch {them} on, and all of {their} records are read"
    return f"The {are} off, so nothing of {them} is read or written: {them_on}."


def is_off(*names: str) -> Problem:
    """Return what is said where records of syncs that are off are to be read or tried again."""
    return Problem(409, "The sync is off", off_sentence(*names))


def _records(number: int) -> str:
    return f"{number:,} record{'' if number == 1 else 's'}"


def _an_association(syncs: tuple[str, ...]) -> str:
    if len(syncs) == 1:
        return f"An association of {syncs[0]} leads"
    return f"Associations of {', '.join(syncs[:-1])} and {syncs[-1]} lead"


def switch(service: Service, name: str, *, on: bool) -> bool:
    """Switch a sync on or off, as `apply` does by `enabled`; returns whether it is so now, or gone.

    It is not where somebody else has changed it at the same moment. No app is read for a sync that is switched off:
    what was never sent ceases to wait. One that is switched on has all of its records read. Raises `BusUnavailable`.
    """
    old = service.setups.sync(name)
    if old is None or old.enabled == on:
        return True
    new = next_of(old).model_copy(update={"enabled": on})
    job = own_job(new, service.clock.now_ms())
    change = Change(key=f"sync:{name}", doc=SetupDoc(sync=new), sign="~", details=differences_of(old, new))
    return not publish(service, [change, Change(key=f"job:{job.id}", doc=JobDoc(job=job))])

"""What can be done with a sync: switch it off and on."""

from typing import Final

from services.console.setups.asking import own_job
from services.console.setups.differences import syncs as differences_of
from services.console.setups.plans import Change
from services.console.setups.publishing import publish
from services.console.use.problems import Problem
from shared.core.syncs import Sync
from shared.core.words import Status
from shared.io.ports import BusUnavailable
from shared.io.service import Service
from shared.messages import JobDoc, SetupDoc

_TRIES: Final = 3


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
            raise Problem(404, "No such sync", f"There is no sync {name!r}; it may have been deleted.")
        return found

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


def switch(service: Service, name: str, *, on: bool) -> bool:
    """Switch a sync on or off, as `apply` does by `enabled`; returns whether it is so now, or gone.

    It is not where somebody else has changed it at the same moment. No app is read for a sync that is switched off:
    what was never sent ceases to wait. One that is switched on has all of its records read. Raises `BusUnavailable`.
    """
    old = service.setups.sync(name)
    if old is None or old.enabled == on:
        return True
    new = old.model_copy(update={"enabled": on, "version": old.version + 1})
    job = own_job(new, service.clock.now_ms())
    if not on:
        job = job.model_copy(update={"statuses": (Status.PENDING.value,)})
    change = Change(key=f"sync:{name}", doc=SetupDoc(sync=new), sign="~", details=differences_of(old, new))
    return not publish(service, [change, Change(key=f"job:{job.id}", doc=JobDoc(job=job))])

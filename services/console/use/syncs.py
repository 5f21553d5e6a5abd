"""What can be done with a sync: switch it off."""

from services.console.setups.asking import own_job
from services.console.setups.differences import syncs as differences_of
from services.console.setups.plans import Change
from services.console.setups.publishing import publish
from shared.core.words import Status
from shared.io.service import Service
from shared.messages import JobDoc, SetupDoc


def switch_off(service: Service, name: str) -> bool:
    """Switch a sync off, as `apply` does with `enabled: false`; returns whether it is off now, or gone.

    It is not where somebody else has changed it at the same moment. No app is read for it: what was never sent ceases
    to wait. Whoever switches the sync on again has all of its records read. Raises `BusUnavailable`.
    """
    old = service.setups.sync(name)
    if old is None or not old.enabled:
        return True
    off = old.model_copy(update={"enabled": False, "version": old.version + 1})
    job = own_job(off, service.clock.now_ms()).model_copy(update={"statuses": (Status.PENDING.value,)})
    change = Change(key=f"sync:{name}", doc=SetupDoc(sync=off), sign="~", details=differences_of(old, off))
    return not publish(service, [change, Change(key=f"job:{job.id}", doc=JobDoc(job=job))])

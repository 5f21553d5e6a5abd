"""Looking again at all records that a filter chooses: a job for each sync that has some."""

from dataclasses import dataclass, replace
from typing import Any, Final

from services.console.use.problems import Problem
from services.console.use.standing.installation import Installation, JobRequest
from services.console.use.standing.records import Filter
from services.console.use.syncs import is_off
from services.console.views.lists import Listing, matching

MANY: Final = 1_000
"""Records above which, or where nobody knows how many, the jobs count them and wait until somebody confirms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The syncs that have records which a filter chooses."""

    on: tuple[str, ...]
    off: tuple[str, ...]
    """Those that are off: nothing of them is read or tried again."""


def chosen_by(console: Installation, asked: Filter) -> Chosen:
    """Return the syncs that have records which a filter chooses."""
    counts, wanted = console.views.counts(), asked.listing(console.setups, console.clock.now_ms())
    narrow = Listing(status=wanted.status, reason=wanted.reason)
    syncs = [
        sync
        for sync in console.setups.syncs()
        if (wanted.syncs is None or sync.id in wanted.syncs) and matching(replace(narrow, syncs=(sync.id,)), counts)
    ]
    on, off = (tuple(sync.id for sync in syncs if sync.enabled is enabled) for enabled in (True, False))
    return Chosen(on=on, off=off)


def resync_chosen(console: Installation, asked: Filter, key: str = "") -> list[dict[str, Any]]:
    """Ask for the records that a filter chooses to be looked at again, and return the jobs; raises `Problem`.

    Syncs that are off are left out; where there are no others, that is the problem.
    """
    chosen = chosen_by(console, asked)
    if chosen.off and not chosen.on:
        raise is_off(*chosen.off)
    if not chosen.on:
        raise Problem(404, "No such record", "These filters choose no record.")
    wanted = asked.listing(console.setups, console.clock.now_ms())
    statuses = (asked.status,) if asked.status else ()
    review = matching(replace(wanted, syncs=chosen.on), console.views.counts()) > MANY
    return [
        console.add_job(
            JobRequest(
                sync=sync,
                statuses=statuses,
                category=asked.category,
                since=wanted.since_ms,
                q=asked.q,
                review=review,
            ),
            key,
        )
        for sync in chosen.on
    ]

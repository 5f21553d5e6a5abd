"""Looking again at all records that a filter chooses: a job for each sync that has some."""

from dataclasses import replace
from typing import Any, Final

from services.console.use.problems import Problem
from services.console.use.standing.installation import Installation, JobRequest
from services.console.use.standing.records import Filter
from services.console.views.lists import Listing, matching

MANY: Final = 1_000
"""Records above which, or where nobody knows how many, the jobs count them and wait until somebody confirms."""


def is_many(console: Installation, asked: Filter) -> bool:
    """Check whether a filter may choose so many records that somebody should confirm to look at them."""
    return matching(asked.listing(console.setups, console.clock.now_ms()), console.views.counts()) > MANY


def resync_chosen(console: Installation, asked: Filter, key: str = "") -> list[dict[str, Any]]:
    """Ask for the records that a filter chooses to be looked at again, and return the jobs; raises `Problem`."""
    counts, wanted = console.views.counts(), asked.listing(console.setups, console.clock.now_ms())
    narrow = Listing(status=wanted.status, reason=wanted.reason)
    syncs = [
        sync.id
        for sync in console.setups.syncs()
        if (wanted.syncs is None or sync.id in wanted.syncs) and matching(replace(narrow, syncs=(sync.id,)), counts)
    ]
    if not syncs:
        raise Problem(404, "No such record", "These filters choose no record.")
    statuses = (asked.status,) if asked.status else ()
    review = is_many(console, asked)
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
        for sync in syncs
    ]

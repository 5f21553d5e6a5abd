"""What each kind of alert counts, and how it says so: names of ours and numbers, and nothing of any record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from shared.model.job_kinds import JobKind
from shared.rules.errors import CODES
from shared.wire.access import Alert, AlertKind

Health: TypeAlias = Mapping[str, Any]
"""How everything stands, as an installation says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How much there is of what an alert watches, in one place."""

    number: int
    words: str


Counts: TypeAlias = Mapping[str, Count | None]
"""By what is watched; None where it is not known now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of alert."""

    title: str
    rule: tuple[str, str]
    """When it fires, in words: of any at all, and of more than so many."""
    each: Literal["sync", "connection", ""]
    """What it looks at one by one; empty where it looks at everything together."""
    unit: str
    """What `over` counts; empty where there is nothing to count."""
    count: Callable[[Health], Counts]
    pauses: bool = False
    """Whether it may switch off the sync for which it fires."""


def counted(alert: Alert, health: Health) -> Counts:
    """Count what an alert watches."""
    found = KINDS[alert.kind].count(health)
    return {about: count for about, count in found.items() if alert.about in ("", about)}


def _failing(health: Health) -> Counts:
    return {f"sync/{row['id']}": _records(row["id"], row["counts"].get("failing", 0)) for row in health["syncs"]}


def _records(sync: str, number: int) -> Count:
    what = "record fails" if number == 1 else "records fail"
    return Count(number=number, words=f"{number:,} {what} in the sync {sync}")


def _paused(health: Health) -> Counts:
    return {f"connection/{row['id']}": _pause(row) for row in health["connections"]}


def _pause(row: Mapping[str, Any]) -> Count | None:
    if row["state"] == "unknown":
        return None
    if row["state"] != "paused":
        return Count(number=0, words=f"the account {row['id']} is not paused")
    reason = row["reason"]
    return Count(
        number=1, words=f"the account {row['id']} is paused: {CODES[reason].title if reason in CODES else reason}"
    )


def _stopped(health: Health) -> Counts:
    found = {}
    for row in health["syncs"]:
        last = max(row["jobs"], key=lambda job: job["asked_at_ms"], default=None)
        fails = last is not None and last["state"] == "failed"
        what = f"the last {JobKind(last['kind']).called} of {row['id']}" if last is not None else ""
        words = f"{what} failed" if fails else f"no job of {row['id']} has failed since"
        found[f"sync/{row['id']}"] = Count(number=int(fails), words=words)
    return found


def _late(health: Health) -> Counts:
    """Count the minutes since an app has told everything; of one that is paused nobody knows."""
    runs = {row["id"] for row in health["connections"] if row["state"] == "running"}
    ages: dict[str, float] = {}
    for feed in health["feeds"]:
        name = feed["feed"].partition("/")[0]
        if feed["age_s"] is not None:
            ages[name] = max(ages.get(name, 0.0), feed["age_s"])
    found: dict[str, Count | None] = {}
    for row in health["connections"]:
        name, minutes = row["id"], int(ages.get(row["id"], 0.0) // 60)
        words = f"changes of the account {name} are {minutes:,} minutes late"
        found[f"connection/{name}"] = Count(number=minutes, words=words) if name in runs else None
    return found


def _parked(health: Health) -> Counts:
    number = sum(health["parked"].values())
    what = "message is parked" if number == 1 else "messages are parked"
    return {"": Count(number=number, words=f"{number:,} {what}")}


KINDS: Final[Mapping[AlertKind, Kind]] = {
    "failing": Kind(
        title="Records fail",
        rule=("any record of {where} fails", "more than {over:,} records of {where} fail"),
        each="sync",
        unit="records",
        count=_failing,
        pauses=True,
    ),
    "paused": Kind(
        title="An account is paused, or needs to be reconnected",
        rule=("{where} is paused or needs to be reconnected",) * 2,
        each="connection",
        unit="",
        count=_paused,
    ),
    "stopped": Kind(
        title="A first sync, or another job, has failed",
        rule=("the last job of {where} has failed",) * 2,
        each="sync",
        unit="",
        count=_stopped,
    ),
    "late": Kind(
        title="Changes come late",
        rule=("changes of {where} are a minute late", "changes of {where} are more than {over:,} min late"),
        each="connection",
        unit="minutes",
        count=_late,
    ),
    "parked": Kind(
        title="Messages could not be handled",
        rule=("any message could not be handled", "more than {over:,} messages could not be handled"),
        each="",
        unit="messages",
        count=_parked,
    ),
}
"""What alerts can watch."""

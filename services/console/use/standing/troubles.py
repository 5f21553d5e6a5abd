"""What is wrong in an installation, the worst first: each with what to do and who acts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from services.console.use.connections.apps import object_title
from shared.model.job_kinds import JobKind
from shared.model.syncs import HALTED
from shared.rules.errors import CODES

_STALE_ROUNDS: Final = 5
"""Rounds that a feed may miss before that is worth a word."""
_STALE_S: Final = 600.0
"""The least time without a round that is."""
_ORDER: Final = ("connection", "job", "sync", "records", "parked", "feed", "webhooks", "views")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that is wrong."""

    kind: Literal["connection", "job", "sync", "records", "parked", "feed", "webhooks", "views"]
    title: str
    detail: str
    remedy: str = ""
    who: str = ""
    """Who acts; empty where nobody needs to."""
    count: int = 0
    """How many records or messages it holds up."""
    sync: str = ""
    reason: str = ""
    connection: str = ""
    job: str = ""


def troubles(health: Mapping[str, Any]) -> list[Trouble]:
    """List what is wrong.

    Args:
        health: How everything stands, as an installation says it.
    """
    found = [*_connections(health), *_syncs(health), *_feeds(health), *_others(health)]
    return sorted(found, key=lambda row: (_ORDER.index(row.kind), -row.count, row.title))


def _connections(health: Mapping[str, Any]) -> Iterator[Trouble]:
    for row in health["connections"]:
        name = row["label"] or row["id"]
        if row["state"] == "paused":
            yield Trouble(
                kind="connection",
                title=f"{name} is paused" + ("" if row["reason"] == HALTED else f": {_title(row['reason'])}"),
                detail="Somebody paused the account." if row["reason"] == HALTED else row.get("detail", ""),
                remedy=row["hint"],
                who=_who(row["reason"]),
                reason=row["reason"],
                connection=row["id"],
            )
        if row["state"] == "unknown":
            yield Trouble(
                kind="connection",
                title=f"It is not known whether {name} works",
                detail="Redis, which knows, does not answer.",
                remedy="Start Redis again; Syncline goes on by itself.",
                who="admin",
                connection=row["id"],
            )
        if "webhooks_refused" in row:
            refused = row["webhooks_refused"]
            yield Trouble(
                kind="webhooks",
                title=f"Webhooks of {name} are refused: {_title(refused['reason'])}",
                detail=f"{refused['calls']:,} calls.",
                remedy=refused["hint"],
                who=_who(refused["reason"]),
                reason=refused["reason"],
                connection=row["id"],
            )


def _syncs(health: Mapping[str, Any]) -> Iterator[Trouble]:
    for row in health["syncs"]:
        if row["not_run_here"]:
            yield Trouble(
                kind="sync",
                title=f"Sync {row['id']} does not run here",
                detail=row["not_run_here"],
                remedy=row["not_run_hint"],
                who="admin",
                sync=row["id"],
            )
        for lacking in row["lacks"]:
            yield Trouble(
                kind="sync",
                title=f"Sync {row['id']} carries an association less",
                detail=lacking,
                remedy="Take it out of the sync, or make it again in the app.",
                who="admin",
                sync=row["id"],
            )
        yield from _jobs(row["id"], row["jobs"])
        for reason, number in row["reasons"].get("failing", {}).items():
            fails = ("record", "fails") if number == 1 else ("records", "fail")
            yield Trouble(
                kind="records",
                title=f"{number:,} {fails[0]} of {row['id']} {fails[1]}: {_title(reason)}",
                detail="",
                remedy=CODES[reason].remedy if reason in CODES else "",
                who=_who(reason),
                count=number,
                sync=row["id"],
                reason=reason,
            )


def _jobs(sync: str, jobs: Sequence[Mapping[str, Any]]) -> Iterator[Trouble]:
    """List the last job of a sync where it failed, and all that wait for somebody."""
    newest = max((row["asked_at_ms"] for row in jobs), default=0)
    for row in jobs:
        what = JobKind(row["kind"]).called
        if row["state"] == "failed" and row["asked_at_ms"] == newest:
            title, remedy = f"The last {what} of {sync} failed", f"Ask for the {what} again."
        elif row["state"] == "unconfirmed":
            title, remedy = f"A {what} of {sync} waits to be confirmed", "Confirm or cancel it."
        else:
            continue
        yield Trouble(
            kind="job", title=title, detail=row.get("error", ""), remedy=remedy, who="operator", sync=sync,
            job=row["id"],
        )  # fmt: skip


def _feeds(health: Mapping[str, Any]) -> Iterator[Trouble]:
    """List feeds that fell behind, but for those of a connection that is paused, which says so itself."""
    labels = {row["id"]: row["label"] or row["id"] for row in health["connections"]}
    silent = {row["id"] for row in health["connections"] if row["state"] != "running"}
    for row in health["feeds"]:
        (connection, object_, feed), age = row["feed"].split("/", 2), row["age_s"]
        if age is None or connection in silent:
            continue
        if age > max(_STALE_S, _STALE_ROUNDS * (row["interval_s"] or 0.0)):
            yield Trouble(
                kind="feed",
                title=f"{object_title(object_)} of {labels.get(connection, connection)}: changes are late ({feed})",
                detail=f"The app last told everything {age / 60:,.0f} minutes ago.",
                remedy="The account's feeds show what they wait for; the log of the ingest service says more.",
                who="admin",
                connection=connection,
            )


def _others(health: Mapping[str, Any]) -> Iterator[Trouble]:
    number = sum(health["parked"].values())
    if number:
        yield Trouble(
            kind="parked",
            title=f"{number:,} message{'' if number == 1 else 's'} could not be handled",
            detail="Each is kept with the reason, and shown at its record, too.",
            remedy="Replay it once its cause is mended, or drop it.",
            who="operator",
            count=number,
        )
    if not health["ready"]:
        yield Trouble(
            kind="views",
            title="The numbers are still growing",
            detail="The console is reading what happened so far; counts and lists are not complete yet.",
        )


def _title(reason: str) -> str:
    row = CODES.get(reason)
    return row.title[:1].lower() + row.title[1:] if row else reason


def _who(reason: str) -> str:
    row = CODES.get(reason)
    return "" if row is None or row.who == "nobody" else row.who

"""Reads records again, or tries them again, from a terminal, by the console's API, and waits for it."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from services.console.commands.calling import UNANSWERED, Calls, NoAnswerError, calls_of
from services.console.commands.lines import job_line
from services.console.commands.printing import ending_on, write_json

_EVERY_S: Final = 1.0
"""Seconds between two looks at the jobs."""
_BAD: Final = ("failed", "cancelled")
_ENDS: Final = ("done", *_BAD)
_HOW: Final = (
    "name records by their ids, or choose them as the list does, such as by --sync, or write --all: one of these\n"
)


@ending_on(*UNANSWERED)
def run(
    records: Sequence[str],
    *,
    wanted: Mapping[str, Any],
    every: bool = False,
    wait: bool = False,
    confirm: bool = False,
    as_json: bool = False,
) -> int:
    """Ask for records to be read or tried again; returns the exit code: 0 asked for, or done; 1 not.

    Args:
        records: Records by their ids, in an app or here; each is read at once.
        wanted: A filter, as the list of records has it; a sync alone is read whole.
        every: Take all records of all syncs.
        wait: Wait until the jobs end, and tell how far they are.
        confirm: Confirm jobs that would wait for it, because they are about so many records.
        as_json: Print what the API answers.
    """
    query = {name: str(value) for name, value in wanted.items() if value}
    ways = [way for way in (records, query, every) if way]
    if len(ways) != 1:
        sys.stderr.write(_HOW)
        return 1
    if records and (wait or confirm):
        sys.stderr.write("--wait and --confirm are for jobs: records that are named are read at once\n")
        return 1
    calls = calls_of(None)
    rows = [_resync_one(calls, name) for name in records] if records else _ask(calls, query)
    if confirm:
        rows = [_confirm(calls, row) for row in rows]
    if wait:
        rows = [_wait(calls, row) for row in rows]
    if as_json:
        write_json(rows)
    else:
        sys.stdout.writelines(f"{_record_line(row) if records else job_line(row)}\n" for row in rows)
    held = [row["id"] for row in rows if not records and row["state"] == "unconfirmed"]
    sys.stderr.writelines(f"it waits until somebody confirms it: ./syncline jobs confirm {name}\n" for name in held)
    off = [row["sync"] for row in rows if not records and row["state"] == "held"]
    sys.stderr.writelines(f"it waits until its sync is on: ./syncline syncs switch-on {name}\n" for name in off)
    return 1 if (wait and (held or off)) or any(row.get("state") in _BAD for row in rows) else 0


def _resync_one(calls: Calls, name: str) -> Any:
    """Ask for another reading of the record that has an id; raises `NoAnswerError` where none or several have it."""
    fits = [row for row in calls.every("records", "records", q=name) if name in (row["id"], row["left"], row["right"])]
    if len(fits) > 1:
        named = ", ".join(f"{row['id']} (sync {row['sync']})" for row in fits)
        raise NoAnswerError(f"several records have the id {name!r}; name one of these: {named}")
    if not fits and name and (unseen := _unseen(calls, name)) is not None:
        return calls.post("records/read", unseen)
    return calls.post(f"records/{quote(fits[0]['id'] if fits else name, safe='')}/resync", {})


def _unseen(calls: Calls, name: str) -> dict[str, str] | None:
    """Return the record that no sync has seen, but would take up once read; raises `NoAnswerError` for several."""
    try:
        asked = [row["asked"] for row in calls.get("explanations", q=name)["explanations"]]
    except NoAnswerError as error:
        raise NoAnswerError(f"There is no row {name!r}. {error}") from error
    places = {(row["connection"], row["object"], row["record"]) for row in asked if row and row["can_be_read"]}
    if len(places) > 1:
        named = ", ".join(f"{object_} of {connection}" for connection, object_, _ in sorted(places))
        raise NoAnswerError(f"several accounts have a record {name!r} ({named}); name it by its web address")
    return dict(zip(("connection", "object", "record_id"), *places, strict=True)) if places else None


def _ask(calls: Calls, query: Mapping[str, str]) -> list[Any]:
    if query.keys() == {"sync"}:
        return [calls.post("jobs", query)]
    told = calls.post(f"records/resync?{urlencode(query)}", {})
    for name in told["left_out"]:
        sys.stderr.write(
            f"{name} is off, and left out: ./syncline syncs switch-on {name} has all of its records read\n"
        )
    return list(told["jobs"])


def _confirm(calls: Calls, row: Mapping[str, Any]) -> Any:
    return calls.post(f"{_path(row)}/confirm", {}) if row["state"] == "unconfirmed" else row


def _wait(calls: Calls, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Wait until a job ends, or waits for somebody, and tell how far it is meanwhile."""
    told = ""
    while True:
        row = calls.get(_path(row))
        counted = row["state"] == "unconfirmed" and row.get("pairs") is not None
        if counted or row["state"] in ("held", *_ENDS):
            return row
        line = job_line(row)
        if line != told:
            sys.stderr.write(f"{line}\n")
            told = line
        time.sleep(_EVERY_S)


def _path(row: Mapping[str, Any]) -> str:
    return f"jobs/{quote(row['id'], safe='')}"


def _record_line(row: Mapping[str, Any]) -> str:
    if "id" not in row:
        return f"{row['object']} {row['record']} of {row['connection']} is read now"
    return f"{row['id']}: {row['label'] or 'a record without a name'} ({row['sync']}) is read again"

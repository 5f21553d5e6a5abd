"""Lists records that filters choose, and who did what, from a terminal, by the console's API."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from services.console.commands.calling import Calls, NoAnswerError
from services.console.commands.lines import record_line
from services.console.commands.printing import ending_on, write_rows
from shared.io.process.reaching import settings_for_command
from shared.settings import Settings, SettingsError


def run_records(wanted: Mapping[str, Any], *, as_json: bool = False, settings: Settings | None = None) -> int:
    """List the records that filters choose, the newest change first; returns the exit code: 0 printed, 1 not."""
    return _run("records", wanted, _record_line, "no record is as asked for", as_json=as_json, settings=settings)


def run_activity(wanted: Mapping[str, Any], *, as_json: bool = False, settings: Settings | None = None) -> int:
    """List who did what, the newest first; returns the exit code: 0 printed, 1 not."""
    return _run("audit", wanted, _deed_line, "nobody did anything as asked for", as_json=as_json, settings=settings)


@ending_on(SettingsError, NoAnswerError)
def _run(
    what: str,
    wanted: Mapping[str, Any],
    line_of: Callable[[Mapping[str, Any]], str],
    none: str,
    *,
    as_json: bool,
    settings: Settings | None,
) -> int:
    given = {name: str(value) for name, value in wanted.items() if value}
    rows = Calls(settings or settings_for_command()).every(what, what, **given)
    write_rows(rows, line_of, none, as_json=as_json)
    return 0


def _record_line(row: Mapping[str, Any]) -> str:
    return f"{_moment(row['changed_ms'])}  {row['sync']}  {record_line(row)}"


def _deed_line(row: Mapping[str, Any]) -> str:
    """Return what somebody did as a line; what changed follows, and what there is to say besides."""
    changed = "; ".join(f"{one['name']}: {one['before'] or '-'} to {one['after'] or '-'}" for one in row["changes"])
    about = "  ".join(part for part in (row["about"], changed, " ".join(row["note"].split())) if part)
    return f"{_moment(row['at_ms'])}  {row['who']} ({row['via']})  {row['what']}  {about}".rstrip()


def _moment(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"

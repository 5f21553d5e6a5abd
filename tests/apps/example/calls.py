"""Calls to Example: what a refusal of it means, and what a record of it holds."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.apps.kit import calls as kit
from shared.apps.kit.bodies import read_body
from shared.apps.kit.refusals import error, meaning
from shared.core.connector import AppError, Exchange, HttpRequest, HttpResponse, Session
from shared.core.records import Life, Report, Version

OBJECT: Final = "contact"
PATH: Final = "people"


def refuse(request: HttpRequest, response: HttpResponse) -> AppError:
    """Return the error that an answer stands for, with the app's own sentence and the record in the way."""
    body = read_body(response.body)
    told = body if isinstance(body, dict) else {}
    said = str(told.get("message") or f"Example answered {response.status} without a message")
    found = error(request, response, meaning(response.status), said)
    found.conflicting_id = str(told["id"]) if told.get("id") else None
    return found


def ask(request: HttpRequest) -> Exchange[dict[str, Any]]:
    """Send a call that must succeed, and return the JSON object it answers."""
    return (yield from kit.ask(request, refuse))


def report_of(session: Session, row: Mapping[str, Any], names: Sequence[str]) -> Report:
    """Report what a record of an answer holds."""
    return Report(
        connection=session.connection,
        object=OBJECT,
        id=str(row["id"]),
        version=Version(order=int(row["version"])),
        life=Life.ALIVE,
        fields={name: row[name] or None for name in names if name in row},
        marker=row.get("marker"),
        created=str(row.get("created") or ""),
    )

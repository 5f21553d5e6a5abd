"""Small apps in memory, declared as real connectors are: exchanges of requests, a server that executes them.

Two kinds, as the two kinds of real apps: one with versions that grow, markers and no lock; one with opaque versions,
client-chosen ids and a lock. Both can answer after having forgotten to (`unknown`), which is what a lost reply is.
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from shared.core.connector import (
    AccountInfo,
    App,
    AppError,
    Association,
    Auth,
    Binding,
    Change,
    Exchange,
    Feed,
    FeedPage,
    FieldInfo,
    HttpRequest,
    HttpResponse,
    Page,
    ReadResult,
    Refused,
    Session,
    Stale,
    WriteResult,
    Written,
)
from shared.core.records import FieldType, Life, Report, Value, Version

FIELDS: Final = ("email", "f", "g", "h")
"""An address, a field that people edit in one app only, one for the other app, and one that they edit in both."""
Kind = Literal["ordered", "opaque"]


@dataclass
class Row:
    """One record of an app."""

    id: str
    version: int
    values: dict[str, Value | None]
    marker: str | None = None
    dead: bool = False
    created: int = 0
    links: dict[str, str | None] = field(default_factory=dict)
    by_us: bool = False


class MemoryApp:
    """One account of an app, and the server that holds it."""

    def __init__(self, name: str, kind: Kind, *, unique_email: bool) -> None:
        self.name = name
        self.kind = kind
        self.unique_email = unique_email
        self.blind = False
        self.rows: dict[str, Row] = {}
        self.clock = 0
        self.created_by_us: list[str] = []
        self.writes = 0
        self.changed: list[str] = []
        """Records whose change nobody was told of yet."""

    def insert(self, values: dict[str, Value | None], marker: str | None = None) -> Row:
        """Create a record."""
        self.clock += 1
        row = Row(
            id=f"{self.name}{len(self.rows) + 1}", version=self.clock, values=dict(values), marker=marker,
            created=self.clock, by_us=marker is not None,
        )  # fmt: skip
        self.rows[row.id] = row
        self.changed.append(row.id)
        return row

    def touch(self, row: Row) -> None:
        """Note a change of a record."""
        self.clock += 1
        row.version = self.clock
        self.changed.append(row.id)

    def holder(self, email: Value | None) -> Row | None:
        """Find the living record with an address."""
        if not email:
            return None
        return next((row for row in self.rows.values() if row.values.get("email") == email and not row.dead), None)

    def serve(self, request: HttpRequest) -> HttpResponse:
        """Execute one request."""
        asked = json.loads(request.body)
        calls: dict[str, Callable[[Any], Any]] = {"read": self._read, "create": self._create, "update": self._update}
        answer = calls[request.path](asked)
        return HttpResponse(status=200, body=json.dumps(answer).encode())

    def _row(self, row: Row) -> dict[str, Any]:
        return {
            "id": row.id, "version": row.version, "values": row.values, "marker": row.marker, "dead": row.dead,
            "created": f"{row.created:06d}", "links": row.links,
        }  # fmt: skip

    def _read(self, ids: list[str]) -> list[dict[str, Any]]:
        return [self._row(self.rows[record]) for record in ids]

    def _create(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        out = []
        for item in items:
            found = next((row for row in self.rows.values() if row.marker == item["marker"]), None)
            if found is not None:
                out.append({"row": self._row(found), "found": True})
                continue
            holder = self.holder(item["values"].get("email")) if self.unique_email else None
            if holder is not None:
                out.append({"conflict": holder.id})
                continue
            row = self.insert({**dict.fromkeys(FIELDS), **item["values"]}, item["marker"])
            self.created_by_us.append(item["marker"])
            self.writes += 1
            out.append({"row": self._row(row), "found": False})
        return out

    def _update(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        out = []
        for item in items:
            row = self.rows[item["id"]]
            fits = self.blind or (
                all(row.values.get(name) == value for name, value in item["before"].items())
                if self.kind == "ordered"
                else row.version == item["expected"]
            )
            holder = self.holder(item["values"].get("email")) if self.unique_email else None
            if row.dead or not fits:
                out.append({"row": self._row(row), "stale": True})
            elif holder is not None and holder is not row:
                out.append({"conflict": holder.id})
            else:
                row.values.update(item["values"])
                row.links.update(item["links"])
                self.touch(row)
                self.writes += 1
                out.append({"row": self._row(row), "stale": False})
        return out


def declare(kind: Kind) -> App:  # noqa: C901 - one decision table, read from top to bottom
    """Declare the app as a connector does."""

    def report(session: Session, row: dict[str, Any]) -> Report:
        version = Version(order=row["version"]) if kind == "ordered" else Version(token=f"v{row['version']}")
        return Report(
            connection=session.connection, object="contact", id=row["id"], version=version,
            life=Life.GONE if row["dead"] else Life.ALIVE, fields=row["values"], marker=row["marker"],
            created=row["created"], links=row["links"],
        )  # fmt: skip

    def call(what: str, body: Any, *, safe: bool) -> Exchange[Any]:
        response = yield HttpRequest(method="POST", path=what, body=json.dumps(body).encode(), safe=safe)
        return json.loads(response.body)

    def read(session: Session, ids: Sequence[str], fields: Sequence[str]) -> Exchange[Sequence[ReadResult]]:
        del fields
        rows = yield from call("read", list(ids), safe=True)
        return [report(session, row) for row in rows]

    def result(session: Session, change: Change, row: dict[str, Any]) -> WriteResult:
        if "conflict" in row:
            return Refused(key=change.key, code="duplicate_in_target", message="taken", conflicting_id=row["conflict"])
        if row.get("stale"):
            return Stale(key=change.key, report=report(session, row["row"]))
        return Written(key=change.key, report=report(session, row["row"]), found=row.get("found", False))

    def create_many(session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
        items = [{"marker": change.marker, "values": dict(change.fields)} for change in changes]
        rows = yield from call("create", items, safe=False)
        return [result(session, change, row) for change, row in zip(changes, rows, strict=True)]

    def update_many(session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
        items = [
            {
                "id": change.id, "values": dict(change.fields), "before": dict(change.before), "links": dict(change.links),  # noqa: E501 - one row reads better whole
                "expected": int(change.expected.token[1:]) if change.expected and change.expected.token else None,
            }
            for change in changes
        ]  # fmt: skip
        rows = yield from call("update", items, safe=False)
        return [result(session, change, row) for change, row in zip(changes, rows, strict=True)]

    def unused_page(_session: Session, _cursor: str | None, _fields: Sequence[str]) -> Exchange[Page]:
        yield from call("read", [], safe=True)
        return Page(reports=(), next=None)

    def unused_poll(_session: Session, _cursor: str | None) -> Exchange[FeedPage]:
        yield from call("read", [], safe=True)
        return FeedPage(hints=(), cursor="")

    def discover(_session: Session) -> Exchange[Sequence[FieldInfo]]:
        yield from call("read", [], safe=True)
        return ()

    def account(_session: Session) -> Exchange[AccountInfo]:
        yield from call("read", [], safe=True)
        return AccountInfo(id="1", name="memory")

    binding = Binding(
        object="contact",
        versions=kind,
        create="marker" if kind == "ordered" else "client_id",
        lock="none" if kind == "ordered" else "etag",
        update_kind="patch",
        fields=tuple(
            FieldInfo(
                name=name,
                type=FieldType.EMAIL if name == "email" else FieldType.TEXT,
                canonical="email" if name == "email" else None,
            )
            for name in FIELDS
        ),
        associations=(Association(label="company", to="company", kind="endpoint"),),
        feeds=(
            Feed(
                name="all",
                kind="full_scan",
                role="truth",
                covers=frozenset(("create", "update", "delete")),
                poll=unused_poll,
            ),
        ),
        read_batch=3,
        write_batch=2,
        batch_result="per_item",
        read=read,
        list_page=unused_page,
        create_many=create_many,
        update_many=update_many,
        archive_many=update_many,
        discover=discover,
    )
    return App(
        key=kind, title=kind, docs_url="", tested_versions=(), base_url=None,
        auth=(Auth(kind="none", secrets=(), headers=lambda _secrets: {}),), objects={"contact": binding}, account=account,  # noqa: E501 - one row reads better whole
    )  # fmt: skip


def lost(rng: random.Random, share: float) -> bool:
    """Draw whether an answer is lost."""
    return rng.random() < share


def lost_answer() -> AppError:
    """Say that nothing came back although the call was executed."""
    return AppError("app_unavailable", "no answer", retry="outage", unknown=True)

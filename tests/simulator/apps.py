"""Small apps in memory, declared as real connectors are: exchanges of requests, a server that executes them.

Two kinds, as the two kinds of real apps: one with versions that grow, markers and no lock; one with opaque versions,
client-chosen ids and a lock. Both can answer after having forgotten to (`unknown`), which is what a lost reply is.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from shared.contract.app import App, Association, Binding, OwnObjects
from shared.contract.calls import AppError, Exchange, HttpRequest, HttpResponse, Session
from shared.contract.feeds import Feed, FeedPage
from shared.contract.reading import Page, ReadResult
from shared.contract.sign_in import AccountInfo, Auth
from shared.contract.writing import Change, Refused, Stale, WriteResult, Written
from shared.model.fields import FieldInfo, FoundObject
from shared.model.records import Life, LinkChange, Linked, Report, Value, Version, ids_of, linked_after
from tests.simulator.objects import OBJECTS, OWN, found, infos

Kind = Literal["ordered", "opaque"]


@dataclass
class Row:
    """One record of an app."""

    id: str
    version: int
    values: dict[str, Value | None]
    marker: str | None = None
    life: Life = Life.ALIVE
    created: int = 0
    object: str = "contact"
    links: dict[str, Linked] = field(default_factory=dict)
    merged_into: str | None = None
    aliases: tuple[str, ...] = ()
    by_us: bool = False

    @property
    def dead(self) -> bool:
        """Whether the app has it no longer."""
        return self.life is not Life.ALIVE


class MemoryApp:
    """One account of an app, and the server that holds it."""

    def __init__(self, name: str, kind: Kind, *, unique_email: bool) -> None:
        self.name = name
        self.kind = kind
        self.unique_email = unique_email
        self.blind = False
        self.parts = False
        self.rows: dict[str, Row] = {}
        self.clock = 0
        self.created_by_us: list[str] = []
        self.writes = 0
        self.changed: list[str] = []
        """Records whose change nobody was told of yet."""
        self.relinked: list[str] = []
        """Records that lead to another one since a merge: their versions have not moved, and nobody was told yet."""
        self.linked: set[str] = set()
        """Labels of associations that were written."""

    def insert(self, values: dict[str, Value | None], marker: str | None = None, object_: str = "contact") -> Row:
        """Create a record."""
        self.clock += 1
        row = Row(
            id=f"{self.name}{len(self.rows) + 1}", version=self.clock, values=dict(values), marker=marker,
            created=self.clock, object=object_, by_us=marker is not None,
        )  # fmt: skip
        self.rows[row.id] = row
        self.changed.append(row.id)
        return row

    def living(self, object_: str = "contact") -> list[Row]:
        """List the records that the app shows."""
        return [row for row in self.rows.values() if row.object == object_ and not row.dead]

    def leave(self, row: Row, life: Life) -> None:
        """Delete a record."""
        row.life = life
        self.touch(row)

    def restore(self, row: Row) -> None:
        """Bring a deleted record back under its id, and its associations with it.

        The records at their other ends have changed as well, as HubSpot's do by the properties that count them.
        """
        row.life = Life.ALIVE
        self.touch(row)
        for other in self.rows.values():
            if not other.dead and any(row.id in ids_of(ends) for ends in other.links.values()):
                self.touch(other)

    def merge(self, winner: Row, loser: Row) -> Row:
        """Make one new record of two: the winner's values, the loser's where the winner has none; both ids retire."""
        values = {name: value if value is not None else loser.values[name] for name, value in winner.values.items()}
        made = self.insert(values, winner.marker or loser.marker, winner.object)
        made.by_us = False
        made.created = min(winner.created, loser.created)
        made.links = {**loser.links, **{label: other for label, other in winner.links.items() if other}}
        for label in (end.label for end in OBJECTS[winner.object].ends if end.many and end.label in loser.links):
            made.links[label] = tuple(sorted({*ids_of(loser.links[label]), *ids_of(winner.links.get(label))}))
        made.aliases = (*winner.aliases, winner.id, *loser.aliases, loser.id)
        for row in (winner, loser):
            row.merged_into, row.marker = made.id, None
            self.leave(row, Life.MERGED)
            led_here = (
                other for other in self.rows.values() if any(row.id in ids_of(end) for end in other.links.values())
            )
            self.relinked += [other.id for other in led_here if not other.dead and other is not made]
        return made

    def survivor(self, row: Row) -> Row:
        """Follow merges to the record that holds what this one held."""
        while row.merged_into is not None:
            row = self.rows[row.merged_into]
        return row

    def end_of(self, row: Row, label: str) -> str | None:
        """Return the record that another one is associated with, where that is one."""
        return next(iter(ids_of(self.links_of(row).get(label))), None)

    def links_of(self, row: Row) -> dict[str, Linked]:
        """Return what a record is associated with: merged ends lead to their survivors, deleted ones to nothing."""
        told: dict[str, Linked] = {}
        for end in OBJECTS[row.object].ends:
            living = tuple(other for other in self._held(row, end.label) if not self.rows[other].dead)
            told[end.label] = living if end.many else next(iter(living), None)
        return told

    def _held(self, row: Row, label: str) -> tuple[str, ...]:
        """Return what a record is associated with, also where that was deleted and may come back."""
        ends = {self.survivor(self.rows[other]).id for other in ids_of(row.links.get(label))}
        return tuple(sorted(ends - {row.id}))

    def associate(self, row: Row, label: str, ends: Linked) -> None:
        """Set what a record is associated with; a record that shows it as well changes with it."""
        row.links[label] = ends
        if not any(end.mutual for end in OBJECTS[row.object].ends if end.label == label):
            return
        shown = {self.survivor(self.rows[end]).id for end in ids_of(ends)}
        for other in self.rows.values():
            if other.object != row.object or other is row or other.merged_into:
                continue
            held = self._held(other, label)
            if (row.id in held) != (other.id in shown):
                other.links[label] = tuple(sorted({*held} ^ {row.id}))
                if not other.dead:
                    self.touch(other)

    def touch(self, row: Row) -> None:
        """Note a change of a record."""
        self.clock += 1
        row.version = self.clock
        self.changed.append(row.id)

    def holder(self, email: Value | None) -> Row | None:
        """Find the living record with an address."""
        if not email:
            return None
        return next((row for row in self.living() if row.values.get("email") == email), None)

    def serve(self, request: HttpRequest) -> HttpResponse:
        """Execute one request."""
        asked = json.loads(request.body)
        calls: dict[str, Callable[[Any], Any]] = {"read": self._read, "create": self._create, "update": self._update}
        answer = calls[request.path](asked)
        return HttpResponse(status=200, body=json.dumps(answer).encode())

    def _row(self, row: Row) -> dict[str, Any]:
        told = {"id": row.id, "version": row.version, "life": row.life, "merged_into": None}
        if row.life is Life.MERGED:
            return {**told, "version": self.survivor(row).version, "merged_into": self.survivor(row).id}
        if row.life is Life.GONE:
            return {**told, "version": None}
        return {
            **told, "values": row.values, "marker": row.marker, "created": f"{row.created:06d}",
            "links": self.links_of(row), "aliases": row.aliases,
        }  # fmt: skip

    def _read(self, ids: list[str]) -> list[dict[str, Any]]:
        asked = [self.rows[record] for record in ids]
        more = [found for row in asked if row.merged_into and (found := self.survivor(row)).id not in ids]
        return [self._row(row) for row in (*asked, *{row.id: row for row in more}.values())]

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
            values = {**dict.fromkeys(OBJECTS[item["object"]].fields), **item["values"]}
            row = self.insert(values, item["marker"], item["object"])
            self._link(row, item["links"])
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
                out.append({"row": self._answer(row, item), "stale": True})
            elif holder is not None and holder is not row:
                # As real apps do, one says which field it refuses, the other does not.
                out.append({"conflict": holder.id, "field": "email" if self.kind == "ordered" else None})
            else:
                row.values.update(item["values"])
                self._link(row, item["links"])
                self.touch(row)
                self.writes += 1
                out.append({"row": self._answer(row, item), "stale": False})
        return out

    def _link(self, row: Row, asked: dict[str, Any]) -> None:
        for label, write in asked.items():
            change = LinkChange.model_validate(write) if isinstance(write, dict) else write
            self.associate(row, label, linked_after(self._held(row, label), change))
            self.linked.add(label)

    def _answer(self, row: Row, item: dict[str, Any]) -> dict[str, Any]:
        """Spell what a write answers: the whole record, or only what was to be written."""
        told = self._row(row)
        if self.kind == "ordered" and self.parts and "values" in told:
            for part, asked in (("values", item["values"]), ("links", item["links"])):
                told[part] = {name: value for name, value in told[part].items() if name in asked}
        return told


def declare(kind: Kind, account: str = "") -> App:
    """Declare the app as a connector does: what every account of it has, and what it finds in this one."""
    own = OWN.get(account, ())

    def find(_session: Session) -> Exchange[Sequence[FoundObject]]:
        yield HttpRequest(method="POST", path="read", body=b"[]", safe=True)
        return tuple(found(account, name) for name in own)

    def bind(object_: FoundObject) -> Binding:
        return replace(_bind(kind, object_.name, object_.fields), type=object_.type)

    def whose(_session: Session) -> Exchange[AccountInfo]:
        yield HttpRequest(method="POST", path="read", body=b"[]", safe=True)
        return AccountInfo(id="1", name="memory")

    return App(
        key=kind, title=kind, docs_url="", tested_versions=(), base_url=None,
        auth=(Auth(kind="none", secrets=(), headers=lambda _secrets: {}),), account=whose,
        objects={name: _bind(kind, name, infos(name)) for name in ("contact", "company") if name not in own},
        own_objects=OwnObjects(find=find, bind=bind) if own else None,
    )  # fmt: skip


def _bind(kind: Kind, object_: str, infos_: Sequence[FieldInfo]) -> Binding:  # noqa: C901 - a binding is many small functions
    """Bind one object type."""
    theirs = dict(zip(OBJECTS[object_].fields, (info.name for info in infos_), strict=True))
    ours = {name: field for field, name in theirs.items()}

    def said(values: Mapping[str, Value | None], names: Mapping[str, str]) -> dict[str, Value | None]:
        return {names[name]: value for name, value in values.items()}

    def report(session: Session, row: dict[str, Any]) -> Report:
        if row["version"] is None:
            version = Version()
        else:
            version = Version(order=row["version"]) if kind == "ordered" else Version(token=f"v{row['version']}")
        return Report(
            connection=session.connection, object=object_, id=row["id"], version=version, life=row["life"],
            merged_into=row["merged_into"], fields=said(row.get("values", {}), theirs), marker=row.get("marker"),
            created=row.get("created", ""), links=row.get("links", {}), aliases=tuple(row.get("aliases", ())),
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
            return Refused(
                key=change.key, code="duplicate_in_target", message="taken", conflicting_id=row["conflict"],
                field=row.get("field"),
            )  # fmt: skip
        if row.get("stale"):
            return Stale(key=change.key, report=report(session, row["row"]))
        return Written(key=change.key, report=report(session, row["row"]), found=row.get("found", False))

    def create_many(session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
        items = [
            {"object": object_, "marker": change.marker, "values": said(change.fields, ours), "links": _wire(change)}
            for change in changes
        ]
        rows = yield from call("create", items, safe=False)
        return [result(session, change, row) for change, row in zip(changes, rows, strict=True)]

    def update_many(session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
        items = [
            {
                "id": change.id, "values": said(change.fields, ours), "before": said(change.before, ours),
                "links": _wire(change),
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

    return Binding(
        object=object_,
        type=object_,
        versions=kind,
        create="marker" if kind == "ordered" else "client_id",
        lock="none" if kind == "ordered" else "etag",
        fields=tuple(infos_),
        associations=tuple(
            Association(label=end.label, to=end.to, max_links=None if end.many else 1, mutual=end.mutual)
            for end in OBJECTS[object_].ends
        ),
        feeds=(
            Feed(
                name="all",
                covers=frozenset(("create", "update", "delete")),
                poll=unused_poll,
            ),
        ),
        read_batch=3,
        write_batch=2,
        read=read,
        list_page=unused_page,
        create_many=create_many,
        update_many=update_many,
        archive_many=update_many,
        discover=discover,
    )


def _wire(change: Change) -> dict[str, Any]:
    return {x: write.model_dump() if isinstance(write, LinkChange) else write for x, write in change.links.items()}


def lost_answer() -> AppError:
    """Say that nothing came back although the call was executed."""
    return AppError("app_unavailable", "no answer", retry="outage", unknown=True)

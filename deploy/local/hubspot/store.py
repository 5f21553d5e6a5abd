"""The records and associations of one account, changed only by entries.

An entry is a plain dict that says who did what to which record, with the properties before and after. It is
at once the line of the journal on disk, the line of the audit log, and the source of webhook events; `apply`
turns it into state, live and when the journal is read back. Records are replaced, never changed in place, so
the lagging search index and the audit log can hold on to what was.
"""

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.local.hubspot.objects.catalogue import OBJECT_TYPES, AssociationType, ObjectType
from deploy.local.hubspot.objects.values import iso

Entry = dict[str, Any]
FIRST_ID = 1001
"""Every type of every account counts from here: ids repeat across types and accounts, as they may in HubSpot."""


@dataclass(slots=True)
class Record:
    """One version of one record; a change makes a new one."""

    id: str
    props: dict[str, str]
    created: int
    updated: int
    created_iso: str
    updated_iso: str
    archived_at: int = 0
    """Epoch ms; 0 while the record is live."""


@dataclass(slots=True)
class Table:
    """All records of one object type."""

    kind: ObjectType
    records: dict[str, Record] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    """Ids ascending, archived ones included: the order in which lists are paged."""
    next_id: int = FIRST_ID
    moved: dict[str, str] = field(default_factory=dict)
    """Ids that a merge retired, and where they went."""
    unique: dict[str, dict[str, str]] = field(default_factory=dict)
    """Property name, then value, then the id of the live record that holds it."""
    indexed: dict[str, Record] = field(default_factory=dict)
    """What search sees, oldest change first."""
    unindexed: deque[tuple[int, str, Record | None]] = field(default_factory=deque)
    """What search will see: time of the change, id, new version."""

    def find(self, record_id: str) -> Record | None:
        """Return the record of an id, live or archived, following merges."""
        record = self.records.get(record_id)
        while record is None and record_id in self.moved:
            record_id = self.moved[record_id]
            record = self.records.get(record_id)
        return record

    def page(self, after: int, limit: int, *, archived: bool) -> tuple[list[Record], bool]:
        """Return up to `limit` records with an id above `after`, and whether more follow."""
        found: list[Record] = []
        for number in self.order[bisect_right(self.order, after) :]:
            record = self.records[str(number)]
            if (record.archived_at > 0) == archived:
                if len(found) == limit:
                    return found, True
                found.append(record)
        return found, False

    def live(self) -> Iterator[Record]:
        """Yield the records that are not archived, in the order of their ids."""
        return (self.records[str(n)] for n in self.order if not self.records[str(n)].archived_at)

    def refresh_index(self, horizon: int) -> None:
        """Show every change made up to `horizon` (epoch ms) to search."""
        while self.unindexed and self.unindexed[0][0] <= horizon:
            _, record_id, record = self.unindexed.popleft()
            self.indexed.pop(record_id, None)
            if record is not None:
                self.indexed[record_id] = record

    def put(self, record: Record, at: int) -> None:
        """Store a new version of a record."""
        old = self.records.get(record.id)
        if old is None:
            number = int(record.id)
            if not self.order or number > self.order[-1]:
                self.order.append(number)
            else:
                insort(self.order, number)
            self.next_id = max(self.next_id, number + 1)
        self._reindex(old, record)
        self.records[record.id] = record
        self.unindexed.append((at, record.id, None if record.archived_at else record))

    def drop(self, record_id: str, at: int) -> None:
        """Forget a record altogether."""
        record = self.records.pop(record_id)
        self.order.remove(int(record_id))
        self._reindex(record, None)
        self.unindexed.append((at, record_id, None))

    def holders(self, name: str, value: str) -> str | None:
        """Return the id of the live record that holds a unique value."""
        return self.unique.get(name, {}).get(value.lower() if name == "email" else value)

    def add_unique(self, name: str) -> None:
        """Start keeping one more property unique."""
        self.unique.setdefault(name, {})
        for record in self.live():
            for value in keys(name, record):
                self.unique[name].setdefault(value, record.id)

    def _reindex(self, old: Record | None, new: Record | None) -> None:
        for name, index in self.unique.items():
            before = keys(name, old)
            after = keys(name, new)
            if before != after:
                for value in before:
                    if index.get(value) == (old.id if old else None):
                        del index[value]
                for value in after:
                    index.setdefault(value, new.id if new else "")


def keys(name: str, record: Record | None) -> list[str]:
    """Return the unique values a version claims: a contact claims its secondary e-mails too; an archived one none."""
    if record is None or record.archived_at:
        return []
    value = record.props.get(name)
    found = [value] if value else []
    if name == "email":
        found += [extra for extra in record.props.get("hs_additional_emails", "").split(";") if extra]
    return found


Links = dict[str, dict[str, set[int]]]
"""From record id, to record id, association type ids."""


class Store:
    """The records and associations of one account.

    Args:
        associations: The account's association types.
    """

    def __init__(self, associations: Mapping[int, AssociationType]) -> None:
        self.associations = associations
        self.tables = {kind.name: Table(kind) for kind in OBJECT_TYPES}
        self.tables["contacts"].unique["email"] = {}
        self.links: dict[tuple[str, str], Links] = {}
        self.last_ms = 0
        """Time of the last change; the clock of changes never runs backwards."""

    def stamp(self, now: int, *records: Record) -> int:
        """Return the time to give a change of these records: now, but after every earlier change of them."""
        return max(now, self.last_ms, *(record.updated + 1 for record in records))

    def apply(self, entry: Entry) -> None:
        """Make one entry true."""
        at = entry["at"]
        self.last_ms = max(self.last_ms, at)
        op = entry["op"]
        if op in ("link", "unlink"):
            self._apply_link(entry, add=op == "link")
            return
        table = self.tables[entry["type"]]
        if op == "create":
            table.put(self._new(table, entry), at)
        elif op == "merge":
            for old in entry["merged"]:
                table.drop(old, at)
                table.moved[old] = entry["id"]
                self._move_links(table.kind.name, old, entry["id"])
            table.put(self._new(table, entry), at)
        elif op == "privacy":
            self._unlink_all(table.kind.name, entry["id"])
            table.drop(entry["id"], at)
        elif op != "noop":
            self._change(table, entry)

    def _change(self, table: Table, entry: Entry) -> None:
        at, op = entry["at"], entry["op"]
        old = table.records[entry["id"]]
        stamp = iso(at)
        props = {**old.props, **entry["after"], table.kind.modified: stamp}
        archived_at = at if op == "archive" else 0
        if op == "update":
            archived_at = old.archived_at
        table.put(Record(old.id, props, old.created, at, old.created_iso, stamp, archived_at), at)

    def _new(self, table: Table, entry: Entry) -> Record:
        at = int(entry["at"])
        created = int(entry.get("created", at))
        created_iso, stamp = iso(created), iso(at)
        props = {
            **entry["after"],
            "hs_object_id": entry["id"],
            table.kind.created: created_iso,
            table.kind.modified: stamp,
        }
        return Record(entry["id"], props, created, at, created_iso, stamp)

    def linked(self, source: str, record_id: str, target: str) -> dict[str, set[int]]:
        """Return the ids associated with a record, each with its association type ids."""
        return self.links.get((source, target), {}).get(record_id, {})

    def _apply_link(self, entry: Entry, *, add: bool) -> None:
        source, target = entry["type"], entry["to_type"]
        for type_id in entry["types"]:
            mirror = self.associations[type_id].mirror
            for way, a, b, number in (
                ((source, target), entry["id"], entry["to"], type_id),
                ((target, source), entry["to"], entry["id"], mirror),
            ):
                if add:
                    self.links.setdefault(way, {}).setdefault(a, {}).setdefault(b, set()).add(number)
                else:
                    _discard(self.links.get(way, {}), a, b, number)

    def _ends(self, source: str, record_id: str) -> Iterable[tuple[str, str, set[int]]]:
        for one, target in list(self.links):
            if one == source:
                for other, types in list(self.linked(source, record_id, target).items()):
                    yield target, other, set(types)

    def _unlink_all(self, source: str, record_id: str) -> None:
        for target, other, types in self._ends(source, record_id):
            entry = {"type": source, "id": record_id, "to_type": target, "to": other, "types": types}
            self._apply_link(entry, add=False)

    def _move_links(self, source: str, old: str, new: str) -> None:
        for target, other, types in self._ends(source, old):
            kept = {t for t in types if not self.associations[t].primary or not self._has_primary(source, new, target)}
            self._apply_link({"type": source, "id": old, "to_type": target, "to": other, "types": types}, add=False)
            self._apply_link({"type": source, "id": new, "to_type": target, "to": other, "types": kept}, add=True)

    def _has_primary(self, source: str, record_id: str, target: str) -> bool:
        ends = self.linked(source, record_id, target).values()
        return any(self.associations[type_id].primary for types in ends for type_id in types)


def _discard(links: Links, a: str, b: str, number: int) -> None:
    ends = links.get(a, {})
    if b in ends:
        ends[b].discard(number)
        if not ends[b]:
            del ends[b]

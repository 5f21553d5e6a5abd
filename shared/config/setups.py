"""What is set up: connections, syncs and phases, as the `setups` topic tells, ready to run.

Every service follows the topic from its beginning, before it takes any message. Offsets on it are the settings' own
clock: messages carry the offset that their sender had seen, and a worker that is behind catches up first.

Connections and syncs have versions. Kafka has no compare-and-set: two people who change one thing at the same moment
publish two documents of one version. The first in the log counts for every reader, and the second for none. A document
also says up to which offset its author had read, and counts for none where something came under its key since: what was
removed meanwhile does not come back.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ValidationError

from shared.apps import APPS
from shared.config.compiling import compile_policy
from shared.config.running import Running
from shared.contract.app import App, Binding
from shared.contract.calls import Session
from shared.contract.people import People
from shared.engine.policies import Policy
from shared.model.records import SIDES, Side
from shared.model.syncs import AppCredentials, Connection, Job, Phase, Sync, SyncSide
from shared.wire.messages import JobProgress, ObjectFound, PhaseSet, Rebuilt, Rotated, SetupDoc

VERSIONED: Final = ("connection", "sync", "credentials")
"""Kinds of documents that have versions."""


class UnknownSetup(LookupError):  # noqa: N818 - names what is missing
    """A connection, object or sync that is not set up (any more)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A document that this version cannot read."""

    sync: str
    """The sync that it is about; empty when it is a connection's."""
    why: str
    ends: frozenset[tuple[str, str]]


class Setups:
    """The current settings; `apply` is called by one thread, everything else by any."""

    def __init__(self, apps: Mapping[str, App] = APPS) -> None:
        self.apps = apps
        self.offset = -1
        self._connections: dict[str, Connection] = {}
        self._syncs: dict[str, Sync] = {}
        self._phases: dict[str, Phase] = {}
        self._jobs: dict[str, Job] = {}
        self._progress: dict[str, JobProgress] = {}
        self._rebuilt: dict[str, int] = {}
        self._rotated: dict[str, Rotated] = {}
        self._people: dict[str, People] = {}
        self._found: dict[str, ObjectFound] = {}
        """By connection and object, those that accounts have of their own."""
        self._bindings: dict[str, Binding] = {}
        self._named: dict[tuple[str, str], str] = {}
        """The same objects, by connection and the id that their app's calls use."""
        self._credentials: dict[str, AppCredentials] = {}
        self._overruled: dict[str, None] = {}
        self._at: dict[str, int] = {}
        """By key, the offset of what counts under it, be it that there is nothing any more."""
        self._unread: dict[str, Unread] = {}
        """By key, documents that this version cannot read."""
        self.running = Running()
        self._watchers: list[Callable[[str, SetupDoc | None], None]] = []

    @contextmanager
    def watched(self, watcher: Callable[[str, SetupDoc | None], None]) -> Iterator[None]:
        """Call *watcher* with key and document after each change, as long as the block lasts."""
        self._watchers = [*self._watchers, watcher]
        try:
            yield
        finally:
            self._watchers = [row for row in self._watchers if row is not watcher]

    def apply(self, offset: int, key: str, doc: SetupDoc | None) -> None:
        """Take one document of the topic; None is its tombstone."""
        self._take(offset, key, doc)
        self.offset = offset  # only now: whoever waits for it in another thread looks at once

    def _take(self, offset: int, key: str, doc: SetupDoc | None) -> None:
        kind, _, name = key.partition(":")
        store: dict[str, object] | None = {
            "connection": self._connections,
            "sync": self._syncs,
            "phase": self._phases,
            "job": self._jobs,
            "progress": self._progress,
            "rebuilt": self._rebuilt,
            "rotated": self._rotated,
            "credentials": self._credentials,
            "people": self._people,
            "object": self._found,
        }.get(kind)  # type: ignore[assignment]  # one table of tables that hold different things
        if store is None:
            return  # of a newer version, whose workers know what to do with it
        value = part_of(doc, kind) if doc is not None else None
        self._unread.pop(key, None)
        if value != store.get(name) and (_is_late(value, store.get(name)) or self._came_since(key, doc)):
            self._overruled[key] = None
            return
        self._at[key] = offset
        self._overruled.pop(key, None)
        if value is None:
            store.pop(name, None)
        else:
            store[name] = value
        if kind in ("connection", "sync", "phase", "people", "object"):
            self._compile()
        for watcher in self._watchers:
            watcher(key, doc)

    def holds(self, key: str) -> bool:
        """Check whether something with versions counts under a key."""
        kind, _, name = key.partition(":")
        stores: Mapping[str, Mapping[str, object]] = {
            "connection": self._connections, "sync": self._syncs, "credentials": self._credentials,
        }  # fmt: skip
        return name in stores[kind]

    def _came_since(self, key: str, doc: SetupDoc | None) -> bool:
        """Check whether something counts under a key that a document's author had not read, such as a tombstone."""
        return doc is not None and doc.read_to is not None and self._at.get(key, -1) > doc.read_to

    def leave_out(self, offset: int, key: str, raw: bytes | None, why: str) -> None:
        """Take note of a document that cannot be read here: what it sets up does not run here, everything else does."""
        kind, _, name = key.partition(":")
        if kind in ("connection", "sync", "phase"):
            sync = name if kind != "connection" else ""
            self._unread[key] = Unread(sync=sync, why=f"a newer version wrote {key!r}: {why}", ends=_ends_in(raw))
            self._compile()
        self.offset = offset

    def credentials(self, app: str) -> AppCredentials | None:
        """Return what Syncline is known by at an app, where somebody has entered it."""
        return self._credentials.get(app)

    def _compile(self) -> None:
        self._bindings = {place: made for place, row in self._found.items() if (made := self._bound(row)) is not None}
        self._named = {(row.connection, row.object.id): row.object.name for row in self._found.values()}
        policies: dict[str, Policy] = {}
        not_run = {unread.sync: unread.why for unread in self._unread.values() if unread.sync}
        ends = {unread.sync: unread.ends for unread in self._unread.values() if unread.sync}
        for sync in self._syncs.values():
            ends[sync.id] = ends.get(sync.id, frozenset()) | {(end.connection, end.object) for end in _ends_of(sync)}
            ready = not_run.get(sync.id) or self._compiled(sync)
            if isinstance(ready, str):
                not_run[sync.id] = ready
            elif ready is not None:
                policies[sync.id] = ready
        foreign: dict[tuple[str, str], tuple[str, ...]] = {}
        for name in not_run:
            for end in ends[name]:
                foreign[end] = (*foreign.get(end, ()), name)
        sides: dict[tuple[str, str], list[tuple[Policy, Side]]] = {}
        for policy in policies.values():
            for side in SIDES:
                part = policy.sides[side]
                sides.setdefault((part.connection, part.object), []).append((policy, side))
        self.running = Running(policies=policies, not_run=not_run, sides=sides, foreign=foreign)

    def _compiled(self, sync: Sync) -> Policy | str | None:
        """Make a sync ready to run; returns why it does not run here, or None while a connection is missing."""
        for end in _ends_of(sync):
            found = self._found.get(f"{end.connection}/{end.object}")
            if found is not None and found.gone:
                return found.gone
            unread = self._unread.get(f"connection:{end.connection}")
            if unread is not None:
                return unread.why
            if end.connection not in self._connections:
                return None
        try:
            live = self._phases.get(sync.id) == "live"
            return compile_policy(sync, self._connections, self._binding, live=live, people=self._people)
        except KeyError as error:
            return f"it names {error}, which this version does not know"

    def _bound(self, row: ObjectFound) -> Binding | None:
        connection = self._connections.get(row.connection)
        app = self.apps.get(connection.app) if connection is not None else None
        own = app.own_objects if app is not None else None
        return own.bind(row.object) if own is not None and not row.gone else None

    def _binding(self, connection: str, object_: str) -> Binding:
        objects = self.apps[self._connections[connection].app].objects
        made = objects.get(object_) or self._bindings.get(f"{connection}/{object_}")
        if made is None:
            raise KeyError(object_)
        return made

    def connection(self, name: str) -> Connection:
        """Return a connection; raises `UnknownSetup`."""
        try:
            return self._connections[name]
        except KeyError:
            raise UnknownSetup(f"connection {name!r} is not set up") from None

    def connections(self) -> list[Connection]:
        """List the connections."""
        return list(self._connections.values())

    def app_of(self, connection: str) -> App:
        """Return the app of a connection; raises `UnknownSetup`."""
        name = self.connection(connection).app
        if name not in self.apps:
            raise UnknownSetup(f"there is no app {name!r}")
        return self.apps[name]

    def binding(self, connection: str, object_: str) -> Binding:
        """Return how a connection's app holds one of its objects; raises `UnknownSetup`."""
        title = self.app_of(connection).title
        try:
            return self._binding(connection, object_)
        except KeyError:
            raise UnknownSetup(f"{title} has no object {object_!r}") from None

    def found(self) -> Mapping[str, ObjectFound]:
        """Return the objects that accounts have of their own, by connection and object, also those that are gone."""
        return dict(self._found)

    def object_called(self, connection: str, called: str) -> str:
        """Return what settings call an object; its app calls one that the account has of its own by an id."""
        return self._named.get((connection, called), called)

    def session(self, connection: str) -> Session:
        """Return what an exchange knows of the connection that it runs for."""
        row = self.connection(connection)
        return Session(connection=row.id, options=row.options)

    def sync(self, name: str) -> Sync | None:
        """Return a sync's settings."""
        return self._syncs.get(name)

    def syncs(self) -> list[Sync]:
        """List the syncs."""
        return list(self._syncs.values())

    def policy(self, sync: str) -> Policy | None:
        """Return a sync ready to run; None when it, or one of its connections, is not set up, or does not run here."""
        return self.running.policies.get(sync)

    def not_run(self) -> Mapping[str, str]:
        """Return the syncs that do not run here, each with the reason: a newer version set them up.

        Their messages wait for a worker that knows what they are about; nothing of them is dropped or parked.
        """
        return self.running.not_run

    def phase(self, sync: str) -> Phase:
        """Return how far a sync's first sync is."""
        return self._phases.get(sync, "indexing")

    def sides_of(self, connection: str, object_: str) -> Sequence[tuple[Policy, Side]]:
        """List the syncs that a connection's object takes part in, and on which side."""
        return self.running.sides_of(connection, object_)

    def objects_in_use(self) -> list[tuple[str, str]]:
        """List the (connection, object) that take part in a sync that is on."""
        return [key for key, rows in self.running.sides.items() if any(policy.enabled for policy, _ in rows)]

    def associations_in_use(self, connection: str, object_: str) -> list[tuple[Policy, Side]]:
        """List the syncs that are on and live, and carry associations of a connection's object."""
        return [
            (policy, side)
            for policy, side in self.sides_of(connection, object_)
            if policy.enabled and policy.live and policy.associations
        ]

    def people(self, connection: str) -> People | None:
        """Return the people of a connection's app, as it named them last; None where nobody has asked."""
        return self._people.get(connection)

    def syncs_with_owners(self, connection: str) -> list[Sync]:
        """List the syncs that are on and carry owners, in which a connection takes part."""
        return [
            sync
            for sync in self._syncs.values()
            if sync.enabled
            and connection in (sync.left.connection, sync.right.connection)
            and any(row.on and row.lens == "owner" for row in sync.mappings)
        ]

    def feeds_in_use(self) -> set[str]:
        """Name the feeds that are asked: what stands of any other one grows old for good."""
        found: set[str] = set()
        for connection, object_ in self.objects_in_use():
            binding = self.binding(connection, object_)
            names = [feed.name for feed in binding.feeds]
            if binding.link_feed is not None and self.associations_in_use(connection, object_):
                names.append(binding.link_feed.name)
            found |= {f"{connection}/{object_}/{name}" for name in names}
        return found

    def fields_of(self, connection: str, object_: str) -> tuple[str, ...]:
        """List what must be read of a record: fields of all its syncs, associations by `link_name`."""
        return self.running.fields_of(connection, object_)

    def jobs(self) -> Iterable[tuple[Job, JobProgress | None]]:
        """List the jobs that the version before keeps here, with their progress, until they are taken over."""
        return [(job, self._progress.get(job.id)) for job in list(self._jobs.values())]  # `apply` may add one meanwhile

    def told_without_job(self) -> list[str]:
        """List jobs that are gone from here, and of which a worker of the version before has told once more."""
        return [name for name in list(self._progress) if name not in self._jobs]

    def was_built(self, sync: str) -> bool:
        """Check whether the links of a sync were made once; until then it has no pairs."""
        return sync in self._rebuilt

    def rebuilt_ms(self, sync: str) -> int:
        """Return when Redis was last rebuilt for a sync; 0 for never."""
        return self._rebuilt.get(sync, 0)

    def overruled(self) -> list[str]:
        """List the keys whose last document does not count, since another of its version came first.

        Compaction keeps the last document of a key: until the one that counts is published anew, under a version of its
        own, somebody who begins to read later could take the other one.
        """
        return list(self._overruled)

    def rotated(self, connection: str) -> Rotated | None:
        """Return the refresh token that a connection's app replaced its own by, if it ever did."""
        return self._rotated.get(connection)


def _ends_of(sync: Sync) -> tuple[SyncSide, SyncSide]:
    return sync.left, sync.right


class _End(BaseModel):
    connection: str
    object: str


class _EndsOfSync(BaseModel):
    """As much of a sync's document as says of which records it is, whatever else a newer version writes."""

    left: _End
    right: _End


class _Ends(BaseModel):
    sync: _EndsOfSync


def _ends_in(raw: bytes | None) -> frozenset[tuple[str, str]]:
    """Find the connections' objects of a sync in a document that cannot be read as a whole; none when it shows none."""
    try:
        found = _Ends.model_validate_json(raw or b"").sync
    except ValidationError:
        return frozenset()
    return frozenset((end.connection, end.object) for end in (found.left, found.right))


def _is_late(new: object, standing: object) -> bool:
    """Check whether somebody else changed a connection or sync at the same moment, and was first."""
    versioned = Connection | Sync | AppCredentials
    if not isinstance(new, versioned) or not isinstance(standing, versioned):
        return False
    return new.version <= standing.version


def part_of(doc: SetupDoc, kind: str) -> object | None:
    """Take the part out of a document that its key announces."""
    if kind == "phase":
        return doc.phase.phase if isinstance(doc.phase, PhaseSet) else None
    if kind == "rebuilt":
        return doc.rebuilt.at_ms if isinstance(doc.rebuilt, Rebuilt) else None
    part: object | None = getattr(doc, kind)
    return part

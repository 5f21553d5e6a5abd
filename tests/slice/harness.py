"""A whole sync in one thread: real handlers, real apps over HTTP, and Kafka and Redis in memory.

Every handler takes its messages in turn until nothing moves, so a test states what people did and what should stand
afterwards, without a broker, a thread or a wait. `Slice` is told of changes by the test; `Polling` asks the feeds, as
an installation without webhooks does.
"""

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from deploy.local.hubspot import HubSpotServer
from services.console.setups.checks.mappings import dated
from services.ingest.feeds.link_rounds import LinkRounds
from services.ingest.hydrate import Hydrate
from services.ingest.known import TakenVersions
from services.ingest.notices import addressed, as_notice
from services.matcher.matching.match import Match
from services.matcher.resolving.resolve import Resolve
from services.writer.write import Write
from shared.apps import APPS
from shared.apps.carddav import CARDDAV
from shared.apps.defaults import default_mappings
from shared.apps.hubspot import HUBSPOT
from shared.config.setups import Setups
from shared.contract.app import App, Binding
from shared.contract.calls import Exchange
from shared.contract.feeds import HintKind
from shared.io.envelope import Raw
from shared.io.handling import process
from shared.io.links.store import BUCKETS, Store
from shared.io.memory import ManualClock, MemoryBroker, MemoryBus, MemoryReader
from shared.io.ports import Outbound, run_blocking
from shared.io.redis.memory import MemoryScripts
from shared.metrics import Metrics
from shared.model.ids import record_key
from shared.model.pairs import Pair, PairEvent, Trace
from shared.model.records import SIDES
from shared.model.syncs import AssociationMapping, Connection, Sync, SyncSide
from shared.wire import topics
from shared.wire.messages import Notice, ObjectFound, PhaseSet, SetupDoc
from tests.apps.driver import Driver
from tests.slice.book import Book

if TYPE_CHECKING:
    from shared.model.outcomes import Outcome

BOOK: Final = "book"
"""The connection of the address book, in slices that have one."""
_ROUNDS_MOST: Final = 200
"""Rounds of all handlers within which everything that was told must come to rest."""


@dataclass(frozen=True, slots=True)
class _Caller:
    """Runs exchanges without budgets."""

    drivers: dict[str, Driver]
    about: list[tuple[str, str]] = field(default_factory=list)
    """By connection, the records and pairs that calls were said to be about."""

    async def run(
        self, connection: str, exchange: Exchange[Any], *, share: str = "live", wait_s: float = 0.0,
        about: Collection[str] = (),
    ) -> Any:  # fmt: skip
        del share, wait_s
        self.about.extend((connection, one) for one in about)
        return self.drivers[connection].run(exchange)


class Slice:
    """Two HubSpot accounts, `one` and `two`, and an address book where one is given.

    Args:
        server: The HubSpot of the accounts.
        syncs: What is synced, live from the start.
        book: The address book of the connection `book`.
    """

    apps: Mapping[str, App] = APPS

    def __init__(self, server: HubSpotServer, syncs: Sequence[Sync], *, book: Book | None = None) -> None:
        self.server = server
        self.admin = server.admin()
        self.clock = ManualClock()
        self.setups = Setups(self.apps)
        self.broker = MemoryBroker(topics.catalogue(tuple(self.apps)), partitions=1, now_ms=self.clock.now_ms)
        self.bus = MemoryBus(self.broker, setups=lambda: self.setups.offset)
        self.store = Store(MemoryScripts())
        self.metrics = Metrics()
        self.drivers: dict[str, Driver] = {}
        self.portal = {"one": 7001, "two": 7002}
        self.trail: list[tuple[str, str, Outcome]] = []
        """Topic, key and outcome of every message that was handled."""
        for name, number in self.portal.items():
            self._connect_portal(name, number)
        if book is not None:
            self._connect_book(book)
        for sync in syncs:
            self.add(sync)
        self.caller = caller = _Caller(self.drivers)
        hydrate = Hydrate(self.store, self.bus, self.setups, caller, self.clock)
        write = Write(self.store, self.bus, self.setups, caller, clock=self.clock, metrics=self.metrics)
        self.handlers: dict[topics.Topic[Any], Any] = {
            topics.NOTICES: hydrate.handle,
            topics.RECORDS: Match(self.store, self.bus, self.setups).handle,
            topics.PAIRS: Resolve(self.store, self.bus, self.setups, self.clock, metrics=self.metrics).handle,
        }
        for app in self.apps:
            for backfill in (False, True):
                self.handlers[topics.writes(app, backfill=backfill)] = write.handle
        self._at = {topic.name: 0 for topic in (*self.handlers, *topics.LATER.values())}

    def _connect_portal(self, name: str, number: int) -> None:
        token = f"pat-{number}"
        self.admin.add_account(
            number, token=token, settings={"index_lag_ms": 0, "search_per_second": 100, "ten_secondly": 1900}
        )
        headers = HUBSPOT.auth[1].headers({"access_token": token})
        self.drivers[name] = Driver(base_url=self.server.url, headers=headers)
        row = Connection(
            id=name, app="hubspot", label=name, account=str(number), base_url=self.server.url, auth="api_key"
        )
        self.set_up("connection", name, SetupDoc(connection=row))

    def _connect_book(self, book: Book) -> None:
        self.drivers[BOOK] = Driver(base_url=book.server, headers=CARDDAV.auth[0].headers(book.secrets))
        row = Connection(
            id=BOOK, app="carddav", label=BOOK, account=book.url, base_url=book.server, options={"book": book.path},
            auth="basic",
        )  # fmt: skip
        self.set_up("connection", BOOK, SetupDoc(connection=row))

    def find_own(self, connection: str) -> dict[str, Binding]:
        """Find the objects that an account has of its own, and keep them in the settings, as `apply` does."""
        own = self.setups.app_of(connection).own_objects
        assert own is not None
        for one in self.drivers[connection].run(own.find(self.setups.session(connection))):
            found = ObjectFound(connection=connection, object=one.without_options())
            self.set_up("object", f"{connection}/{one.name}", SetupDoc(object=found))
        return {
            row.object.name: own.bind(row.object)
            for row in self.setups.found().values()
            if row.connection == connection
        }

    def add(self, sync: Sync) -> None:
        """Set a sync up, live."""
        self.set_up("sync", sync.id, SetupDoc(sync=sync))
        self.set_up("phase", sync.id, SetupDoc(phase=PhaseSet(sync=sync.id, phase="live")))
        run_blocking(self.store.begin_rebuild(sync.id, "t", 1))
        run_blocking(self.store.finish_rebuild(sync.id, "t"))
        for side in SIDES:
            end = sync.side(side)
            prepare = self.setups.binding(end.connection, end.object).prepare
            if prepare is not None:
                self.drivers[end.connection].run(prepare(self.setups.session(end.connection)))

    def set_up(self, kind: str, name: str, doc: SetupDoc | None) -> None:
        """Take a settings document, as the follower of `setups` does."""
        self.setups.apply(self.setups.offset + 1, f"{kind}:{name}", doc)
        assert not self.setups.overruled(), "a change needs a higher version: of two of one version the first counts"

    def edit(self, name: str, **changes: Any) -> None:
        """Change a sync's settings as the console does, and look at all its records again, as the job after it does."""
        old = self.setups.sync(name)
        if old is None:
            raise ValueError(f"no sync {name!r}")
        mappings = tuple(dated(row, old) for row in changes.get("mappings", old.mappings))
        new = old.model_copy(update={**changes, "mappings": mappings, "version": old.version + 1})
        self.set_up("sync", name, SetupDoc(sync=new))
        for pair in self.pairs(name):
            for side in SIDES:
                record, end = pair.side(side), new.side(side)
                if record is not None:
                    self.notice(end.connection, end.object, record.id)
        self.run()
        touches = [PairEvent(sync=name, pair=pair.pair, kind="touch", reason="resync") for pair in self.pairs(name)]
        run_blocking(self.bus.publish([Outbound(topic=topics.PAIRS, key=one.pair, message=one) for one in touches]))
        self.run()

    # What happens

    def notice(
        self,
        connection: str,
        object_: str,
        record: str,
        kind: HintKind = "changed",
        *,
        winner: str = "",
        into: str = "",
    ) -> None:
        """Publish that a record changed, as a webhook without a version does."""
        notice = Notice(
            connection=connection, object=object_, id=record, kind=kind, winner=winner, into=into,
            accepted_ms=self.clock.now_ms(),
        )  # fmt: skip
        key = record_key(connection, object_, record)
        run_blocking(self.bus.publish([Outbound(topic=topics.NOTICES, key=key, message=notice)]))

    def run(self, *, later: int = 0) -> None:
        """Handle messages until nothing moves, at most *later* delayed ones among them; fail when it never rests."""
        for _ in range(_ROUNDS_MOST):
            if self.step():
                continue
            if later > 0 and self._due():
                later -= 1
                continue
            return
        raise AssertionError(f"it never rests; handled last: {self.trail[-6:]}")

    def step(self, *only: topics.Topic[Any]) -> bool:
        """Handle once what waits on each topic, or on some of them; False when nothing waits."""
        moved = False
        for topic, handle in self.handlers.items():
            if only and topic not in only:
                continue
            batch = self.broker.items(topic.name, 0, self._at[topic.name], 100)
            if not batch:
                continue
            moved = True
            self._at[topic.name] = batch[-1].offset + 1
            outcomes = run_blocking(
                process(batch, {topic.name: topic}, handle, bus=self.bus, clock=self.clock, metrics=self.metrics)
            )
            self.trail += [(topic.name, row.key, outcome) for row, outcome in zip(batch, outcomes, strict=True)]
            self.clock.advance(5)
        return moved

    def _due(self) -> bool:
        """Advance to the time of one delayed message, and publish it again."""
        for topic in topics.LATER.values():
            for row in self.broker.fetch(topic.name, 0, self._at[topic.name], 1):
                self._at[topic.name] = row.offset + 1
                if row.value is None:
                    continue
                delayed = topic.decode(row.value, row.headers)
                self.clock.advance(max(0, delayed.due_ms - self.clock.now_ms()))
                value = base64.b64decode(delayed.raw_base64)
                self.broker.append(Raw(topic=delayed.topic, key=delayed.key, value=value, headers=delayed.headers))
                return True
        return False

    # What stands

    def pairs(self, sync: str) -> list[Pair]:
        """List the states of a sync's pairs."""
        rows = run_blocking(self.store.pairs_in(sync, BUCKETS))
        loaded = run_blocking(self.store.load([(sync, pair) for pair, _ in rows]))
        return [Pair.read(row.state) for row in loaded.values() if row.state]

    def decided(self, pair: str) -> list[Trace]:
        """List what the steps of a pair decided, in their order."""
        told = MemoryReader(self.broker, topics.PAIR_STATE).read_to_end()
        return [row for stored in told if stored.message and stored.key == pair for row in stored.message.log]

    def records(self, name: str, path: str) -> dict[str, dict[str, Any]]:
        """Return the living records of a HubSpot account, by id; *path* is `contacts` or `companies`."""
        rows = self.admin.records(self.portal[name], path)
        return {record: row for record, row in rows.items() if not row.get("archived")}

    def writes(self) -> int:
        """Count the write commands that were decided so far."""
        written = [topic.name for topic in self.handlers if topic.name.startswith("writes.")]
        return sum(len(self.broker.items(name, 0, 0, self.broker.end_offsets(name)[0])) for name in written)


class Polling(Slice):
    """A slice in which feeds alone tell what changed."""

    def __init__(self, server: HubSpotServer, syncs: Sequence[Sync], *, book: Book | None = None) -> None:
        super().__init__(server, syncs, book=book)
        self._known = TakenVersions(self.store, self.setups)
        self.links = LinkRounds(self.setups, self.store, self.caller, self.bus, self.clock)
        self._cursors: dict[tuple[str, str, str], str | None] = {}
        self.begin_feeds()

    def begin_feeds(self) -> None:
        """Begin all feeds of what is synced now."""
        self._cursors = {
            (connection, object_, feed.name): None
            for connection, object_ in self.setups.objects_in_use()
            for feed in self.setups.binding(connection, object_).feeds
        }
        for key in self._cursors:
            self._page(key)

    def _page(self, key: tuple[str, str, str]) -> tuple[int, bool]:
        """Ask a feed once, as `Feeds` does; give how much it told, and whether more waits."""
        connection, object_, name = key
        feed = next(feed for feed in self.setups.binding(connection, object_).feeds if feed.name == name)
        exchange = feed.poll(self.setups.session(connection), self._cursors[key])
        page = self.drivers[connection].run(exchange)
        self._cursors[key] = page.cursor
        notices = [as_notice(hint, connection, object_, self.clock.now_ms()) for hint in page.hints]
        known = run_blocking(self._known.among(notices))
        news = [addressed(notice) for number, notice in enumerate(notices) if number not in known]
        run_blocking(self.bus.publish(news))
        return len(news), page.more

    def poll(self, *connections: str) -> int:
        """Ask all feeds, or those of some connections, for all they have; give the number of notices."""
        told, in_use = 0, set(self.setups.objects_in_use())
        for key in self._cursors:
            more = key[:2] in in_use and (not connections or key[0] in connections)
            while more:
                number, more = self._page(key)
                told += number
        return told + self._poll_links(connections)

    def _poll_links(self, connections: Sequence[str]) -> int:
        """Ask about the associations of all linked records, as `Feeds` does."""
        told = 0
        for connection, object_ in self.setups.objects_in_use():
            feed = self.setups.binding(connection, object_).link_feed
            more = (
                feed is not None
                and bool(self.setups.associations_in_use(connection, object_))
                and (not connections or connection in connections)
            )
            while more and feed is not None:
                step = self.links.step(connection, object_, feed)
                told, more = told + step.told, step.more
        return told

    def settle(self, *, most: int = 12, later: int = 5) -> None:
        """Poll and handle until the feeds tell nothing new; fail when that does not come."""
        for number in range(most):
            told = self.poll()
            self.run(later=later)
            if not told and number > 2:
                return
        raise AssertionError(f"the feeds tell something new for ever; handled last: {self.trail[-6:]}")


def sync(name: str, object_: str, *, associations: Sequence[AssociationMapping] = (), **changes: Any) -> Sync:
    """Make the settings of a sync between the two HubSpot accounts."""
    binding = HUBSPOT.objects[object_]
    fields: dict[str, Any] = {
        "id": name,
        "left": SyncSide(connection="one", object=object_),
        "right": SyncSide(connection="two", object=object_),
        "mappings": default_mappings(binding.fields, binding.fields),
        "associations": tuple(associations),
    }
    return Sync(**{**fields, **changes})


def book_sync(name: str = "people", **changes: Any) -> Sync:
    """Make the settings of a sync between the contacts of `one` and the address book."""
    fields: dict[str, Any] = {
        "id": name,
        "left": SyncSide(connection="one", object="contact"),
        "right": SyncSide(connection=BOOK, object="contact"),
        "mappings": default_mappings(HUBSPOT.objects["contact"].fields, CARDDAV.objects["contact"].fields),
    }
    return Sync(**{**fields, **changes})

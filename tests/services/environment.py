"""What handlers run in: settings, broker, links and clock in memory, and apps whose answers a test writes."""

import json
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from shared.config.jobs import Jobs
from shared.config.setups import Setups
from shared.contract.app import App, Binding
from shared.contract.calls import AppError, Exchange, HttpRequest, HttpResponse, Session
from shared.contract.feeds import Feed, FeedExpired, FeedPage, Hint
from shared.contract.reading import Page, ReadResult, Unreadable
from shared.engine.policies import Policy
from shared.io.envelope import Stored, unwrap
from shared.io.links.places import places
from shared.io.links.requests import Swap
from shared.io.links.store import Store
from shared.io.memory import ManualClock, MemoryBroker, MemoryBus, MemoryCaller, MemoryReader
from shared.io.ports import Inbound, Outbound, run_blocking
from shared.io.redis.memory import MemoryScripts
from shared.metrics import Metrics
from shared.model.mapping import FieldMapping
from shared.model.pairs import Pair
from shared.model.records import Report, Version
from shared.model.syncs import Connection, Sync, SyncSide
from shared.wire import topics
from shared.wire.messages import JobDoc, Parked, PhaseSet, SetupDoc
from shared.wire.topics import Topic
from tests.simulator.apps import declare
from tests.simulator.objects import FIELDS

SYNC: Final = "people"
LEFT: Final = "hub"
RIGHT: Final = "book"
PARTITIONS: Final = 2

Answer = Callable[[str, Any], Any]
"""Given the connection and what was asked: the answer, or an `AppError` to raise."""


class Environment:
    """Holds one sync in memory between `hub`, whose versions grow, and `book`, whose versions are opaque.

    Apps answer as `answers` says, by what is asked: read, list, poll, prepare, create, update.
    """

    def __init__(self, *, live: bool = True, sync: Sync | None = None) -> None:
        self.answers: dict[str, Answer] = {}
        self.calls: list[tuple[str, str, Any]] = []
        """Connection, what was asked, and with which words."""
        self.clock = ManualClock()
        self.setups = Setups({"ordered": app("ordered"), "opaque": app("opaque")})
        self.jobs = Jobs(self.setups)
        self.broker = MemoryBroker(topics.catalogue(("ordered", "opaque")), partitions=PARTITIONS)
        self.bus = MemoryBus(self.broker, setups=lambda: self.setups.offset)
        self.caller = MemoryCaller(self._serve)
        self.set_up("connection", SetupDoc(connection=connection(LEFT, "ordered")), LEFT)
        self.set_up("connection", SetupDoc(connection=connection(RIGHT, "opaque")), RIGHT)
        self.set_up("sync", SetupDoc(sync=sync or people()), SYNC)
        if live:
            self.set_up("phase", SetupDoc(phase=PhaseSet(sync=SYNC, phase="live")), SYNC)

    # What costs most to make is made when it is first asked for: most tests need one of them, or none.

    @cached_property
    def metrics(self) -> Metrics:
        """Return what counts."""
        return Metrics()

    @cached_property
    def scripts(self) -> MemoryScripts:
        """Return the Redis of the links; those of the sync are whole."""
        scripts = MemoryScripts()
        _declare_whole(Store(scripts), SYNC)
        return scripts

    @cached_property
    def store(self) -> Store:
        """Return the links."""
        return Store(self.scripts)

    def open_links(self, sync: str) -> None:
        """Declare the links of a sync whole."""
        _declare_whole(self.store, sync)

    def set_up(self, kind: str, doc: SetupDoc | None, name: str) -> None:
        """Apply a settings document, as the follower of `setups` does."""
        self.setups.apply(self.setups.offset + 1, f"{kind}:{name}", doc)
        assert not self.setups.overruled(), "a change needs a higher version: of two of one version the first counts"

    def stop(self, sync: str = SYNC) -> None:
        """Stop a sync here, as when a newer version sets something up for it."""
        self.setups.leave_out(self.setups.offset + 1, f"phase:{sync}", None, "a word of a newer version")

    def go_on(self, sync: str = SYNC) -> None:
        """Run a sync again, live."""
        self.set_up("phase", SetupDoc(phase=PhaseSet(sync=sync, phase="live")), sync)

    def set_job(self, part: str, doc: JobDoc | None, name: str) -> None:
        """Apply a document of a job, as the follower of `jobs` does."""
        self.jobs.apply(self.jobs.offset + 1, f"{part}:{name}", doc, seen=self.setups.offset)

    @property
    def policy(self) -> Policy:
        """Return the sync, ready to run."""
        found = self.setups.policy(SYNC)
        assert found is not None
        return found

    def _serve(self, connection: str, request: HttpRequest) -> HttpResponse:
        asked = json.loads(request.body)
        self.calls.append((connection, request.path, asked))
        answer = self.answers[request.path](connection, asked)
        return HttpResponse(status=200, body=json.dumps(answer).encode())

    def asked(self, what: str) -> list[Any]:
        """List the words of the calls of one kind."""
        return [words for _, path, words in self.calls if path == what]

    # Kafka

    def inbound(self, topic: Topic[Any], *messages: tuple[str, Any], headers: Mapping[str, str] | None = None) -> Any:
        """Publish messages, each with its key, and give them as a handler takes them, in their order."""
        found = []
        for key, message in messages:
            (offset,) = run_blocking(self.bus.publish([Outbound(topic=topic, key=key, message=message)]))
            item = next(
                row
                for part in self.broker.partitions(topic.name)
                for row in self.broker.fetch(topic.name, part, offset, 1)
                if row.key == key
            )
            found.append(unwrap(replace(item, headers={**item.headers, **(headers or {})}), {topic.name: topic}))
        return found

    def told(self, topic: Topic[Any]) -> list[Any]:
        """List the messages of a topic, by partition, in their order."""
        return [item.message for item in MemoryReader(self.broker, topic).read_to_end()]

    def parked_from(self, at: int) -> Generator[Stored[Parked], None, None]:
        """Read the parked messages from an offset on."""
        yield from MemoryReader(self.broker, topics.PARKED, start={0: at}).read_to_end()

    def states_from(self, start: Mapping[int, int]) -> Iterator[Stored[Pair]]:
        """Read the states of pairs from offsets on."""
        yield from MemoryReader(self.broker, topics.PAIR_STATE, start=start).read_to_end()

    def all_told(self) -> dict[str, list[Any]]:
        """List the messages of all topics that have some."""
        catalogue = topics.catalogue(("ordered", "opaque"))
        return {topic.name: found for topic in catalogue if (found := self.told(topic))}

    @contextmanager
    def kafka_away(self) -> Iterator[None]:
        """Make the broker unavailable for a while."""
        self.broker.available = False
        try:
            yield
        finally:
            self.broker.available = True

    # Links

    def keep(self, pair: Pair) -> None:
        """Store a pair with its places, as a step of the matcher does."""
        loaded = run_blocking(self.store.load([(pair.sync, pair.pair)]))[pair.sync, pair.pair]
        expected = Pair.model_validate_json(loaded.state).rev if loaded.state else 0
        policy = self.setups.policy(pair.sync)
        assert policy is not None
        swap = Swap(
            pair=pair.pair, expected=expected, rev=pair.rev, state=pair.model_dump_json(exclude_defaults=True),
            ends=places(policy, pair),
        )  # fmt: skip
        answer = run_blocking(self.store.swap({pair.sync: [swap]}))[pair.sync, pair.pair]
        assert answer.what == "ok", answer


def _declare_whole(store: Store, sync: str) -> None:
    run_blocking(store.begin_rebuild(sync, "t", 1))
    run_blocking(store.finish_rebuild(sync, "t"))


def people(**changes: Any) -> Sync:
    """Make the settings of the sync."""
    fields: dict[str, Any] = {
        "id": SYNC,
        "left": SyncSide(connection=LEFT, object="contact"),
        "right": SyncSide(connection=RIGHT, object="contact"),
        "mappings": tuple(
            FieldMapping(key=name, left=name, right=name, lens="email" if name == "email" else "text")
            for name in FIELDS
        ),
    }
    return Sync(**{**fields, **changes})


def connection(name: str, app_: str, **changes: Any) -> Connection:
    """Make a connection that needs no sign-in."""
    fields: dict[str, Any] = {
        "id": name, "app": app_, "label": name.title(), "account": f"account-{name}", "base_url": "http://memory",
        "auth": "none",
    }  # fmt: skip
    return Connection(**{**fields, **changes})


def report(record: str, version: int, *, at: str = LEFT, **changes: Any) -> Report:
    """Make a report of a contact; of `book`, with an opaque version."""
    told = Version(order=version) if at == LEFT else Version(token=f"v{version}")
    fields: dict[str, Any] = {
        "connection": at, "object": "contact", "id": record, "version": told, "created": "1",
        "fields": {**dict.fromkeys(FIELDS), "email": f"{record}@x.example", **changes.pop("fields", {})},
    }  # fmt: skip
    return Report(**{**fields, **changes})


def fails(**changes: Any) -> Answer:
    """Answer with an error."""
    code, message = changes.pop("code", "app_unavailable"), changes.pop("message", "away")
    given = {"retry": "outage", **changes}

    def answer(_connection: str, _asked: Any) -> Any:
        raise AppError(code, message, **given)

    return answer


def app(kind: Any) -> App:
    """Declare an app of the protocol's simulator with reads, listings and feeds whose answers a test writes."""
    declared = declare(kind)
    binding = replace(
        declared.objects["contact"],
        read=_read,
        list_page=_list,
        prepare=_prepare if kind == "ordered" else None,
        feeds=(_feed("changed", 60.0), _feed("bin", 300.0)),
    )
    return replace(declared, objects={"contact": binding}, max_parallel=3, title=kind.title())


def with_binding(env: Environment, connection_: str, **changes: Any) -> Binding:
    """Declare an app's contacts otherwise."""
    row = env.setups.connection(connection_)
    declared = env.setups.apps[row.app]
    binding = replace(declared.objects["contact"], **changes)
    env.setups.apps = {**env.setups.apps, row.app: replace(declared, objects={"contact": binding})}
    return binding


def _ask(what: str, words: Any, *, safe: bool = True) -> Exchange[Any]:
    response = yield HttpRequest(method="POST", path=what, body=json.dumps(words).encode(), safe=safe)
    return json.loads(response.body)


def _read(_session: Session, ids: Sequence[str], fields: Sequence[str]) -> Exchange[Sequence[ReadResult]]:
    del fields
    rows = yield from _ask("read", list(ids))
    return [Unreadable(**row) if "code" in row else Report.model_validate(row) for row in rows]


def _list(_session: Session, cursor: str | None, fields: Sequence[str]) -> Exchange[Page]:
    del fields
    page = yield from _ask("list", cursor)
    reports = tuple(Report.model_validate(row) for row in page["reports"])
    skipped = tuple(page.get("skipped", ()))
    return Page(reports=reports, next=page.get("next"), total=page.get("total"), skipped=skipped)


def _prepare(_session: Session) -> Exchange[None]:
    yield from _ask("prepare", None, safe=False)


def _feed(name: str, interval_s: float) -> Feed:
    def poll(_session: Session, cursor: str | None) -> Exchange[FeedPage]:
        page = yield from _ask("poll", [name, cursor])
        if page == "expired":
            raise FeedExpired("that cursor is forgotten")
        hints = tuple(Hint(**{**row, "version": Version(order=row.get("version"))}) for row in page.get("hints", ()))
        return FeedPage(
            hints=hints, cursor=page["cursor"], more=page.get("more", False), complete_to_ms=page.get("to", 0)
        )

    covers: Any = frozenset(("create", "update", "delete"))
    return Feed(name=name, covers=covers, poll=poll, interval_s=interval_s)


def as_json(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """Encode reports as an app of these tests answers them."""
    return [row.model_dump(mode="json") for row in reports]


def command(topic: Topic[Any], inbound: Inbound[Any]) -> Any:
    """Return a copy of a message as it comes from another topic."""
    return replace(inbound, topic=topic.name)


@contextmanager
def serving(web: ASGIApp) -> Iterator[str]:
    """Serve a web application as its service does, and give its address."""
    server = uvicorn.Server(uvicorn.Config(web, log_config=None, access_log=False, port=0, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.005)
        host, port = server.servers[0].sockets[0].getsockname()
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join()

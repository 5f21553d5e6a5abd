"""Feeds go on where they were; after Redis was rebuilt they look back, once."""

import json
from typing import Any, Final

import pytest

from services.ingest.feeds.cursors import Cursors
from services.ingest.feeds.link_rounds import LinkRounds
from services.ingest.feeds.polling import Feeds, _Poll
from services.ingest.known import TakenVersions
from services.ingest.noting import Noting
from shared.apps import APPS
from shared.config.jobs import Jobs
from shared.config.setups import Setups
from shared.contract.calls import HttpRequest, HttpResponse
from shared.io.links.store import Store
from shared.io.memory import ManualClock, MemoryBroker, MemoryBus, MemoryCaller, MemoryReader
from shared.io.redis.feed_notes import MemoryFeedNotes
from shared.io.redis.memory import MemoryScripts
from shared.metrics import Metrics
from shared.model.job_kinds import JobKind
from shared.model.syncs import Connection, Job, Sync, SyncSide
from shared.wire import topics
from shared.wire.messages import Cursor, JobDoc, JobProgress, Rebuilt, SetupDoc

HOUR_MS: Final = 3_600_000
SYNC: Final = "contacts"
_CHANGES: Final = """<multistatus xmlns="DAV:"><response><href>/book/one.vcf</href><propstat><prop>
<getetag>"2"</getetag></prop><status>HTTP/1.1 200 OK</status></propstat></response><sync-token>t2</sync-token>
</multistatus>"""


class Scene:
    """Two connections and their feeds; what the apps are asked is kept."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.broker = MemoryBroker(topics.catalogue(("hubspot", "carddav")), partitions=1)
        self.setups = Setups()
        self.asked: list[HttpRequest] = []
        bus = MemoryBus(self.broker)
        self.cursors = Cursors(bus)
        self.queue = Jobs(self.setups)
        store, caller = Store(MemoryScripts()), MemoryCaller(self._serve)
        self.feeds = Feeds(
            setups=self.setups, jobs=self.queue, caller=caller, bus=bus, clock=self.clock, metrics=Metrics(),
            cursors=self.cursors, known=TakenVersions(store, self.setups), owns=lambda _name: True,
            links=LinkRounds(self.setups, store, caller, bus, self.clock), noting=Noting(MemoryFeedNotes(), self.clock),
        )  # fmt: skip
        rows: tuple[tuple[str, str, dict[str, str]], ...] = (
            ("left", "hubspot", {}),
            ("right", "carddav", {"book": "/book/"}),
        )
        docs = {
            f"connection:{name}": SetupDoc(
                connection=Connection(
                    id=name, app=app, label=name, account=name, base_url="http://x", auth="none", options=options
                )
            )
            for name, app, options in rows
        }
        sides = {side: SyncSide(connection=side, object="contact") for side in ("left", "right")}
        docs[f"sync:{SYNC}"] = SetupDoc(sync=Sync(id=SYNC, left=sides["left"], right=sides["right"], mappings=()))
        for key, doc in docs.items():
            self.apply(key, doc)

    def apply(self, key: str, doc: SetupDoc) -> None:
        self.setups.apply(self.setups.offset + 1, key, doc)

    def rebuilt(self) -> None:
        at_ms = self.clock.now_ms()
        self.apply(f"rebuilt:{SYNC}", SetupDoc(rebuilt=Rebuilt(sync=SYNC, at_ms=at_ms)))

    def has(self, connection: str, feed: str, **cursor: object) -> None:
        """Let a feed have been told everything up to a cursor."""
        self.cursors.save(Cursor(connection=connection, object="contact", feed=feed, cursor=json.dumps(cursor)))

    def poll(self, connection: str, name: str) -> Cursor:
        binding = APPS[self.setups.connection(connection).app].objects["contact"]
        feed = next(feed for feed in binding.feeds if feed.name == name)
        self.feeds.poll(_Poll(connection, "contact", feed, 1.0))
        found = self.cursors.get(Cursors.key(connection, "contact", name))
        assert found is not None
        return found

    def jobs(self) -> list[str]:
        read = MemoryReader(self.broker, topics.JOBS).read_to_end()
        return [one.message.job.id for one in read if one.message is not None and one.message.job is not None]

    def since(self) -> int:
        """Return the moment from which HubSpot's search was asked last."""
        body = json.loads(self.asked[-1].body)
        return int(body["filterGroups"][0]["filters"][0]["value"])

    def _serve(self, connection: str, request: HttpRequest) -> HttpResponse:
        self.asked.append(request)
        if connection == "right":
            return HttpResponse(status=207, body=_CHANGES.encode())
        return HttpResponse(status=200, body=b'{"results": []}')


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_feed_goes_on_where_it_was(scene: Scene) -> None:
    scene.has("left", "modified", at=10 * HOUR_MS, low=10 * HOUR_MS)
    scene.poll("left", "modified")
    assert scene.since() == 10 * HOUR_MS


def test_a_rebuild_sends_a_feed_back_by_an_hour_once(scene: Scene) -> None:
    """It forgets what it told meanwhile, for that may be known to nobody any more."""
    scene.has("left", "modified", at=10 * HOUR_MS, low=10 * HOUR_MS, seen={"7": 10 * HOUR_MS})
    scene.rebuilt()
    moved = scene.poll("left", "modified")
    assert scene.since() == 9 * HOUR_MS
    assert "7" not in json.loads(moved.cursor).get("seen", {})
    scene.poll("left", "modified")
    assert scene.since() == 9 * HOUR_MS
    scene.clock.advance(1)
    scene.rebuilt()
    scene.poll("left", "modified")
    assert scene.since() == 8 * HOUR_MS
    assert scene.jobs() == []


def test_a_cursor_that_was_moved_back_is_stored_before_the_app_is_asked(scene: Scene) -> None:
    """Nothing is lost when the process ends meanwhile; and it is not moved back twice."""
    scene.has("left", "archived", since=10 * HOUR_MS)
    scene.rebuilt()
    scene.poll("left", "archived")
    stored = [one.message for one in MemoryReader(scene.broker, topics.CURSORS).read_to_end()]
    assert [json.loads(row.cursor)["since"] for row in stored if row] == [10 * HOUR_MS, 9 * HOUR_MS]
    assert [row.rebuilt_ms for row in stored if row] == [0, scene.clock.now_ms()]


def test_a_rebuild_has_everything_read_again_where_a_cursor_names_no_time(scene: Scene) -> None:
    """The token stays, so no change is missed; one job, however often the feed is asked."""
    scene.has("right", "sync", token="t1")
    scene.rebuilt()
    told: list[Any] = [scene.poll("right", "sync") for _ in range(3)]
    assert b"t1" in scene.asked[0].body
    assert json.loads(told[-1].cursor) == {"token": "t2"}
    assert scene.jobs() == [f"rebuilt-{SYNC}-{scene.clock.now_ms()}"]


@pytest.mark.parametrize(
    ("progress", "statuses", "asked"),
    [
        pytest.param(None, (), 0, id="waits"),
        pytest.param(JobProgress(job="before", phase="indexing"), (), 0, id="runs"),
        pytest.param(JobProgress(job="before", phase="done"), (), 1, id="has ended"),
        pytest.param(None, ("failing",), 1, id="looks at some"),
    ],
)
def test_after_a_rebuild_a_job_that_reads_everything_already_is_enough(
    scene: Scene, progress: JobProgress | None, statuses: tuple[str, ...], asked: int
) -> None:
    """Each start of a Redis that keeps nothing is a rebuild, and may come before the job of the last one has ended."""
    scene.has("right", "sync", token="t1")
    job = Job(id="before", kind=JobKind.RESYNC, sync=SYNC, statuses=statuses, asked_at_ms=1)
    scene.queue.apply(0, "job:before", JobDoc(job=job))
    scene.queue.apply(1, "progress:before", JobDoc(progress=progress))
    scene.rebuilt()
    told = scene.poll("right", "sync")
    assert (len(scene.jobs()), told.rebuilt_ms) == (asked, scene.clock.now_ms())


def test_a_feed_that_begins_after_a_rebuild_has_nothing_to_look_back_for(scene: Scene) -> None:
    scene.rebuilt()
    began = scene.poll("left", "modified")
    assert began.rebuilt_ms == scene.clock.now_ms()
    scene.clock.advance(1)
    assert json.loads(scene.poll("left", "modified").cursor)["low"] == json.loads(began.cursor)["low"]
    assert scene.jobs() == []

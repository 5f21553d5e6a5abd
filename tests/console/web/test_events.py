"""What changes is told as it happens, to whoever may hear it; who was away goes on where he was, at any console."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import Message, Send

from services.console.access import streaming
from services.console.use.standing import events
from services.console.use.standing.events import Event, Hub, Place, Wish
from shared.io.memory import MemoryReader
from shared.io.ports import Outbound, run_blocking
from shared.model.pairs import Pair
from shared.wire import topics
from shared.wire.messages import SetupDoc
from tests.console.web.test_roles import client_as
from tests.services.console.harness import TOKEN, ConsoleHarness, caller_of, is_problem, pair
from tests.services.environment import LEFT, RIGHT, SYNC, people


class Stream:
    """Somebody who listens."""

    def __init__(self, console: ConsoleHarness, token: str = TOKEN, last: str = "", **query: str) -> None:
        headers = {"Authorization": f"Bearer {token}", **({"Last-Event-ID": last} if last else {})}
        self.answer = console.call("GET", "events", headers=headers, params=query, stream=True)
        assert self.answer.status_code == 200, self.answer.text
        assert self.answer.headers["Content-Type"].startswith("text/event-stream")
        self._lines = self.answer.iter_lines(chunk_size=1, decode_unicode=True)
        self.last = last

    def one(self) -> tuple[str, dict[str, Any]] | None:
        """Return the next event; None at the end."""
        told: dict[str, str] = {}
        for line in self._lines:
            name, _, text = line.partition(": ")
            if line:
                told[name] = text
            elif "event" in told:
                self.last = told["id"]
                return told["event"], json.loads(told["data"])
            else:
                told = {}
        return None

    def until(self, kind: str) -> dict[str, Any]:
        """Return the next event of a kind."""
        while (found := self.one()) is not None:
            if found[0] == kind:
                return found[1]
        raise AssertionError(f"the stream ended without {kind}")

    def names(self, number: int) -> list[str]:
        """Return the ids of the next records."""
        return [self.until("record")["id"] for _ in range(number)]

    def begun(self) -> "Stream":
        """Hear how the connections stand."""
        self.until("begin")
        for _ in range(2):
            self.until("connection")
        return self

    def close(self) -> None:
        """Listen no longer."""
        self.answer.close()


def tell(console: ConsoleHarness, *states: Pair) -> None:
    """Have the journal tell how pairs stand, and the views follow."""
    run_blocking(
        console.env.bus.publish([Outbound(topic=topics.PAIR_STATE, key=row.pair, message=row) for row in states])
    )
    reader = MemoryReader(console.env.broker, topics.PAIR_STATE, start=console.views.positions(topics.PAIR_STATE.name))
    console.views.take(topics.PAIR_STATE.name, list(reader.read_to_end()), reader.positions)


@pytest.fixture(name="stream")
def _stream(console: ConsoleHarness) -> Iterator[Stream]:
    stream = Stream(console).begun()
    yield stream
    stream.close()


# What is told


def test_a_record_is_told_as_it_changes_without_its_values(console: ConsoleHarness, stream: Stream) -> None:
    tell(console, pair("ann", "failing", reason="too_long", changed_ms=7))
    told = stream.until("record")
    assert told == {
        "id": "ann", "sync": SYNC, "label": "Ann", "status": "failing", "reason": "too_long", "left": "h-ann",
        "right": None, "changed_ms": 7, "synced_ms": 0,
    }  # fmt: skip
    assert set(told) <= set(console.get("records/ann")), "as lists name it"


def test_jobs_and_connections_are_told_as_they_change(console: ConsoleHarness, stream: Stream) -> None:
    asked = console.ask("a", sync=SYNC).json()
    console.follow()
    assert stream.until("job") == asked
    console.installation.connections.pause(LEFT)
    told = stream.until("connection")
    assert (told["id"], told["state"]) == (LEFT, "paused")
    console.env.set_up("sync", None, SYNC)
    console.env.set_up("connection", None, RIGHT)
    assert stream.until("connection") == {"id": RIGHT, "state": "gone"}


def test_who_listens_for_some_hears_no_others(console: ConsoleHarness) -> None:
    """Of a sync, an object, a connection; or one kind of events."""
    console.env.set_up("sync", SetupDoc(sync=people(id="others")), "others")
    streams = [Stream(console, sync="others"), Stream(console, object="contact"), Stream(console, connection="nobody"),
               Stream(console, kind="record")]  # fmt: skip
    for stream in streams[:2]:
        stream.begun()
    streams[2].until("begin")
    assert streams[3].one() is not None
    tell(console, pair("ann"))
    tell(console, pair("bob", sync="others"))
    console.ask("a", sync=SYNC)
    console.follow()
    assert streams[0].names(1) == ["bob"]
    assert streams[1].names(2) == ["ann", "bob"]
    assert [streams[3].one(), streams[3].one()] == [("record", _told("ann")), ("record", _told("bob", sync="others"))]
    for stream in streams:
        stream.close()


def _told(name: str, sync: str = SYNC) -> dict[str, Any]:
    return {
        "id": name, "sync": sync, "label": name.title(), "status": "in_sync", "reason": "", "left": f"h-{name}",
        "right": None, "changed_ms": 5, "synced_ms": 0,
    }  # fmt: skip


# Going on


def test_who_was_away_goes_on_where_he_was_at_any_console(
    console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is missing and nothing comes twice; a console that has told nobody yet reads it from Kafka."""
    first = Stream(console).begun()
    tell(console, *(pair(f"{number}") for number in range(6)))
    heard = first.names(4)
    first.close()
    tell(console, *(pair(f"{number}") for number in range(6, 12)))
    asked = console.ask("a", sync=SYNC).json()
    console.follow()
    monkeypatch.setattr(console.installation, "events", Hub(console.installation, console.env.states_from))
    again = Stream(console, last=first.last)
    heard += again.names(8)
    assert sorted(heard, key=int) == [str(number) for number in range(12)]
    assert again.until("job") == asked
    again.close()


def test_who_was_away_for_long_hears_what_happens_now(console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "FURTHEST", 3)
    tell(console, *(pair(f"{number}") for number in range(6)))
    stream = Stream(console, last="j-1").begun()
    tell(console, pair("new"))
    assert stream.names(1) == ["new"]
    stream.close()


def test_what_happens_while_a_stream_begins_is_no_part_of_what_is_passed_over(
    console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much somebody missed: from the first event on all is told."""
    monkeypatch.setattr(events, "FURTHEST", 3)
    tell(console, *(pair(f"{number}") for number in range(6)))
    hub = Hub(console.installation, console.env.states_from)
    console.views.watchers.append(hub.take)

    async def listen() -> str:
        listener = hub.listen("ann", Wish(kinds=frozenset(("record",))))
        async with asyncio.timeout(10):
            async for text in hub.stream(listener, Place.read("j-1"), lambda: True):
                if "event: begin" in text:
                    tell(console, pair("new"))
                elif "event: record" in text:
                    return text
        raise AssertionError("the stream ended")

    assert '"id":"new"' in asyncio.run(listen())


@pytest.mark.parametrize("last", ["nonsense", "j", "j1.0", "j1.0-x", "j1.0-99999999999999999"])
def test_a_place_that_is_none_is_refused(console: ConsoleHarness, last: str) -> None:
    answer = console.call("GET", "events", headers={"Last-Event-ID": last})
    assert "leave it out" in is_problem(answer, 400)
    assert console.installation.events.number == 0


# Bounds


def test_a_stream_ends_when_its_token_or_owner_does(console: ConsoleHarness) -> None:
    """Within two seconds, also where nothing happens."""
    ann = console.person("viewer")
    token, secret = console.access.tokens.make(caller_of(ann), "own", "viewer", 1)
    stream, other = Stream(console, secret).begun(), Stream(console, console.token("viewer")).begun()
    assert console.call("DELETE", f"tokens/{token.id}").status_code == 200
    began = time.monotonic()
    assert "sign in again" in stream.until("end")["detail"]
    assert stream.one() is None
    assert time.monotonic() - began < 2
    secret = console.access.tokens.make(caller_of(ann), "another", "viewer", 1)[1]
    stream = Stream(console, secret).begun()
    console.access.accounts.change(ann.id, disabled=True)
    assert "sign in again" in stream.until("end")["detail"]
    tell(console, pair("ann"))
    assert other.names(1) == ["ann"], "nobody else is let go"
    other.close()


def test_so_many_streams_are_open_at_once(console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one token, and in all; one that is closed makes room for another."""
    monkeypatch.setattr(events, "MOST_OF_ONE", 2)
    monkeypatch.setattr(events, "MOST", 3)
    mine = [Stream(console) for _ in range(2)]
    refused = console.call("GET", "events", stream=True)
    assert "At most 2 streams" in is_problem(refused, 429)
    assert refused.headers["Retry-After"] == "5"
    token = console.token("viewer")
    others = [Stream(console, token)]
    refused = console.call("GET", "events", headers={"Authorization": f"Bearer {token}"}, stream=True)
    assert refused.json()["type"] == "urn:syncline:problem:too-many-streams"
    for stream in (*mine, *others):
        stream.close()
    tell(console, pair("ann"))  # whoever is gone is noticed when something is sent
    until = time.monotonic() + 5
    while console.installation.events.number and time.monotonic() < until:
        time.sleep(0.05)
    assert console.installation.events.number == 0


def test_who_does_not_keep_pace_is_let_go_and_misses_nothing(
    console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits is bounded, whoever tells is not held up, and what was not heard comes after."""
    monkeypatch.setattr(events, "QUEUED", 5)
    tell(console, pair("old"))
    hub = Hub(console.installation, console.env.states_from)
    console.views.watchers.append(hub.take)

    async def listen(place: Place | None, most: int) -> list[tuple[str, str, str]]:
        listener, heard = hub.listen("ann", Wish(kinds=frozenset(("record",)))), []
        async for text in hub.stream(listener, place, lambda: True):
            for frame in text.strip().split("\n\n"):
                told = dict(line.split(": ", 1) for line in frame.split("\n"))
                heard.append((told["event"], told["id"], json.loads(told["data"]).get("id", told["data"])))
            if heard == [heard[0]] and place is None:
                tell(console, *(pair(f"{number}") for number in range(9)))
            if len(heard) >= most:
                break
        listener.close()
        return heard

    first = asyncio.run(listen(None, 50))
    assert [row[0] for row in first] == ["begin", "end"]
    assert "More waits than is kept" in first[-1][2]
    assert hub.number == 0
    second = asyncio.run(listen(Place.read(first[-1][1]), 10))
    assert sorted(row[2] for row in second[1:]) == [str(number) for number in range(9)]


def test_a_connection_on_which_nothing_is_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent waits for whoever reads, and not for ever."""
    monkeypatch.setattr(streaming, "STALLED_S", 0.05)

    async def full(message: Message) -> None:
        await asyncio.sleep(60)
        raise AssertionError(message)

    with pytest.raises(TimeoutError):
        asyncio.run(send_one(full))


async def send_one(send: Send) -> None:
    """Send something to whoever may not read it."""
    await streaming.in_time(send)({"type": "http.response.body", "body": b"x"})


def test_a_sign_of_life_comes_where_nothing_happens(console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "BEAT_S", 0.5)
    stream = Stream(console).begun()
    assert next(line for line in stream._lines if line.startswith(":")) == ": nothing new"
    stream.close()


def test_a_stream_takes_no_thread_of_the_pages(console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty are open, which is more than there are threads, and pages answer."""
    monkeypatch.setattr(events, "MOST_OF_ONE", 50)
    streams = [Stream(console) for _ in range(50)]
    for stream in streams:
        stream.until("begin")
    began = time.monotonic()
    client_as(console, "viewer").open("/jobs")
    assert time.monotonic() - began < 5
    for stream in streams:
        stream.close()


def test_a_place_moves_behind_what_was_heard() -> None:
    place = Place.read("j4.0-7.1-2")
    assert str(place) == "j4.0-7.1-2"
    assert not place.passes(Event(kind="record", data={}, part=0, offset=6))
    assert place.passes(Event(kind="record", data={}, part=1, offset=5))
    assert not place.passes(Event(kind="job", data={}, offset=4))
    assert place.passes(Event(kind="job", data={}, offset=9))
    assert place.passes(Event(kind="connection", data={}))
    assert str(place) == "j9.0-7.1-6"

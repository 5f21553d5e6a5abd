"""The views follow their topics: from nothing with the indexes made last, and on from where they were."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from services.console.views import following
from services.console.views.following import Follower
from services.console.views.lists import Listing
from services.console.views.projection import Building, Views
from shared.io.envelope import Stored
from shared.io.memory import MemoryReader
from shared.io.ports import Outbound, run_blocking
from shared.model.pairs import Pair
from shared.settings import Settings
from shared.wire import topics
from shared.wire.topics import Kept
from tests.services.console.harness import ConsoleHarness, linked


class Reader(MemoryReader[Any]):
    """Reads a topic of a console's broker, and notes how far the views were while pairs were read."""

    def __init__(self, console: ConsoleHarness, noted: list[Building | None], topic: Any, **more: Any) -> None:
        self._console, self._noted, self._name = console, noted, topic.name
        super().__init__(console.env.broker, topic, **more)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def read_to_end(self) -> Iterator[Stored[Any]]:
        for stored in super().read_to_end():
            if self._name == topics.PAIR_STATE.name:
                self._noted.append(self._console.views.building)
            yield stored


class Readers:
    """Reads several topics of a console's broker."""

    def __init__(self, console: ConsoleHarness, starts: Any, *, unreadable: Any, decode: Any) -> None:
        more = {"unreadable": unreadable}
        self._readers = {
            topic: MemoryReader(console.env.broker, topic, start=start, decode=decode.get(topic), **more)
            for topic, start in starts.items()
        }

    @property
    def positions(self) -> dict[Any, dict[int, int]]:
        return {topic: reader.positions for topic, reader in self._readers.items()}

    def poll(self, _timeout_s: float) -> dict[Any, Any]:
        return {topic: reader.poll(0) for topic, reader in self._readers.items()}

    def close(self) -> None:
        """Do nothing: no connection is open."""


@pytest.fixture(name="read")
def _read(console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch) -> list[Building | None]:
    """Have topics read from the broker in memory; tells how far the views were while pairs were read."""
    noted: list[Building | None] = []
    monkeypatch.setattr(
        following, "TopicReader", lambda _settings, topic, **more: Reader(console, noted, topic, **more)
    )
    monkeypatch.setattr(following, "TopicsReader", lambda _settings, starts, **more: Readers(console, starts, **more))
    monkeypatch.setattr(following, "AT_ONCE", 10)
    return noted


def tell(console: ConsoleHarness, *pairs: Pair) -> None:
    run_blocking(
        console.env.bus.publish([Outbound(topic=topics.PAIR_STATE, key=row.pair, message=row) for row in pairs])
    )


def follow(views: Views, *, until: int) -> None:
    """Follow until so many pairs are listed."""
    stop, follower = threading.Event(), Follower(Settings(), views, Kept)
    thread = threading.Thread(target=follower.run, args=(stop,))
    thread.start()
    try:
        assert follower.caught_up.wait(20)
        for _ in range(200):
            if views.listed(Listing(limit=1)).total.number == until:  # type: ignore[union-attr]  # it is counted without a text
                break
            stop.wait(0.05)
    finally:
        stop.set()
        thread.join(20)
    assert views.building is None
    listed = views.listed(Listing(limit=500))
    assert (len(listed.rows), listed.is_loading) == (until, False)


def test_views_are_built_with_progress_and_followed_on(console: ConsoleHarness, read: list[Building | None]) -> None:
    """Empty ones without indexes, those that stand with them; a state that cannot be read keeps no other from view."""
    tell(console, *(linked(f"p{number:03d}", label=f"Person {number}", changed_ms=number + 1) for number in range(35)))
    broken = linked("broken").model_copy(update={"form": 99})
    tell(console, broken, linked("last", changed_ms=99))
    follow(console.views, until=36)
    assert len(read) == 36
    assert {row.is_read for row in read if row is not None} == {False}
    shares = [row.share for row in read if row is not None]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert [row.pair for row in console.views.listed(Listing(text="person 34")).rows] == ["p034"]
    read.clear()
    tell(console, linked("p000", status="failing", reason="too_long", changed_ms=200), linked("new", changed_ms=300))
    follow(console.views, until=37)
    assert read == [None, None]
    assert [row.pair for row in console.views.listed(Listing(limit=2)).rows] == ["new", "p000"]


@pytest.mark.usefixtures("read")
def test_views_of_a_journal_that_is_shorter_are_built_again(console: ConsoleHarness, tmp_path: Path) -> None:
    """Another cluster: nothing of the old one is shown."""
    views = Views(tmp_path / "other.sqlite")
    old = linked("old")
    stored = Stored(partition=0, offset=0, key="old", message=old, raw=old.text().encode(), headers={})
    views.take(topics.PAIR_STATE.name, [stored], {0: 10_000})
    tell(console, linked("a"), linked("b"))
    follow(views, until=2)
    assert views.pair("old") is None
    views.close()

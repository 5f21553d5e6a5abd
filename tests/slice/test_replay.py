"""A message that could not be handled is handled once more when its cause is mended, and nothing is lost or doubled."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from deploy.local.hubspot import HubSpotServer
from services.console.use.problems import Problem
from services.console.use.records.parked import chosen, drop, replay
from services.console.views.parking import ParkedFilter
from shared.apps.carddav import reading
from shared.apps.carddav.card import read_card
from shared.apps.carddav.content import NotACard
from shared.io.memory import MemoryReader
from shared.io.ports import BusUnavailable, Outbound
from shared.wire import topics
from shared.wire.topics import Topic, UnreadableMessage
from tests.slice.book import Book
from tests.slice.console import Console
from tests.slice.harness import Polling, Slice, book_sync, sync

CARD = ("VERSION:3.0", "UID:ann", "FN:Ann Lee", "N:Lee;Ann;;;", "EMAIL:ann@x.example", "X-ODD:1")


@pytest.fixture(name="console")
def _console(server: HubSpotServer, book: Book, tmp_path: Path) -> Iterator[Console]:
    """Offer the console of a sync of contacts with cards."""
    found = Console(Polling(server, [book_sync()], book=book), tmp_path)
    yield found
    found.views.close()


@pytest.fixture(name="faulty")
def _faulty(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Have cards with an odd line not be understood, until it is undone."""

    def misread(text: bytes) -> Any:
        if b"X-ODD" in text:
            raise NotACard("odd line")
        return read_card(text)

    monkeypatch.setattr(reading, "read_card", misread)
    return monkeypatch


def world_of(console: Console) -> Polling:
    assert isinstance(console._world, Polling)
    return console._world


def parked(console: Console) -> list[dict[str, Any]]:
    console.follow()
    return console.views.parked_rows(0, 50)


def test_a_card_whose_fault_was_mended_is_replayed_and_ends_in_sync(
    console: Console, faulty: pytest.MonkeyPatch, book: Book
) -> None:
    world = world_of(console)
    book.put("ann.vcf", *CARD)
    world.settle()
    (row,) = parked(console)
    assert (row["topic"], row["reason"], row["replays"]) == ("notices", "invalid_value", 0)
    assert row["key"].endswith("/ann.vcf")
    faulty.undo()
    world.settle()
    assert world.pairs("people") == [], "the feed does not tell it again"
    told = replay(console, [row["at"]], "ann")
    assert (told.what, told.done, told.gone) == ("replayed", 1, 0)
    world.settle()
    assert [pair.status for pair in world.pairs("people")] == ["in_sync"]
    assert [row["properties"]["email"] for row in world.records("one", "contacts").values()] == ["ann@x.example"]
    assert parked(console) == []
    (decided,) = console.views.parked_decided(0, 50)
    assert (decided["at"], decided["what"], decided["who"], decided["key"]) == (
        row["at"],
        "replayed",
        "ann",
        row["key"],
    )
    with pytest.raises(Problem, match="None of these messages is parked"):
        replay(console, [row["at"]], "bob")


def test_a_replay_that_fails_parks_again_and_says_so(console: Console, faulty: pytest.MonkeyPatch, book: Book) -> None:
    world = world_of(console)
    book.put("ann.vcf", *CARD)
    world.settle()
    for number in (1, 2):
        (before,) = parked(console)
        replay(console, [before["at"]], "ann")
        world.settle()
        (after,) = parked(console)
        assert after["at"] > before["at"]
        assert (after["key"], after["reason"], after["replays"]) == (before["key"], "invalid_value", number)
    faulty.undo()
    replay(console, [after["at"]], "ann")
    world.settle()
    assert [pair.status for pair in world.pairs("people")] == ["in_sync"]


class _Dying:
    """A bus whose process dies before it tells what was decided."""

    def __init__(self, world: Slice) -> None:
        self._bus = world.bus

    async def publish(self, messages: Sequence[Outbound]) -> Sequence[int]:
        if any(row.topic is topics.PARKED_DECISIONS for row in messages):
            raise BusUnavailable("died")
        return await self._bus.publish(messages)


def test_nothing_is_lost_or_doubled_when_the_console_dies_in_between(
    console: Console, faulty: pytest.MonkeyPatch, book: Book
) -> None:
    """The message was published and stays parked; to replay it once more creates nobody twice."""
    world = world_of(console)
    book.put("ann.vcf", *CARD)
    world.settle()
    (row,) = parked(console)
    faulty.undo()
    console.bus = _Dying(world)
    with pytest.raises(Problem, match="died"):
        replay(console, [row["at"]], "ann")
    console.bus = world.bus
    world.settle()
    assert [pair.status for pair in world.pairs("people")] == ["in_sync"]
    writes = world.writes()
    assert [one["at"] for one in parked(console)] == [row["at"]]
    replay(console, [row["at"]], "ann")
    world.settle()
    assert parked(console) == []
    assert world.writes() == writes
    assert len(world.records("one", "contacts")) == 1


def test_an_old_reading_that_is_replayed_takes_nothing_back(
    server: HubSpotServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes out under its own key, with its own headers, and its version is older than what is known."""
    world = Polling(server, [sync("contacts", "contact")])
    console = Console(world, tmp_path)
    decode = Topic.decode

    def broken(self: Topic[Any], raw: bytes, headers: Mapping[str, str]) -> Any:
        if self is topics.RECORDS and b"Trondheim" in raw:
            raise UnreadableMessage("malformed", "nobody understands it")
        return decode(self, raw, headers)

    left = world.admin.edit(7001, "create", "contacts", properties={"email": "ann@x.example", "city": "Oslo"})
    world.settle()
    with monkeypatch.context() as patch:
        patch.setattr(Topic, "decode", broken)
        world.admin.edit(7001, "update", "contacts", left, properties={"city": "Trondheim"})
        world.settle()
    world.admin.edit(7001, "update", "contacts", left, properties={"city": "Bergen"})
    world.settle()
    (row,) = parked(console)
    (right,) = world.records("two", "contacts")
    assert world.records("two", "contacts")[right]["properties"]["city"] == "Bergen"
    first = world.broker.end_offsets("records")[0]
    replay(console, [row["at"]], "ann")
    (again,) = world.broker.fetch("records", 0, first, 10)
    (was,) = [one.message for one in MemoryReader(world.broker, topics.PARKED).read_to_end() if one.message]
    assert again.key == was.key == row["key"]
    assert again.headers == {**was.headers, "replayed": "1"}
    world.settle()
    assert world.records("two", "contacts")[right]["properties"]["city"] == "Bergen"
    assert world.records("one", "contacts")[left]["properties"]["city"] == "Bergen"
    console.views.close()


def test_all_that_a_filter_chooses_are_replayed_and_some_are_dropped(
    console: Console, faulty: pytest.MonkeyPatch, book: Book
) -> None:
    world = world_of(console)
    for number in range(4):
        lines = (line.replace("ann", f"ann{number}") for line in CARD)
        book.put(f"ann{number}.vcf", *lines)
    world.settle()
    rows = {row["key"].rpartition("/")[2]: row["at"] for row in parked(console)}
    assert len(rows) == 4
    dropped = drop(console, [rows["ann3.vcf"]], " a test card ", "bob")
    assert (dropped.what, dropped.done) == ("dropped", 1)
    with pytest.raises(Problem, match="Write why"):
        drop(console, [rows["ann0.vcf"]], " ", "bob")
    console.follow()
    assert chosen(console, ParkedFilter(q="ann0")) == ([rows["ann0.vcf"]], 0)
    faulty.undo()
    ats, left = chosen(console, ParkedFilter(reason="invalid_value"))
    assert (sorted(ats), left) == (sorted(rows[f"ann{number}.vcf"] for number in range(3)), 0)
    assert replay(console, ats, "ann").done == 3
    world.settle()
    assert [pair.status for pair in world.pairs("people")] == ["in_sync"] * 3
    console.follow()
    assert console.views.parked() == {}
    why = {row["at"]: (row["what"], row["why"], row["who"]) for row in console.views.parked_decided(0, 50)}
    assert why[rows["ann3.vcf"]] == ("dropped", "a test card", "bob")
    assert sorted(row[0] for row in why.values()) == ["dropped", "replayed", "replayed", "replayed"]

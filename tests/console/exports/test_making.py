"""A list becomes a file in the background: one console makes it, another one goes on, and any of them hands it out."""

import csv
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services.console.access.roles import ROLES
from services.console.exports import making
from services.console.exports.making import ATTEMPTS, LEASE_MS
from services.console.use.callers import Caller
from services.console.use.problems import Problem
from services.console.use.records import exporting
from services.console.use.standing import exports
from services.console.use.standing.records import Filter
from services.console.views.projection import Building
from shared.io.memory import MemoryBus
from shared.io.ports import BusUnavailable, Outbound, run_blocking
from shared.io.redis.once import MemoryOnce
from shared.wire import topics
from shared.wire.exports import Export, ExportDoc, ExportProgress
from tests.services.console.files import exporter_of, exports_of
from tests.services.console.harness import ConsoleHarness, caller_of, linked, pair

BY = Caller("installation", "admin")


def ask(console: ConsoleHarness, format_: Any = "csv", **wanted: Any) -> str:
    return str(console.installation.exports.ask(BY, Filter(**wanted), format_)["id"])


def row(console: ConsoleHarness, name: str) -> dict[str, Any]:
    return console.installation.exports.row(name, BY)


def body(console: ConsoleHarness, name: str) -> bytes:
    return b"".join(console.installation.exports.open(name).pieces)


def names(file: bytes) -> list[str]:
    return [line["Left record"] for line in csv.DictReader(io.StringIO(file.decode(), newline=""))]


class Failing(MemoryBus):
    """Does not publish the messages of one topic."""

    def __init__(self, console: ConsoleHarness, topic: str) -> None:
        super().__init__(console.env.broker)
        self.topic = topic

    async def publish(self, messages: Sequence[Outbound]) -> Sequence[int]:
        if any(row.topic.name == self.topic for row in messages):
            raise BusUnavailable("the broker is away")
        return await super().publish(messages)


def test_a_file_is_of_one_moment_and_tells_how_far_it_is(
    console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that comes while it is made moves no record, and changes none in the file."""
    monkeypatch.setattr(exporting, "_PIECE", 10)
    monkeypatch.setattr(making, "_TOLD_MS", 0)
    console.show(*(linked(f"p{number:02d}", changed_ms=number) for number in range(45)), pair("out", "excluded"))
    name = ask(console, status="in_sync")
    assert (row(console, name)["state"], row(console, name)["rows"]) == ("waiting", 0)
    told: list[tuple[str, int, int]] = []
    taken = console.views.in_order

    def changing(*given: Any) -> Any:
        console.installation.exports.known.rows()
        told.append(tuple(row(console, name)[part] for part in ("state", "rows", "total")))
        found = taken(*given)
        news = linked("new", changed_ms=9), linked(f"p{44 - len(told):02d}", status="failing", changed_ms=99)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(console.show, *news).result()
        return found

    monkeypatch.setattr(console.views, "in_order", changing)
    console.make_files()
    assert told == [("running", number, 45) for number in (0, 10, 20, 30, 40)]
    assert sorted(names(body(console, name))) == [f"h-p{number:02d}" for number in range(45)]
    assert (row(console, name)["rows"], row(console, name)["size"]) == (45, len(body(console, name)))
    monkeypatch.setattr(console.views, "in_order", taken)
    again = ask(console, status="in_sync")
    console.make_files()
    assert len(names(body(console, again))) == 45 + 1 - 5


def test_any_console_hands_out_what_another_one_has_made(console: ConsoleHarness) -> None:
    """From Kafka alone: none keeps anything on its disk."""
    console.show(*(linked(f"p{number}") for number in range(5)))
    name = ask(console)
    console.make_files()
    assert b"".join(exports_of(console.env).open(name).pieces) == body(console, name)


def test_one_console_makes_a_file_and_another_one_when_it_dies(console: ConsoleHarness) -> None:
    console.show(linked("a"))
    once, name = MemoryOnce(console.env.clock), ask(console)
    first, second = (exporter_of(console.installation, console.access.mailing, once, name) for name in ("one", "two"))
    bus = console.installation.bus
    console.installation.bus = Failing(console, topics.EXPORTS.name.replace("exports", "export-chunks"))
    with pytest.raises(BusUnavailable):
        first.look()
    console.installation.bus = bus
    second.look()
    assert row(console, name)["state"] == "running", "the first one may live on: its lease holds"
    console.env.clock.advance(LEASE_MS)
    second.look()
    made = console.installation.exports.known.get(name)
    assert made is not None
    assert made.progress is not None
    assert (made.progress.runner.split(":")[0], made.progress.attempt) == ("two", 2)
    assert names(body(console, name)) == ["h-a"]
    before = len(console.stored(topics.EXPORT_CHUNKS))
    for maker in (first, second):
        maker.look()
    assert len(console.stored(topics.EXPORT_CHUNKS)) == before, "it is made once"


def test_a_file_that_ends_every_console_is_given_up(console: ConsoleHarness) -> None:
    name = ask(console)
    told = ExportProgress(export=name, runner="another", attempt=ATTEMPTS)
    key = f"progress:{name}"
    run_blocking(console.env.bus.publish([Outbound(topic=topics.EXPORTS, key=key, message=ExportDoc(progress=told))]))
    console.make_files()
    assert row(console, name)["state"] == "failed"
    assert "3 consoles have begun to make the file" in row(console, name)["error"]
    with pytest.raises(Problem, match="3 consoles") as caught:
        console.installation.exports.open(name)
    assert caught.value.status == 410


def test_no_file_is_made_before_the_views_are_whole(console: ConsoleHarness) -> None:
    name = ask(console)
    exporter = exporter_of(console.installation, console.access.mailing)
    exporter._ready = lambda: False
    exporter.look()
    assert row(console, name)["state"] == "waiting"
    exporter._ready = lambda: True
    console.views.building = Building(0.5, is_read=False)
    exporter.look()
    assert row(console, name)["state"] == "waiting", "they are built again"
    console.views.building = None
    exporter.look()
    assert row(console, name)["state"] == "ready"


def test_what_is_deleted_while_it_is_made_is_made_no_further(
    console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_PIECE", 10)
    monkeypatch.setattr(making, "_TOLD_MS", 0)
    console.show(*(linked(f"p{number:02d}") for number in range(45)))
    name, taken, asked = ask(console), console.views.in_order, 0

    def deleting(*given: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 2:
            console.installation.exports.delete(BY, name)
        return taken(*given)

    monkeypatch.setattr(console.views, "in_order", deleting)
    console.make_files()
    assert asked == 2
    assert console.stored(topics.EXPORT_CHUNKS) == []
    last = {stored.key: stored.message for stored in console.stored(topics.EXPORTS)}
    assert {key: message for key, message in last.items() if message is not None and message.progress is None} == {}
    with pytest.raises(Problem) as caught:
        row(console, name)
    assert caught.value.status == 404


def test_a_file_lies_in_kafka_sealed_and_is_gone_after_a_day(console: ConsoleHarness) -> None:
    console.show(linked("ann", label="Anna Rossi"))
    name = ask(console, "jsonl")
    exporter = exporter_of(console.installation, console.access.mailing)
    exporter.look()
    assert b"Anna Rossi" in body(console, name)
    (chunk,) = console.stored(topics.EXPORT_CHUNKS)
    assert b"Anna" not in (chunk.raw or b"")
    asked = console.installation.exports.known.get(name)
    assert asked is not None
    assert asked.export.key.startswith("v1:"), "its key is sealed itself"
    console.env.clock.advance(topics.DAY_MS)
    assert row(console, name)["state"] == "ended"
    with pytest.raises(Problem, match="Its time is over") as caught:
        console.installation.exports.open(name)
    assert caught.value.status == 410
    exporter.look()
    assert console.installation.exports.known.get(name) is None
    assert {stored.key for stored in console.stored(topics.EXPORTS) if stored.message is None} == {
        f"export:{name}", f"progress:{name}", f"file:{name}",
    }  # fmt: skip


def test_what_kafka_has_lost_is_not_taken_for_a_file(console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "CHUNK", 100)
    console.show(*(linked(f"p{number}") for number in range(5)))
    name = ask(console)
    console.make_files()
    file = console.installation.exports
    read = file._chunks_from
    file._chunks_from = lambda at: (one for one in read(at) if one.message is None or one.message.n != 2)
    with pytest.raises(Problem, match="Kafka does not hold all of it"):
        body(console, name)
    with pytest.raises(Problem, match="Kafka does not hold all of it") as caught:
        file.open(name, "bytes=200-")
    assert caught.value.status == 410


def test_other_files_between_its_chunks_are_passed_over(
    console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "CHUNK", 300)
    console.show(*(linked(f"p{number}") for number in range(20)))
    name = ask(console)
    between = console.env.bus.publish

    async def twice(messages: Sequence[Outbound]) -> Sequence[int]:
        found = await between(messages)
        if messages[0].topic is topics.EXPORT_CHUNKS:
            await between(messages)
        return found

    monkeypatch.setattr(console.env.bus, "publish", twice)
    console.make_files()
    assert len(names(body(console, name))) == 20


def test_the_same_key_asks_for_the_same_file(console: ConsoleHarness) -> None:
    asking = console.installation.exports
    first = asking.ask(BY, Filter(status="failing"), "csv", "k")
    assert asking.ask(BY, Filter(status="failing"), "csv", "k") == first
    with pytest.raises(Problem) as caught:
        asking.ask(BY, Filter(status="failing"), "xlsx", "k")
    assert caught.value.status == 422
    ann = caller_of(console.person("viewer"))
    assert asking.ask(ann, Filter(status="failing"), "xlsx", "k")["id"] != first["id"], "another's key is another one"


def test_so_many_files_are_enough(console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MOST", 2)
    first = ask(console)
    ask(console)
    with pytest.raises(Problem, match="2 files already") as caught:
        ask(console)
    assert caught.value.status == 409
    console.installation.exports.delete(BY, first)
    ask(console)


@pytest.mark.parametrize("role", ROLES)
def test_of_anothers_file_operators_alone_dispose(console: ConsoleHarness, role: Any) -> None:
    """Everybody who sees the records may download it."""
    ann, eve = caller_of(console.person("viewer")), caller_of(console.person(role, "eve@x.example"))
    asking = console.installation.exports
    theirs, own = (asking.ask(by, Filter(), "csv")["id"] for by in (ann, eve))
    may = role in ("operator", "admin")
    assert asking.row(theirs, eve)["may_delete"] is may
    if may:
        asking.delete(eve, theirs)
    else:
        with pytest.raises(Problem) as caught:
            asking.delete(eve, theirs)
        assert caught.value.status == 403
    asking.delete(eve, own)


def test_a_token_disposes_of_its_own_files(console: ConsoleHarness) -> None:
    asking = console.installation.exports
    one, other = (Caller(name, "viewer", token=name) for name in ("one", "other"))
    made = asking.ask(one, Filter(), "csv")["id"]
    assert not asking.row(made, other)["may_delete"]
    assert asking.row(made, one)["may_delete"]


def test_without_a_key_file_nothing_is_exported(console: ConsoleHarness) -> None:
    from shared.io.calls.vault import Vault  # noqa: PLC0415 - of this test alone

    console.installation.exports._vault = Vault()
    with pytest.raises(Problem, match="SYNCLINE_KEY_FILE") as caught:
        ask(console)
    assert caught.value.status == 503


def test_a_file_whose_key_cannot_be_opened_fails_with_a_sentence(console: ConsoleHarness) -> None:
    name = ask(console)
    export = Export(id=name, format="csv", key="v1:other:AAAA", asked_at_ms=console.env.clock.now_ms())
    key = f"export:{name}"
    run_blocking(console.env.bus.publish([Outbound(topic=topics.EXPORTS, key=key, message=ExportDoc(export=export))]))
    console.make_files()
    assert (row(console, name)["state"], "SYNCLINE_KEY_FILE" in row(console, name)["error"]) == ("failed", True)

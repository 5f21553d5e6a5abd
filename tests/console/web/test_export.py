"""A list as a file, by page, API and command: what the filters choose, gone on with where a download broke off."""

import argparse
import csv
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from services.console.commands.parser import moment, parser
from services.console.commands.records import exports as export_commands
from services.console.exports import making
from services.console.exports.formats import COLUMNS
from shared.io.ports import BusUnavailable
from shared.wire import topics
from tests.console.web.client import ConsoleClient
from tests.console.web.examples import show_everything
from tests.services.console.files import exporter_of
from tests.services.console.harness import ConsoleHarness, caller_of, is_problem, linked
from tests.services.console.test_why import settings_of


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_page_makes_a_file_of_what_the_filters_choose(console: ConsoleHarness, client: ConsoleClient) -> None:
    """By the same filters as the list; so does the API."""
    show_everything(console)
    page = client.open("/records?status=failing&q=ann&period=30d")
    answer = client.send(page.form("/exports"), format="csv")
    shown = answer.headers["Location"]
    assert answer.status_code == 303
    assert shown.startswith("/exports?show=")
    assert "Your file is being made 0 records written" in client.open(shown).words
    console.make_files()
    page = client.open(shown)
    assert "Your file is ready" in page.words
    assert "Records: failing, changed in the last 30 days, found by “ann”2 records, 500 bytes" in page.words
    name = shown.split("show=")[1].split("&")[0]
    path = f"/exports/{name}/file"
    assert page.links.count(path) == 2
    answer = client.ask(path)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="records-20231114-221320.csv"'
    rows = rows_of(answer.text)
    assert list(rows[0]) == list(COLUMNS.values())
    assert sorted(row["Left record"] for row in rows) == ["h-bob", "h-eve"]
    eve = next(row for row in rows if row["Left record"] == "h-eve")
    assert (eve["Status"], eve["Reason"], eve["Who acts"]) == (
        "Failing",
        "Required field is blank",
        "owner of the record",
    )
    assert (eve["Left app"], eve["Right app"], eve["Right record"]) == ("Hub", "Book", "")
    assert eve["Last change"] == "2023-11-13T22:13:20+00:00"
    asked = console.call("POST", "exports", json={"status": "failing", "q": "ann"})
    assert asked.status_code == 202
    console.make_files()
    assert console.call("GET", f"exports/{asked.json()['id']}/file").text == answer.text
    deleted = client.send(client.open("/exports").form(f"/exports/{name}/delete"))
    assert deleted.status_code == 303
    assert client.ask(path).status_code == 404


@pytest.mark.parametrize(("wanted", "number"), [({}, 66), ({"since": 1_699_999_994_000}, 3), ({"q": "nobody"}, 0)])
def test_a_file_holds_all_that_a_filter_chooses(console: ConsoleHarness, wanted: dict[str, Any], number: int) -> None:
    """In JSON Lines, one that holds nothing is empty."""
    show_everything(console)
    name = console.call("POST", "exports", json={"format": "jsonl", **wanted}).json()["id"]
    console.make_files()
    answer = console.call("GET", f"exports/{name}/file")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert (answer.status_code, len(lines), console.get(f"exports/{name}")["rows"]) == (200, number, number)
    assert all(list(line) == list(COLUMNS) for line in lines)


@pytest.fixture(name="file")
def _file(console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch) -> tuple[str, bytes]:
    """Offer the path of a file of several chunks, and what is in it."""
    monkeypatch.setattr(making, "CHUNK", 1_000)
    console.show(*(linked(f"p{number:02d}") for number in range(40)))
    name = console.call("POST", "exports", json={}).json()["id"]
    console.make_files()
    assert len(console.stored(topics.EXPORT_CHUNKS)) > 3
    return f"exports/{name}/file", console.call("GET", f"exports/{name}/file").content


@pytest.mark.parametrize("by", ["page", "api"])
def test_a_download_that_broke_off_goes_on(
    console: ConsoleHarness, client: ConsoleClient, file: tuple[str, bytes], by: str
) -> None:
    """Wherever it broke off: at the edge of a chunk, within one, or at the last byte; and never packed."""
    path, whole = file

    def ask(**headers: str) -> Any:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if by == "api":
            return console.call("GET", path, headers=given)
        return client.ask(f"/{path}", headers=given)

    answer = ask(Accept_Encoding="gzip")
    assert (answer.status_code, answer.content) == (200, whole)
    assert answer.headers["Content-Length"] == str(len(whole))
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Accept-Ranges"] == "bytes"
    etag = answer.headers["ETag"]
    size = len(whole)
    for first in (0, 1, 999, 1_000, 1_001, 2_500, size - 1):
        answer = ask(Range=f"bytes={first}-", If_Range=etag, Accept_Encoding="gzip")
        assert answer.content == whole[first:]
        assert answer.headers["Content-Length"] == str(size - first)
        assert answer.status_code == (206 if first else 200)
        if first:
            assert answer.headers["Content-Range"] == f"bytes {first}-{size - 1}/{size}"
    for wanted, part in (("10-19", whole[10:20]), ("990-2010", whole[990:2011]), ("-5", whole[-5:])):
        answer = ask(Range=f"bytes={wanted}")
        assert (answer.status_code, answer.content) == (206, part)
    assert ask(Range="bytes=5-", If_Range='"another"').content == whole, "of another file nothing is gone on with"
    for nonsense in ("bytes=2-1", "bytes=a-", "rows=1-", "bytes=-", "bytes=0-1,3-4", "bytes=" + "9" * 40 + "-"):
        assert (ask(Range=nonsense).status_code, len(ask(Range=nonsense).content)) == (200, size)
    for beyond in (f"bytes={size}-", "bytes=-0"):
        answer = ask(Range=beyond)
        assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{size}")


def test_the_log_tells_who_took_a_file_once(console: ConsoleHarness, file: tuple[str, bytes]) -> None:
    """Going on with a download is the same download."""
    path, _ = file
    console.call("GET", path, headers={"Range": "bytes=9-"})
    told = [row.message.what for row in console.stored(topics.ACTIVITY) if row.message is not None]
    assert told == ["export.asked", "export.taken"]


def test_why_there_is_no_file_is_said_below_what_it_was_to_hold(console: ConsoleHarness, client: ConsoleClient) -> None:
    """Beside the state it would push that aside on a phone."""
    show_everything(console)
    assert "All records 3 consoles have begun to make the file Failed" in client.open("/exports").words


def test_what_is_not_there_is_said(console: ConsoleHarness) -> None:
    name = console.call("POST", "exports", json={"format": "xlsx"}, headers={"Idempotency-Key": "k"}).json()["id"]
    again = console.call("POST", "exports", json={"format": "xlsx"}, headers={"Idempotency-Key": "k"})
    assert again.json()["id"] == name
    assert "still being made" in is_problem(console.call("GET", f"exports/{name}/file"), 409)
    assert console.call("GET", f"exports/{name}/file").headers["Retry-After"] == "2"
    assert "There is no such export" in is_problem(console.call("GET", "exports/nobody"), 404)
    is_problem(console.call("POST", "exports", json={"format": "pdf"}), 422)
    with console.env.kafka_away():
        is_problem(console.call("POST", "exports", json={}), 503)
    console.make_files()
    assert console.get(f"exports/{name}")["state"] == "ready"
    with console.env.kafka_away():
        is_problem(console.call("GET", f"exports/{name}/file"), 503)


def test_a_format_that_nobody_offers_is_refused(console: ConsoleHarness, client: ConsoleClient) -> None:
    console.show(linked("a"))
    assert client.send(client.open("/records").form("/exports"), format="pdf").status_code == 422


# The command


@contextmanager
def made_meanwhile(look: Callable[[], None]) -> Iterator[None]:
    """Have files made by another thread, as a console does: whenever they are asked for."""
    over = threading.Event()

    def look_again() -> None:
        while not over.wait(0.02):
            look()

    maker = threading.Thread(target=look_again)
    maker.start()
    try:
        yield
    finally:
        over.set()
        maker.join()


def test_the_command_makes_a_file_and_goes_on_where_a_download_broke_off(
    console: ConsoleHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(making, "CHUNK", 1_000)
    console.show(*(linked(f"p{number:02d}") for number in range(40)))
    there, to = settings_of(console), tmp_path / "records.csv"
    read, broken = console.installation.exports._chunks_from, [2, 1]

    def breaking(at: int) -> Iterator[Any]:
        """Break off after some chunks, at the first calls."""
        left = broken.pop() if broken else 99
        for stored in read(at):
            if not left:
                raise BusUnavailable("the broker is away")
            left -= 1
            yield stored

    monkeypatch.setattr(console.installation.exports, "_chunks_from", breaking)
    given = parser().parse_args(["exports", "make", str(to), "--status", "in_sync"])
    assert given.names == [str(to)]
    with made_meanwhile(exporter_of(console.installation, console.access.mailing).look):
        assert export_commands.run("make", given.names, wanted={"status": "in_sync"}, settings=there, every_s=0.02) == 0
    assert broken == []
    assert len(rows_of(to.read_text())) == 40
    assert "ready; 40 of 40 records as csv" in capsys.readouterr().out
    assert list(tmp_path.glob("*.part")) == []
    name = console.get("exports")["exports"][0]["id"]
    part = tmp_path / f"again.csv.{name}.part"
    part.write_bytes(to.read_bytes()[:1_500])
    assert export_commands.run("get", [name, str(tmp_path / "again.csv")], wanted={}, settings=there) == 0
    assert (tmp_path / "again.csv").read_bytes() == to.read_bytes()
    part.write_bytes(b"x" * 1_500)
    assert export_commands.run("get", [name, str(tmp_path / "again.csv")], wanted={}, settings=there) == 1
    assert "not the file" in capsys.readouterr().err
    assert export_commands.run("list", [], wanted={}, settings=there, as_json=True) == 0
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == [name]
    assert export_commands.run("delete", [name], wanted={}, settings=there) == 0
    assert export_commands.run("get", [name, "x"], wanted={}, settings=there) == 1
    assert "There is no such export" in capsys.readouterr().err


def test_the_command_takes_a_moment_and_tells_by_mail(
    console: ConsoleHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    """As pages and API do; mail goes to whoever the token belongs to."""
    at = 1_772_357_400_000  # 2026-03-01T09:30Z
    console.show(linked("old", changed_ms=at - 1), linked("new", changed_ms=at))
    user = console.person("viewer")
    token = console.access.tokens.make(caller_of(user), "of ann", "viewer", 1)[1]
    theirs = settings_of(console, token)
    given = parser().parse_args(["exports", "make", "--since", "2026-03-01T10:30+01:00", "--mail"])
    wanted = {"since": given.since, "mail": given.mail, "status": "", "format": "csv"}
    with made_meanwhile(console.make_files):
        assert export_commands.run("make", [], wanted=wanted, settings=theirs) == 0
    assert "; mail: " in capsys.readouterr().out
    assert export_commands.run("list", [], wanted={}, settings=theirs) == 0
    shown = capsys.readouterr().out
    assert "ready; 1 of 1 records as csv" in shown
    assert "changed since 2026-03-01 09:30 UTC; mail: " in shown
    assert export_commands.run("make", [], wanted={"mail": True}, settings=settings_of(console)) == 1
    assert "Mail goes to users" in capsys.readouterr().err


def test_a_moment_is_a_date_a_time_or_so_long_ago() -> None:
    assert moment("2026-03-01") == moment("2026-03-01T00:00Z") == moment("2026-03-01T01:00+01:00") == 1_772_323_200_000
    assert 0 <= time.time() * 1000 - 36 * 3_600_000 - moment("36h") < 60_000
    for wrong in ("yesterday", "36", "-1h", ""):
        with pytest.raises(argparse.ArgumentTypeError):
            moment(wrong)


def test_the_command_gives_up_what_does_not_come(
    console: ConsoleHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What came so far stays, for the next time."""
    console.show(linked("a"))
    name = console.call("POST", "exports", json={}).json()["id"]
    console.make_files()

    def away(_: int) -> Iterator[Any]:
        raise BusUnavailable("the broker is away")

    monkeypatch.setattr(console.installation.exports, "_chunks_from", away)
    there = settings_of(console)
    assert export_commands.run("get", [name, str(tmp_path / "f")], wanted={}, settings=there, every_s=0) == 1
    assert "the broker is away; the same command goes on with what is in" in capsys.readouterr().err


@pytest.mark.parametrize(("what", "names"), [("list", ["x"]), ("make", ["a", "b"]), ("get", ["x"]), ("delete", [])])
def test_the_command_says_how_it_is_used(what: Any, names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert export_commands.run(what, names, wanted={}) == 1
    assert "exports get ID FILE" in capsys.readouterr().err

"""The command that says why a record is as it is: sentences for people, and JSON on request."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from services.console.commands.records import why
from services.console.views import lists
from shared.io.calls.call_notes import CallNote
from shared.model.pairs import Match, Pending, Problem, Trace
from shared.settings import Settings
from tests.e2e.live import free_ports
from tests.services.console.harness import TOKEN, ConsoleHarness, linked
from tests.services.environment import LEFT, RIGHT, SYNC, as_json, report


def settings_of(console: ConsoleHarness, token: str | None = TOKEN) -> Settings:
    port = urlsplit(console.address).port
    return Settings(console_host="0.0.0.0", console_port=port, console_token=token)  # type: ignore[arg-type]


@pytest.fixture(name="shown")
def _shown(console: ConsoleHarness) -> ConsoleHarness:
    """Offer one record that an app refused."""
    log = (Trace(did="write", key="f", side="R", old="a", new="b"), Trace(did="refused", side="R", note="too_long"))
    console.show(
        linked(
            "a", status="failing", reason="too_long", log=log, seen_ms=1_700_000_000_000, label="Ann Lee",
            problems={"f": Problem(code="too_long", message="at most 10", field="f")},
            pending={"R": Pending(key="k", op="update", fields={"h": "b"}, setup=1)},
            match=Match(by="email", key="ann@x.example"),
        )
    )  # fmt: skip
    return console


def test_a_record_is_explained_in_sentences(shown: ConsoleHarness, capsys: pytest.CaptureFixture[str]) -> None:
    assert why.run("Ann", settings=settings_of(shown)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"Ann Lee ({SYNC}): Not synced: ")
    assert "  Linked because their email is the same: ann@x.example." in lines
    assert "  An update is on its way to Book." in lines
    assert any(line.startswith("  What to do: ") for line in lines)
    assert any(line.endswith("f: 'b' is written to Book (it held 'a').") for line in lines)
    assert any(": record h-a" in line for line in lines)
    assert not any("{" in line for line in lines)


def test_the_last_calls_are_told_with_the_apps_words(shown: ConsoleHarness, capsys: pytest.CaptureFixture[str]) -> None:
    for status, said in ((0, "book.example did not answer in time"), (403, "TITLE is too long")):
        shown.env.clock.advance(1_000)
        note = CallNote(method="PUT", path="/ann/1.vcf", status=status, took_ms=41, said=said, about=("b-a", "b-b"))
        shown.installation.call_notes.note(RIGHT, note)
    assert why.run("Ann", settings=settings_of(shown)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-5] == "  The last calls, the newest first:"
    assert [line.strip().rpartition("  ")[2] for line in lines[-4:]] == [
        f"{RIGHT}: PUT /ann/1.vcf: 403 after 41 ms", "TITLE is too long",
        f"{RIGHT}: PUT /ann/1.vcf: no answer after 41 ms", "book.example did not answer in time",
    ]  # fmt: skip


def test_json_on_request(shown: ConsoleHarness, capsys: pytest.CaptureFixture[str]) -> None:
    assert why.run("h-a", settings=settings_of(shown), as_json=True) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["id"], told["status"]) == ("a", "failing")


def test_a_record_deep_among_many_is_found(
    console: ConsoleHarness, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that has looked at many leads on, and the command follows."""
    for name, value in {"SMALL": 0, "SMALL_WITH_TEXT": 0, "_BLOCK": 3, "_WALK_S": 0.0}.items():
        monkeypatch.setattr(lists, name, value)
    console.show(*(linked(f"p{number:02d}", changed_ms=number + 1) for number in range(20)))
    assert why.run("h-p00", settings=settings_of(console)) == 0
    assert capsys.readouterr().out.startswith("P00 (")


def test_many_records_of_one_name(console: ConsoleHarness, capsys: pytest.CaptureFixture[str]) -> None:
    """The first are explained, and it says that there are more; a sync narrows it down."""
    console.show(*(linked(f"p{number}", label="Ann Lee") for number in range(5)))
    assert why.run("Ann", settings=settings_of(console)) == 0
    shown = capsys.readouterr().out
    assert shown.count("Ann Lee (") == 3
    assert "There are more" in shown
    assert why.run("Ann", settings=settings_of(console), sync="nothing") == 1
    assert "no record in sync 'nothing' has 'Ann' in its name" in capsys.readouterr().err


def test_what_is_missing_is_named(
    shown: ConsoleHarness, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for settings, said in (
        (settings_of(shown, None), "SYNCLINE_CONSOLE_TOKEN is not set"),
        (settings_of(shown, "another"), "the console takes another token"),
        (Settings(console_port=free_ports()["console"], console_token=TOKEN), "start `python -m services.console`"),  # type: ignore[arg-type]  # a secret as text
    ):
        assert why.run("Ann", settings=settings) == 1
        assert said in capsys.readouterr().err


def test_a_record_that_no_sync_has_seen_is_asked_for(
    console: ConsoleHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    """The app says why it is in no list, what decides, and how to have it read."""
    held = as_json([report("h-new", 3)])
    console.env.answers["read"] = lambda at, _: held if at == LEFT else []
    assert why.run("h-new", settings=settings_of(console)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"h-new@x.example ({SYNC}): Hub has contact h-new, and nothing stands in its way: ")
    assert "  email: h-new@x.example" in lines
    assert "  To have it read now: ./syncline resync h-new" in lines
    held = as_json([report("h-new", 3, life="merged", merged_into="h-b")])
    assert why.run("h-new", settings=settings_of(console)) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "Not seen: Hub has merged contact h-new into h-b.", "  Ask for h-b next.",
    ]  # fmt: skip
    assert why.run("h-other", settings=settings_of(console)) == 1
    assert "None of these knows a record 'h-other': Hub (contacts), Book (contacts)." in capsys.readouterr().err

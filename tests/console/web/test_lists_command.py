"""Records and the activity log at a terminal: as pages and API list them, for people and for programs."""

import json

import pytest

from services.console.commands.records import lists
from services.console.use.activity import Did, acting
from services.console.use.callers import at_terminal
from shared.wire.messages import AccessDoc
from tests.services.console.harness import TOKEN, ConsoleHarness, linked, pair
from tests.services.console.test_why import settings_of

AT = 1_772_357_400_000
"""2026-03-01T09:30Z."""


def test_records_are_listed_as_filters_choose_them(console: ConsoleHarness, capsys: pytest.CaptureFixture[str]) -> None:
    """All pages of them, the newest change first; a name may hold any sign."""
    there = settings_of(console)
    assert lists.run_records({"status": "failing"}, settings=there) == 0
    assert capsys.readouterr().out == "no record is as asked for\n"
    assert lists.run_records({}, settings=there, as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == []
    console.show(
        linked("zoë", status="failing", reason="too_long", changed_ms=AT + 1_000),
        pair("bob", "failing", reason="required_missing", changed_ms=AT, label=""),
        *(linked(f"p{number}", changed_ms=AT - 1_000 - number) for number in range(600)),
    )
    assert lists.run_records({"status": "failing", "since": 0}, settings=there) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2026-03-01 09:30:01Z  people  Zoë (h-zoë and b-zoë)  failing (too_long)",
        "2026-03-01 09:30:00Z  people  h-bob  failing (required_missing)",
    ]
    assert lists.run_records({"since": AT + 1, "q": ""}, settings=there, as_json=True) == 0
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == ["zoë"]
    assert lists.run_records({}, settings=there) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 602, "more than a page"
    assert lines[-600] == "2026-03-01 09:29:59Z  people  P0 (h-p0 and b-p0)  in sync"


def test_who_did_what_is_listed(console: ConsoleHarness, capsys: pytest.CaptureFixture[str]) -> None:
    """What changed stands in its line; a kind of deeds chooses all of that kind."""
    accounts, there = console.access.accounts, settings_of(console)
    console.env.clock.advance(AT - console.env.clock.now_ms())
    with acting("command", at_terminal()):
        accounts.store(Did(what="user.changed", about="user:bob@x.example", changes=[("role", "viewer", "editor")],
                           note="one\ntwo"), ("user:none", AccessDoc()))  # fmt: skip
    console.env.clock.advance(1_000)
    accounts.store(Did(what="token.made", about="token:backup", changes=[("ends", "", "never")]),
                   ("token:none", AccessDoc()))  # fmt: skip
    console.follow_views()
    who = at_terminal().who
    user = f"2026-03-01 09:30:00Z  {who} (command)  user.changed  user:bob@x.example  role: viewer to editor  one two"
    token = "2026-03-01 09:30:01Z  installation (process)  token.made  token:backup  ends: - to never"
    assert lists.run_activity({"what": "", "q": ""}, settings=there) == 0
    assert capsys.readouterr().out.splitlines() == [token, user]
    assert lists.run_activity({"what": "user"}, settings=there) == 0
    assert capsys.readouterr().out.splitlines() == [user]
    assert lists.run_activity({"q": "backup"}, settings=there, as_json=True) == 0
    assert [row["what"] for row in json.loads(capsys.readouterr().out)] == ["token.made"]
    assert lists.run_activity({"what": "job"}, settings=there) == 0
    assert capsys.readouterr().out == "nobody did anything as asked for\n"


def test_a_console_that_refuses_says_so(console: ConsoleHarness, capsys: pytest.CaptureFixture[str]) -> None:
    assert lists.run_records({}, settings=settings_of(console, TOKEN[::-1])) == 1
    told = capsys.readouterr()
    assert (told.out, told.err) == (
        "", "the console takes another token than the one in SYNCLINE_CONSOLE_TOKEN\n",
    )  # fmt: skip

"""A sync is switched off and on again: by page, API and command, each once, and told by the activity log."""

import io
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.console.commands.settings import accounts
from shared.model.syncs import Job, Sync
from shared.settings import Settings
from shared.wire import topics
from tests.console.web.objects import keep_cars, show_objects
from tests.console.web.test_roles import client_as
from tests.services.console.harness import TOKEN, ConsoleHarness, is_problem, linked
from tests.services.environment import LEFT, RIGHT, SYNC

PATH = f"/syncs/{SYNC}"


def sync(console: ConsoleHarness) -> Sync:
    found = console.env.setups.sync(SYNC)
    assert found is not None
    return found


def jobs(console: ConsoleHarness) -> list[Job]:
    return [row.message.job for row in console.stored(topics.JOBS) if row.message is not None and row.message.job]


def test_a_sync_is_switched_off_and_on_by_a_page(console: ConsoleHarness) -> None:
    console.show(linked("ann"))
    client, before = client_as(console, "operator"), sync(console).version
    page = client.open(PATH)
    assert f"{PATH}/switch-off" in page.links
    page = client.open(f"{PATH}/switch-off")
    answer = client.send(page.form(f"{PATH}/switch-off"))
    assert answer.headers["Location"].startswith(f"{PATH}?done=off")
    assert (sync(console).enabled, sync(console).version) == (False, before + 1)
    page = client.open(f"{PATH}?done=off")
    assert "The sync is off: it writes nothing any more." in page.words
    assert [form.action for form in page.forms if "switch" in form.action] == [f"{PATH}/switch-on"]
    assert client.send(page.form(f"{PATH}/switch-on")).headers["Location"].startswith(f"{PATH}?done=on")
    assert (sync(console).enabled, sync(console).version) == (True, before + 2)
    off, on = jobs(console)
    assert (off.kind, off.statuses) == ("resync", ("pending",)), "no app is read for a sync that is off"
    assert (on.kind, on.statuses) == ("resync", ()), "one that is on again reads all that it has missed"
    told = [
        row.message for row in console.stored(topics.ACTIVITY) if row.message and row.message.about == f"sync:{SYNC}"
    ]
    assert [(row.who, row.via, row.note) for row in told] == [
        ("ann@x.example", "page", "enabled: true -> false"), ("ann@x.example", "page", "enabled: false -> true"),
    ]  # fmt: skip
    assert "switch-off" not in client_as(console, "editor").open(PATH).answer.text, "an operator does that"


def test_it_says_first_what_that_means(console: ConsoleHarness) -> None:
    """How many records it keeps, what waits, which syncs lead to it, and what happens when it is on again."""
    show_objects(console)
    keep_cars(console)
    console.show(linked("ann"), linked("bob"), linked("cid", status="pending", reason="queued"))
    client = client_as(console, "operator")
    page = client.open(f"{PATH}/switch-off")
    assert "Switch off people?" in page.words
    for sentence in (
        "Nothing is read or written for this sync. The records in both apps stay as they are.",
        "The links of its 3 records are kept, and the values that both apps last agreed on.",
        "What waits to be written is dropped, and caught up later: 1 record now.",
        "An association of cars leads to its records: where such a record is not linked yet, it waits.",
        "All records of both apps are read, and what changed in between is caught up.",
    ):
        assert sentence in page.words, page.words
    assert f"{PATH}/switch-off" in [form.action for form in page.forms]
    assert PATH in page.links, "nobody has to"
    assert sync(console).enabled, "looking changes nothing"
    off = console.get(f"syncs/{SYNC}")["switching_off"]
    assert (off["records"], off["waiting"], off["needed_by"]) == (3, 1, ["cars"])
    assert all(sentence in page.words for sentence in (*off["meanwhile"], *off["later"]))
    client.send(page.form(f"{PATH}/switch-off"))
    assert console.get(f"syncs/{SYNC}")["switching_off"] is None, "it is off"
    assert client.ask(f"{PATH}/switch-off").headers["Location"] == PATH
    assert client.ask("/syncs/nobody/switch-off").status_code == 404
    assert "There is no sync" in is_problem(console.call("GET", "syncs/nobody"), 404)


def test_what_does_not_apply_is_not_said(console: ConsoleHarness) -> None:
    console.show(linked("ann"))
    off = console.get(f"syncs/{SYNC}")["switching_off"]
    assert (off["records"], off["waiting"], off["needed_by"]) == (1, 0, [])
    assert off["meanwhile"][1:] == ["The links of its 1 record are kept, and the values that both apps last agreed on."]


def test_who_does_it_twice_changes_it_once(console: ConsoleHarness) -> None:
    console.show(linked("ann"))
    for enabled, what in ((False, "switch-off"), (True, "switch-on")):
        for _ in range(2):
            found = console.call("POST", f"syncs/{SYNC}/{what}").json()
            assert (found["id"], found["enabled"], found["counts"]["in_sync"]) == (SYNC, enabled, 1)
    assert len(jobs(console)) == 2
    assert "There is no sync" in is_problem(console.call("POST", "syncs/nobody/switch-off"), 404)


def test_who_changes_it_at_the_same_moment_is_told(console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.console.use.syncs.publish", lambda *_: [f"sync:{SYNC}"])
    assert "at the same moment" in is_problem(console.call("POST", f"syncs/{SYNC}/switch-off"), 409)
    assert sync(console).enabled
    monkeypatch.undo()
    with console.env.kafka_away():
        is_problem(console.call("POST", f"syncs/{SYNC}/switch-off"), 503)
    assert sync(console).enabled


def test_the_command_does_the_same(console: ConsoleHarness, capsys: pytest.CaptureFixture[str]) -> None:
    console.show(linked("ann"))
    port = urlsplit(console.address).port
    there = Settings(console_token=TOKEN, console_port=port)  # type: ignore[arg-type]  # a secret as text
    numbers = "1 in sync, 0 pending, 0 failing, 0 excluded"
    assert accounts.run_syncs(None, "", settings=there) == 0
    ends = f"{LEFT}/contact <-> {RIGHT}/contact"
    assert f"{SYNC}: on, {ends}; {numbers}\n" in capsys.readouterr().out
    assert accounts.run_syncs(None, "", wanted={"connection": RIGHT, "object": ""}, settings=there) == 0
    assert capsys.readouterr().out.startswith(f"{SYNC}: on, ")
    assert accounts.run_syncs(None, "", wanted={"object": "deal"}, settings=there) == 0
    assert capsys.readouterr().out == "nothing is synced\n"
    assert accounts.run_syncs("switch-off", SYNC, yes=True, settings=there) == 0
    assert capsys.readouterr().out == f"{SYNC}: off, {ends}; {numbers}\n"
    assert accounts.run_syncs("switch-on", SYNC, settings=there) == 0
    assert sync(console).enabled
    assert accounts.run_syncs("switch-off", "", settings=there) == 1
    assert accounts.run_syncs("switch-off", "nobody", settings=there) == 1
    assert accounts.run_syncs("switch-off", "nobody", yes=True, settings=there) == 1
    assert capsys.readouterr().err.count("There is no sync 'nobody'") == 2


@pytest.mark.parametrize(
    ("typed", "more", "off"),
    [("y\n", {}, True), ("Yes\n", {}, True), ("\n", {}, False), ("", {}, False), ("n\n", {}, False),
     (None, {}, False), (None, {"yes": True}, True), (None, {"as_json": True}, True)],
)  # fmt: skip
def test_the_command_asks_first_but_for_programs(
    console: ConsoleHarness,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    typed: str | None,
    more: dict[str, Any],
    off: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """None is typed where there is no terminal: nobody is there to ask."""
    console.show(linked("ann"))
    there = Settings(console_token=TOKEN, console_port=urlsplit(console.address).port)  # type: ignore[arg-type]  # as above
    monkeypatch.setattr("sys.stdin", Typed(typed))
    assert accounts.run_syncs("switch-off", SYNC, settings=there, **more) == (0 if off else 1)
    assert sync(console).enabled is not off
    told = capsys.readouterr()
    assert ("The links of its 1 record are kept" in told.err) is not bool(more)
    assert ("switch off people? [y/N] " in told.err) is (typed is not None)
    assert ("not switched off" in told.err) is not off
    assert ("--yes" in told.err) is (typed is None and not more)


class Typed(io.StringIO):
    """A terminal at which somebody types something; of None, no terminal."""

    def __init__(self, typed: str | None) -> None:
        super().__init__(typed or "")
        self._there = typed is not None

    def isatty(self) -> bool:
        """Return whether somebody is there."""
        return self._there

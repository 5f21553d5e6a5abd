"""A sync is switched off and on again: by page, API and command, each once, and told by the activity log."""

from urllib.parse import urlsplit

import pytest

from services.console.commands import accounts
from shared import topics
from shared.core.syncs import Job, Sync
from shared.settings import Settings
from tests.console.web.test_roles import visitor_as
from tests.services.console.window import TOKEN, Window, is_problem, linked
from tests.services.desk import SYNC

PATH = f"/syncs/{SYNC}"


def sync(window: Window) -> Sync:
    found = window.desk.setups.sync(SYNC)
    assert found is not None
    return found


def jobs(window: Window) -> list[Job]:
    return [row.message.job for row in window.stored(topics.JOBS) if row.message is not None and row.message.job]


def test_a_sync_is_switched_off_and_on_by_a_page(window: Window) -> None:
    window.show(linked("ann"))
    visitor, before = visitor_as(window, "operator"), sync(window).version
    page = visitor.open(PATH)
    answer = visitor.send(page.form(f"{PATH}/switch-off"))
    assert answer.headers["Location"].startswith(f"{PATH}?done=off")
    assert (sync(window).enabled, sync(window).version) == (False, before + 1)
    page = visitor.open(f"{PATH}?done=off")
    assert "The sync is off: it writes nothing any more." in page.words
    assert [form.action for form in page.forms if "switch" in form.action] == [f"{PATH}/switch-on"]
    assert visitor.send(page.form(f"{PATH}/switch-on")).headers["Location"].startswith(f"{PATH}?done=on")
    assert (sync(window).enabled, sync(window).version) == (True, before + 2)
    off, on = jobs(window)
    assert (off.kind, off.statuses) == ("resync", ("pending",)), "no app is read for a sync that is off"
    assert (on.kind, on.statuses) == ("resync", ()), "one that is on again reads all that it has missed"
    told = [
        row.message for row in window.stored(topics.ACTIVITY) if row.message and row.message.about == f"sync:{SYNC}"
    ]
    assert [(row.who, row.via, row.note) for row in told] == [
        ("ann@x.example", "page", "enabled: true -> false"), ("ann@x.example", "page", "enabled: false -> true"),
    ]  # fmt: skip
    assert "switch-off" not in visitor_as(window, "editor").open(PATH).answer.text, "an operator does that"


def test_who_does_it_twice_changes_it_once(window: Window) -> None:
    window.show(linked("ann"))
    for enabled, what in ((False, "switch-off"), (True, "switch-on")):
        for _ in range(2):
            found = window.call("POST", f"syncs/{SYNC}/{what}").json()
            assert (found["id"], found["enabled"], found["counts"]["in_sync"]) == (SYNC, enabled, 1)
    assert len(jobs(window)) == 2
    assert "There is no sync" in is_problem(window.call("POST", "syncs/nobody/switch-off"), 404)


def test_who_changes_it_at_the_same_moment_is_told(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.console.use.syncs.publish", lambda *_: [f"sync:{SYNC}"])
    assert "at the same moment" in is_problem(window.call("POST", f"syncs/{SYNC}/switch-off"), 409)
    assert sync(window).enabled
    monkeypatch.undo()
    with window.desk.kafka_away():
        is_problem(window.call("POST", f"syncs/{SYNC}/switch-off"), 503)
    assert sync(window).enabled


def test_the_command_does_the_same(window: Window, capsys: pytest.CaptureFixture[str]) -> None:
    window.show(linked("ann"))
    port = urlsplit(window.address).port
    there = Settings(console_token=TOKEN, console_port=port)  # type: ignore[arg-type]  # a secret as text
    numbers = "1 in sync, 0 pending, 0 failing, 0 excluded"
    assert accounts.run_syncs(None, "", settings=there) == 0
    assert f"{SYNC}: on; {numbers}\n" in capsys.readouterr().out
    assert accounts.run_syncs("switch-off", SYNC, settings=there) == 0
    assert capsys.readouterr().out == f"{SYNC}: off; {numbers}\n"
    assert accounts.run_syncs("switch-on", SYNC, settings=there) == 0
    assert sync(window).enabled
    assert accounts.run_syncs("switch-off", "", settings=there) == 1
    assert accounts.run_syncs("switch-off", "nobody", settings=there) == 1
    assert "There is no sync 'nobody'" in capsys.readouterr().err

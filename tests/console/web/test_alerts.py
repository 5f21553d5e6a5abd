"""Alerts fire once and are over once, by mail and webhook, whichever console lives; they tell no value of a person."""

import json

import pytest

from services.console.alerts.judging import AGAIN_MS
from services.console.alerts.watching import LEASE_MS
from shared.io.calls.tokens import Paused
from shared.io.net.hooks import HookCall
from shared.io.ports import BusUnavailable
from shared.wire import topics
from shared.wire.messages import Cursor, JobDoc, JobProgress, Parked
from tests.console.web.alerting import MINUTE_MS, SECRET, AlertingConsole, add, failing, row_of, types
from tests.console.web.test_mail import set_up
from tests.console.web.test_roles import client_as
from tests.hook_server import HookServer
from tests.mail_server import mail_server
from tests.services.console.harness import ConsoleHarness


def test_it_fires_once_and_is_over_once(console: ConsoleHarness, hooks: HookServer) -> None:
    """After as many minutes as it says; a moment above or below the threshold tells nobody anything."""
    with mail_server() as server:
        set_up(console, server)
        name, watcher, clock = (
            add(console, hooks, mail=["ops@x.example"]),
            AlertingConsole(console, "one"),
            console.env.clock,
        )
        for number, minutes, told in (
            (2, 9, 0),  # not more than two
            (3, 4, 0), (2, 1, 0), (3, 4, 0),  # never for five minutes
            (3, 1, 1), (4, 30, 1), (5, 30, 1),  # it fires once
            (1, 4, 1), (3, 1, 1), (0, 5, 2), (0, 60, 2), (2, 60, 2),  # and is over once
            (6, 5, 3),
        ):  # fmt: skip
            failing(console, number)
            watcher.look()
            clock.advance(minutes * MINUTE_MS)
            watcher.look()
            watcher.look()
            assert (len(hooks.calls), len(server.mails)) == (told, told), (number, minutes)
    assert types(hooks) == ["alert.firing", "alert.resolved", "alert.firing"]
    first, over, again = (json.loads(body)["data"] for _, body in hooks.calls)
    assert first["about"] == "sync/people"
    assert (first["number"], first["alert"]["over"]) == (3, 2)
    assert first["incident"] == over["incident"] != again["incident"]
    assert json.loads(hooks.calls[0][1])["text"] == "3 records fail in the sync people"
    assert first["link"] == "https://console.example/records?status=failing"
    assert len({headers["webhook-id"] for headers, _ in hooks.calls}) == 3
    assert hooks.calls[0][0]["webhook-signature"].startswith("v1,")
    mail = server.mails[1]
    assert (mail["To"], mail["Subject"]) == ("ops@x.example", "[Syncline] Resolved: 0 records fail in the sync people")
    assert "more than 2 records of any sync fail, for 5 minutes or longer" in mail.get_content()
    everything = b"".join(body for _, body in hooks.calls).decode() + "".join(one.as_string() for one in server.mails)
    for value in ("Anna", "Rossi", "ann@x.example", SECRET):
        assert value not in everything
    shown = row_of(console, name)
    assert (shown["state"], shown["standing"][0]["number"]) == ("firing", 6)
    assert {(one["to"], one["state"]) for one in shown["standing"][0]["deliveries"]} == {
        ("webhook", "sent"), ("ops@x.example", "sent"),
    }  # fmt: skip


def test_two_consoles_tell_once_and_a_dead_one_loses_nothing(
    console: ConsoleHarness, hooks: HookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(console, hooks, minutes=1)
    one, two, clock = AlertingConsole(console, "one"), AlertingConsole(console, "two"), console.env.clock
    failing(console, 3)
    for _ in range(2):
        one.look()
        clock.advance(MINUTE_MS // 2)

    def dies(_: HookCall) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(one.teller, "hook", dies)
    two.look()
    assert hooks.calls == [], "the other one holds the lease"
    with pytest.raises(KeyboardInterrupt):
        one.look()
    clock.advance(LEASE_MS - 1)
    two.look()
    assert hooks.calls == []
    clock.advance(1)
    for _ in range(3):
        two.look()
    assert types(hooks) == ["alert.firing"]
    monkeypatch.undo()
    one.look()
    clock.advance(LEASE_MS)
    one.look()
    two.look()
    assert len(hooks.calls) == 1, "what another console has told is known"


def test_a_console_that_dies_before_it_says_so_sends_the_same_message(
    console: ConsoleHarness, hooks: HookServer
) -> None:
    """Under the same id, by which whoever takes it knows it again."""
    add(console, hooks, minutes=0)
    one, two = AlertingConsole(console, "one"), AlertingConsole(console, "two")
    failing(console, 3)
    send = one.teller.hook

    def sends_and_dies(call: HookCall) -> None:
        send(call)
        raise KeyboardInterrupt

    one.teller.hook = sends_and_dies
    with pytest.raises(KeyboardInterrupt):
        one.look()
    console.env.clock.advance(LEASE_MS)
    two.look()
    ids = [headers["webhook-id"] for headers, _ in hooks.calls]
    assert (len(ids), len(set(ids))) == (2, 1)


def test_nothing_is_sent_again_while_kafka_is_away(console: ConsoleHarness, hooks: HookServer) -> None:
    add(console, hooks, minutes=0)
    watcher = AlertingConsole(console, "one")
    failing(console, 3)
    watcher.followed.settle()
    send = watcher.teller.hook

    def sends_as_kafka_goes(call: HookCall) -> None:
        send(call)
        console.env.broker.available = False

    watcher.teller.hook = sends_as_kafka_goes
    for _ in range(3):
        with pytest.raises(BusUnavailable):
            watcher.watch.look()
    console.env.broker.available = True
    for _ in range(2):
        watcher.look()
    assert types(hooks) == ["alert.firing"]


def test_what_is_not_taken_is_sent_again_and_given_up_at_last(console: ConsoleHarness, hooks: HookServer) -> None:
    name, watcher, clock = add(console, hooks, minutes=0), AlertingConsole(console, "one"), console.env.clock
    failing(console, 3)
    hooks.status = 500
    for attempt, wait in enumerate((*AGAIN_MS, 0), 1):
        watcher.look()
        watcher.look()
        (told,) = row_of(console, name)["standing"][0]["deliveries"]
        assert (told["attempts"], len(hooks.calls)) == (attempt, attempt)
        assert told["error"].endswith("answered 500")
        clock.advance(max(wait - 1, 0))
        watcher.look()
        assert len(hooks.calls) == attempt
        clock.advance(1)
    clock.advance(30 * AGAIN_MS[-1])
    watcher.look()
    assert len(hooks.calls) == len(AGAIN_MS) + 1
    page = client_as(console, "admin").open(f"/settings/alerts/{name}")
    assert "Given up" in page.words
    assert "answered 500" in page.words
    hooks.status = 204
    failing(console, 0)
    watcher.look()
    assert types(hooks)[-1] == "alert.resolved", "that it is over is told all the same"


def test_where_views_are_not_whole_nobody_judges(console: ConsoleHarness, hooks: HookServer) -> None:
    """What is counted too low would be over, and fire again."""
    add(console, hooks, minutes=0)
    watcher = AlertingConsole(console, "one")
    failing(console, 3)
    watcher.look()
    console.ready = False
    failing(console, 0)
    watcher.look()
    assert types(hooks) == ["alert.firing"]
    console.ready = True
    watcher.look()
    assert types(hooks) == ["alert.firing", "alert.resolved"]


def test_a_removed_alert_tells_nothing_and_is_forgotten(console: ConsoleHarness, hooks: HookServer) -> None:
    name, watcher = add(console, hooks, minutes=0), AlertingConsole(console, "one")
    failing(console, 3)
    hooks.status = 500
    watcher.look()
    other = add(console, hooks, minutes=60)
    console.access.accounts._settle(())
    console.access.alerts.remove(name)
    console.env.clock.advance(AGAIN_MS[0])
    watcher.look()
    watcher.look()
    assert len(hooks.calls) == 1
    console.access.accounts._settle(())
    assert {row.alert for row in console.access.accounts.people.standings()} == {other}


def parked(number: int) -> list[Parked]:
    return [
        Parked(topic="records", partition=0, offset=one, key=f"hub/contact/{one}", raw_base64="", reason="x", at_ms=1)
        for one in range(number)
    ]


def behind(console: ConsoleHarness, minutes: int) -> None:
    from shared.io.envelope import Stored  # noqa: PLC0415 - of this alone

    cursor = Cursor(
        connection="hub", object="contact", feed="changed", cursor="c", interval_s=5.0,
        complete_to_ms=console.env.clock.now_ms() - minutes * MINUTE_MS,
    )  # fmt: skip
    row = Stored(partition=0, offset=0, key="hub/contact/changed", message=cursor, raw=b"", headers={})
    console.views.take(topics.CURSORS.name, [row], {})


def stopped(console: ConsoleHarness) -> None:
    job = console.ask("again", sync="people").json()["id"]
    console.follow()
    told = JobProgress(job=job, phase="failed", error="Anna Rossi cannot be read", at_ms=1)
    console.env.set_job("progress", JobDoc(progress=told), job)


def test_each_kind_watches_what_it_says(console: ConsoleHarness, hooks: HookServer) -> None:
    for kind, about, over in (
        ("failing", "sync/other", 0), ("paused", "", 0), ("stopped", "sync/people", 0), ("late", "connection/hub", 10),
        ("parked", "", 1),
    ):  # fmt: skip
        add(console, hooks, name=kind, kind=kind, about=about, over=over, minutes=0)
    watcher = AlertingConsole(console, "one")
    failing(console, 6)
    console.park(*parked(1))
    behind(console, 10)
    watcher.look()
    assert hooks.calls == []
    console.park(*parked(2))
    behind(console, 11)
    stopped(console)
    console.paused["book"] = Paused(code="auth_expired", message="Anna Rossi's token has ended", again_ms=1)
    watcher.look()
    told = {json.loads(body)["data"]["about"]: json.loads(body)["text"] for _, body in hooks.calls}
    assert told == {
        "connection/book": "The account book is paused: Sign-in expired",
        "connection/hub": "Changes of the account hub are 11 minutes late",
        "sync/people": "The last resync of people failed",
        "everything": "3 messages are parked",
    }
    assert b"Anna" not in b"".join(body for _, body in hooks.calls)
    console.paused["hub"] = Paused(code="auth_expired", message="", again_ms=1)
    behind(console, 90)
    watcher.look()
    assert [json.loads(body)["data"]["about"] for _, body in hooks.calls[4:]] == ["connection/hub"], (
        "of a paused account nobody knows how late it is"
    )

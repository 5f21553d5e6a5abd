"""Alerts fire once and are over once, by mail and webhook, whichever console lives; they tell no value of a person."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import yaml

from services.console.alerts.judging import AGAIN_MS
from services.console.alerts.telling import Teller
from services.console.alerts.watching import LEASE_MS, AlertWatch
from services.console.commands.alerts import said as run
from services.console.commands.parser import parser
from services.console.use.accounts import Accounts
from services.console.use.alerts import MOST, Wanted
from services.console.use.mailing import Mailing
from services.console.use.problems import Problem, Refused
from services.console.use.syncs import switch
from shared import topics
from shared.io.hooks import HookCall
from shared.io.ports import BusUnavailable
from shared.io.tokens import Paused
from shared.messages import Cursor, JobDoc, JobProgress, Parked, SetupDoc
from tests.console.web.test_mail import set_up
from tests.console.web.test_roles import visitor_as
from tests.hook_server import HookServer, hook_server
from tests.mail_server import MailServer, mail_server
from tests.services.console.files import POST
from tests.services.console.window import FollowedPeople, Window, is_problem, linked

MINUTE_MS = 60_000
SECRET = "a long random text"


@pytest.fixture(name="hooks")
def _hooks() -> Iterator[HookServer]:
    with hook_server() as server:
        yield server


class Console:
    """One of several consoles: it reads the topic by itself, and shares the lease."""

    def __init__(self, window: Window, name: str) -> None:
        self.followed, shared = FollowedPeople(window.desk), window.access
        accounts = Accounts(
            window.installation, self.followed.people, shared.accounts._passwords, shared.accounts.once,
            self.followed.settle,
        )  # fmt: skip
        beside = shared.alerts.teller
        self.teller = Teller(Mailing(accounts, beside.vault, POST), beside.vault, beside.hook)
        self.off: Callable[[str], bool] = partial(switch, window.installation.connections._service, on=False)
        self.watch = AlertWatch(
            window.installation, self.teller, accounts.once, ready=lambda: window.ready, name=name,
            switch_off=self._switch_off,
        )  # fmt: skip

    def _switch_off(self, sync: str) -> bool:
        return self.off(sync)

    def look(self) -> None:
        """Read what was published, and look."""
        self.followed.settle()
        self.watch.look()


def failing(window: Window, number: int) -> None:
    """Have so many records fail."""
    window.show(*(
        linked(f"p{one}", label="Anna Rossi", **({"status": "failing", "reason": "too_long"} if one < number else {}))
        for one in range(6)
    ))  # fmt: skip


def add(window: Window, hooks: HookServer | None = None, **more: Any) -> str:
    given: dict[str, Any] = {"name": "People fail", "kind": "failing", "over": 2, "minutes": 5}
    given |= {"url": hooks.address, "secret": SECRET} if hooks else {"mail": ["ops@x.example"]}
    return window.access.alerts.add(Wanted.model_validate({**given, **more})).id


def types(hooks: HookServer) -> list[str]:
    return [json.loads(body)["type"] for _, body in hooks.calls]


def row_of(window: Window, name: str) -> dict[str, Any]:
    window.access.accounts._settle(())
    found: dict[str, Any] = window.get(f"alerts/{name}")
    return found


def test_it_fires_once_and_is_over_once(window: Window, hooks: HookServer) -> None:
    """After as many minutes as it says; a moment above or below the threshold tells nobody anything."""
    with mail_server() as server:
        set_up(window, server)
        name, console, clock = add(window, hooks, mail=["ops@x.example"]), Console(window, "one"), window.desk.clock
        for number, minutes, told in (
            (2, 9, 0),  # not more than two
            (3, 4, 0), (2, 1, 0), (3, 4, 0),  # never for five minutes
            (3, 1, 1), (4, 30, 1), (5, 30, 1),  # it fires once
            (1, 4, 1), (3, 1, 1), (0, 5, 2), (0, 60, 2), (2, 60, 2),  # and is over once
            (6, 5, 3),
        ):  # fmt: skip
            failing(window, number)
            console.look()
            clock.advance(minutes * MINUTE_MS)
            console.look()
            console.look()
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
    assert "more than 2 records of any sync fail for 5 minutes" in mail.get_content()
    everything = b"".join(body for _, body in hooks.calls).decode() + "".join(one.as_string() for one in server.mails)
    for value in ("Anna", "Rossi", "ann@x.example", SECRET):
        assert value not in everything
    shown = row_of(window, name)
    assert (shown["state"], shown["standing"][0]["number"]) == ("firing", 6)
    assert {(one["to"], one["state"]) for one in shown["standing"][0]["deliveries"]} == {
        ("webhook", "sent"), ("ops@x.example", "sent"),
    }  # fmt: skip


def test_two_consoles_tell_once_and_a_dead_one_loses_nothing(
    window: Window, hooks: HookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(window, hooks, minutes=1)
    one, two, clock = Console(window, "one"), Console(window, "two"), window.desk.clock
    failing(window, 3)
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


def test_a_console_that_dies_before_it_says_so_sends_the_same_message(window: Window, hooks: HookServer) -> None:
    """Under the same id, by which whoever takes it knows it again."""
    add(window, hooks, minutes=0)
    one, two = Console(window, "one"), Console(window, "two")
    failing(window, 3)
    send = one.teller.hook

    def sends_and_dies(call: HookCall) -> None:
        send(call)
        raise KeyboardInterrupt

    one.teller.hook = sends_and_dies
    with pytest.raises(KeyboardInterrupt):
        one.look()
    window.desk.clock.advance(LEASE_MS)
    two.look()
    ids = [headers["webhook-id"] for headers, _ in hooks.calls]
    assert (len(ids), len(set(ids))) == (2, 1)


def test_nothing_is_sent_again_while_kafka_is_away(window: Window, hooks: HookServer) -> None:
    add(window, hooks, minutes=0)
    console = Console(window, "one")
    failing(window, 3)
    console.followed.settle()
    send = console.teller.hook

    def sends_as_kafka_goes(call: HookCall) -> None:
        send(call)
        window.desk.broker.available = False

    console.teller.hook = sends_as_kafka_goes
    for _ in range(3):
        with pytest.raises(BusUnavailable):
            console.watch.look()
    window.desk.broker.available = True
    for _ in range(2):
        console.look()
    assert types(hooks) == ["alert.firing"]


def test_what_is_not_taken_is_sent_again_and_given_up_at_last(window: Window, hooks: HookServer) -> None:
    name, console, clock = add(window, hooks, minutes=0), Console(window, "one"), window.desk.clock
    failing(window, 3)
    hooks.status = 500
    for attempt, wait in enumerate((*AGAIN_MS, 0), 1):
        console.look()
        console.look()
        (told,) = row_of(window, name)["standing"][0]["deliveries"]
        assert (told["attempts"], len(hooks.calls)) == (attempt, attempt)
        assert told["error"].endswith("answered 500")
        clock.advance(max(wait - 1, 0))
        console.look()
        assert len(hooks.calls) == attempt
        clock.advance(1)
    clock.advance(30 * AGAIN_MS[-1])
    console.look()
    assert len(hooks.calls) == len(AGAIN_MS) + 1
    page = visitor_as(window, "admin").open(f"/settings/alerts/{name}")
    assert "Given up" in page.words
    assert "answered 500" in page.words
    hooks.status = 204
    failing(window, 0)
    console.look()
    assert types(hooks)[-1] == "alert.resolved", "that it is over is told all the same"


def test_where_views_are_not_whole_nobody_judges(window: Window, hooks: HookServer) -> None:
    """What is counted too low would be over, and fire again."""
    add(window, hooks, minutes=0)
    console = Console(window, "one")
    failing(window, 3)
    console.look()
    window.ready = False
    failing(window, 0)
    console.look()
    assert types(hooks) == ["alert.firing"]
    window.ready = True
    console.look()
    assert types(hooks) == ["alert.firing", "alert.resolved"]


def test_a_removed_alert_tells_nothing_and_is_forgotten(window: Window, hooks: HookServer) -> None:
    name, console = add(window, hooks, minutes=0), Console(window, "one")
    failing(window, 3)
    hooks.status = 500
    console.look()
    other = add(window, hooks, minutes=60)
    window.access.accounts._settle(())
    window.access.alerts.remove(name)
    window.desk.clock.advance(AGAIN_MS[0])
    console.look()
    console.look()
    assert len(hooks.calls) == 1
    window.access.accounts._settle(())
    assert {row.alert for row in window.access.accounts.people.standings()} == {other}


# A sync that is switched off


def is_on(window: Window) -> bool:
    sync = window.desk.setups.sync("people")
    assert sync is not None
    return sync.enabled


def switched_on(window: Window) -> None:
    """Have somebody apply a file that has the sync on."""
    old = window.desk.setups.sync("people")
    assert old is not None
    on = old.model_copy(update={"enabled": True, "version": old.version + 1})
    window.desk.set_up("sync", SetupDoc(sync=on), "people")


def test_an_alert_switches_a_sync_off_once_and_never_on(window: Window, hooks: HookServer) -> None:
    """It says so in its messages and in the log; whoever switches it on again while the alert fires is left alone."""
    with mail_server() as server:
        set_up(window, server)
        name = add(window, hooks, mail=["ops@x.example"], minutes=0, pause=True)
        console = Console(window, "one")
        failing(window, 2)
        console.look()
        assert is_on(window)
        failing(window, 3)
        console.look()
        assert not is_on(window)
        (call,) = hooks.calls
        told = json.loads(call[1])
        assert (told["text"], told["data"]["paused"]) == ("3 records fail in the sync people; it is off now", True)
        assert "stays off until somebody switches it on" in server.mails[0].get_content()
        rows = [
            row.message for row in window.stored(topics.ACTIVITY) if row.message and row.message.about == "sync:people"
        ]
        assert [(row.who, row.via, row.what, row.note) for row in rows] == [
            ("People fail (alert)", "process", "setup.changed", "enabled: true -> false"),
        ]  # fmt: skip
        (job,) = [row.message.job for row in window.stored(topics.JOBS) if row.message and row.message.job]
        assert (job.kind, job.sync, job.statuses) == ("resync", "people", ("pending",))
        assert row_of(window, name)["standing"][0]["paused"] is True
        assert (
            "This alert has switched the sync off."
            in visitor_as(window, "admin").open(f"/settings/alerts/{name}").words
        )
        switched_on(window)
        failing(window, 5)
        console.look()
        assert is_on(window), "it is switched off once for what goes wrong once"
        failing(window, 0)
        console.look()
        assert json.loads(hooks.calls[-1][1])["text"] == "Resolved: 0 records fail in the sync people"
        failing(window, 4)
        console.look()
        assert not is_on(window)
        failing(window, 0)
        console.look()
        assert not is_on(window), "nobody has switched it on"
    assert types(hooks) == ["alert.firing", "alert.resolved"] * 2


def test_a_sync_is_switched_off_before_anybody_is_told_so(window: Window, hooks: HookServer) -> None:
    """Somebody else changes the sync at the same moment; and a console dies in between: the other one goes on."""
    name = add(window, hooks, minutes=0, pause=True)
    one, two = Console(window, "one"), Console(window, "two")
    off, tries = one.off, list[str]()
    failing(window, 3)

    def too_late(sync: str) -> bool:
        tries.append(sync)
        return False

    one.off = too_late
    one.look()
    assert (tries, hooks.calls) == (["people"], [])

    def dies(sync: str) -> bool:
        assert off(sync)
        raise KeyboardInterrupt

    one.off = dies
    with pytest.raises(KeyboardInterrupt):
        one.look()
    assert hooks.calls == []
    window.desk.clock.advance(LEASE_MS)
    two.look()
    assert [json.loads(body)["data"]["paused"] for _, body in hooks.calls] == [True]
    versions = [row.message.sync.version for row in window.stored(topics.SETUPS) if row.message and row.message.sync]
    assert versions.count(max(versions)) == 1, "the other console finds it off"
    window.access.accounts._settle(())
    window.access.alerts.remove(name)


def test_an_alert_that_no_longer_wants_it_switches_nothing_off(window: Window, hooks: HookServer) -> None:
    name, console = add(window, hooks, minutes=0, pause=True), Console(window, "one")
    failing(window, 3)
    console.off = lambda _: False
    console.look()
    given = {"name": "People fail", "kind": "failing", "over": 2, "minutes": 0, "url": hooks.address}
    window.access.accounts._settle(())
    window.access.alerts.change(name, Wanted.model_validate(given))
    console.off = partial(switch, window.installation.connections._service, on=False)
    console.look()
    assert is_on(window)
    assert [json.loads(body)["data"]["paused"] for _, body in hooks.calls] == [False]


# What is watched


def parked(number: int) -> list[Parked]:
    return [
        Parked(topic="records", partition=0, offset=one, key=f"hub/contact/{one}", raw_base64="", reason="x", at_ms=1)
        for one in range(number)
    ]


def behind(window: Window, minutes: int) -> None:
    from shared.io.envelope import Stored  # noqa: PLC0415 - of this alone

    cursor = Cursor(
        connection="hub", object="contact", feed="changed", cursor="c", interval_s=5.0,
        complete_to_ms=window.desk.clock.now_ms() - minutes * MINUTE_MS,
    )  # fmt: skip
    row = Stored(partition=0, offset=0, key="hub/contact/changed", message=cursor, raw=b"", headers={})
    window.views.take(topics.CURSORS.name, [row], {})


def stopped(window: Window) -> None:
    job = window.ask("again", sync="people").json()["id"]
    window.follow()
    told = JobProgress(job=job, phase="failed", error="Anna Rossi cannot be read", at_ms=1)
    window.desk.set_job("progress", JobDoc(progress=told), job)


def test_each_kind_watches_what_it_says(window: Window, hooks: HookServer) -> None:
    for kind, about, over in (
        ("failing", "sync/other", 0), ("paused", "", 0), ("stopped", "sync/people", 0), ("late", "connection/hub", 10),
        ("parked", "", 1),
    ):  # fmt: skip
        add(window, hooks, name=kind, kind=kind, about=about, over=over, minutes=0)
    console = Console(window, "one")
    failing(window, 6)
    window.park(*parked(1))
    behind(window, 10)
    console.look()
    assert hooks.calls == []
    window.park(*parked(2))
    behind(window, 11)
    stopped(window)
    window.paused["book"] = Paused(code="auth_expired", message="Anna Rossi's token has ended", again_ms=1)
    console.look()
    told = {json.loads(body)["data"]["about"]: json.loads(body)["text"] for _, body in hooks.calls}
    assert told == {
        "connection/book": "The account book is paused: Sign-in expired",
        "connection/hub": "Changes of the account hub are 11 minutes late",
        "sync/people": "The last resync of people failed",
        "everything": "3 messages are parked",
    }
    assert b"Anna" not in b"".join(body for _, body in hooks.calls)
    window.paused["hub"] = Paused(code="auth_expired", message="", again_ms=1)
    behind(window, 90)
    console.look()
    assert [json.loads(body)["data"]["about"] for _, body in hooks.calls[4:]] == ["connection/hub"], (
        "of a paused account nobody knows how late it is"
    )


# Set up by page, API and command


def test_the_page_adds_changes_tries_and_removes_one(window: Window, hooks: HookServer) -> None:
    admin = visitor_as(window, "admin")
    form = admin.open("/settings/alerts").form("/settings/alerts")
    assert admin.send(form, name="Accounts", kind="paused", mail="a@x.example", pause="on").status_code == 422
    refused = admin.send(form, name="Accounts", kind="paused", mail="", over="")
    assert (refused.status_code, "Write whom to tell" in refused.text) == (422, True)
    assert admin.send(form, name="Accounts", kind="paused", mail="nobody").status_code == 422
    assert admin.send(form, name="Accounts", kind="paused", mail="a@x.example", minutes="soon").status_code == 422
    answer = admin.send(
        form, name="Accounts", kind="paused", about="connection/hub", minutes="7", url=hooks.address, secret=SECRET,
        mail="ops@x.example\nann@x.example",
    )  # fmt: skip
    place = answer.headers["Location"].partition("?")[0]
    page = admin.open(place)
    assert "Nothing that this alert watches has been wrong yet" in page.words
    assert page.form(place).fields["minutes"] == "7"
    assert 'name="pause"' not in page.text, "only failing records can have a sync switched off"
    untold = admin.send(page.form(f"{place}/test"))
    assert untold.status_code == 409
    assert "ops@x.example: no mail server is set up; ann@x.example: no mail server is set up." in untold.text
    assert types(hooks) == ["alert.test"]
    assert admin.send(page.form(place), mail="").headers["Location"].startswith(f"{place}?done=changed")
    answer = admin.send(page.form(f"{place}/test"))
    assert answer.headers["Location"].startswith(f"{place}?done=tested")
    assert all("webhook-signature" in headers for headers, _ in hooks.calls), "the secret stays where none is written"
    assert "Accounts" in admin.open("/settings/alerts").words
    admin.send(admin.open(place).form(f"{place}/remove"))
    assert admin.ask(place).status_code == 404
    raw = b"".join(row.raw or b"" for topic in (topics.ACCESS, topics.ACTIVITY) for row in window.stored(topic))
    assert SECRET.encode() not in raw
    told = [row.message for row in window.stored(topics.ACTIVITY) if row.message is not None]
    assert [one.what for one in told if one.about.startswith("alert:")] == [
        "alert.added", "alert.changed", "alert.removed",
    ]  # fmt: skip
    assert "/hook" not in "".join(one.model_dump_json() for one in told), "who has a webhook's address may call it"
    answer = admin.send(form, name="Off", kind="failing", mail="a@x.example", pause="on")
    other = answer.headers["Location"].partition("?")[0]
    assert admin.open(other).form(other).fields["pause"] == "on"
    admin.send(admin.open(other).form(other), mail="a@x.example", pause="")
    assert "pause" not in admin.open(other).form(other).fields


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"name": " "}, "name"),
        ({"about": "connection/hub"}, "about"),
        ({"about": "sync/"}, "about"),
        ({"kind": "parked", "about": "sync/people"}, "about"),
        ({"mail": ["ann@x.example\r\nBcc: eve@x.example"]}, "mail"),
        ({"mail": []}, "mail"),
        ({"kind": "stopped", "pause": True}, "pause"),
        ({"url": "ftp://x.example"}, "url"),
        ({"url": "https://ann:word@x.example"}, "url"),
        ({"url": "https://[x"}, "url"),
        ({"url": "https://x.example", "secret": "short"}, "secret"),
        ({"url": "https://x.example", "secret": "whsec_nothing that is base64"}, "secret"),
    ],
)
def test_what_cannot_be_right_is_refused_at_its_field(window: Window, changes: dict[str, Any], name: str) -> None:
    with pytest.raises(Refused) as caught:
        add(window, **changes)
    assert list(caught.value.fields) == [name]


def test_the_api_keeps_the_secret_to_itself(window: Window) -> None:
    given = {"name": "A", "kind": "parked", "url": "https://127.0.0.2/hook", "secret": SECRET}
    made = window.call("POST", "alerts", json=given)
    assert (made.status_code, made.json()["has_secret"], SECRET in made.text) == (201, True, False)
    name = made.json()["id"]
    assert [row["id"] for row in window.get("alerts")["alerts"]] == [name]
    kept = window.call("PUT", f"alerts/{name}", json={**given, "secret": None, "over": 5}).json()
    assert (kept["has_secret"], kept["over"]) == (True, 5)
    assert window.call("PUT", f"alerts/{name}", json={**given, "secret": ""}).json()["has_secret"] is False
    assert window.call("PUT", f"alerts/{name}", json={**given, "kind": "late"}).status_code == 422
    assert window.call("PUT", f"alerts/{name}", json={**given, "pause": 0}).status_code == 422, "a number is no flag"
    assert "does not lead to a public address" in is_problem(window.call("POST", f"alerts/{name}/test"), 409)
    for _ in range(MOST - 1):
        add(window)
    assert "remove one first" in is_problem(window.call("POST", "alerts", json=given), 409)
    assert window.call("DELETE", f"alerts/{name}").status_code == 204
    assert window.call("DELETE", f"alerts/{name}").status_code == 404


def test_the_command_does_the_same(window: Window, hooks: HookServer, tmp_path: Any) -> None:
    alerts, file = window.access.alerts, tmp_path / "alert.yaml"

    def told(*words: str) -> str:
        return "\n".join(row.text for row in run(alerts, parser().parse_args(["alerts", *words])))

    assert told() == "there are no alerts"
    given = {"name": "Late", "kind": "late", "about": "connection/hub", "over": 10, "minutes": 0, "url": hooks.address}
    file.write_text(yaml.safe_dump({**given, "secret": SECRET}))
    name = told("add", str(file)).partition(":")[0]
    assert told("list") == f"{name}  Late  fine  changes of the account hub are more than 10 min late"
    shown = yaml.safe_load(told("show", name))
    assert {**shown} == {**given}
    file.write_text(yaml.safe_dump({**shown, "over": 20}))
    assert told("change", name, str(file)) == f"{name}: changed"
    assert told("test", name) == "all whom the alert tells were told"
    assert "webhook-signature" in hooks.calls[0][0]
    file.write_text(yaml.safe_dump({**given, "kind": "failing", "about": "sync/people", "pause": True}))
    other = told("add", str(file)).partition(":")[0]
    assert "more than 10 records of the sync people fail; the sync is switched off then" in told("list")
    assert yaml.safe_load(told("show", other))["pause"] is True
    assert told("remove", other) == f"{other}: removed"
    assert told("remove", name) == f"{name}: removed"
    with pytest.raises(Problem, match="There is no alert"):
        told("show", name)


def test_mail_that_is_not_set_up_is_told_at_the_alert(window: Window) -> None:
    name, console = add(window, minutes=0), Console(window, "one")
    failing(window, 3)
    console.look()
    (told,) = row_of(window, name)["standing"][0]["deliveries"]
    assert told["error"] == "no mail server is set up"
    set_up(window, MailServer(port=1))
    assert "no mail server is set up" in visitor_as(window, "admin").open("/settings/alerts").words

"""An alert switches off the sync for which it fires, once, and nobody but a person switches it on."""

import json
from functools import partial

import pytest

from services.console.alerts.watching import LEASE_MS
from services.console.use.administration.alerts import Wanted
from services.console.use.syncs import switch
from shared.wire import topics
from shared.wire.messages import SetupDoc
from tests.console.web.alerting import AlertingConsole, add, failing, row_of, types
from tests.console.web.test_mail import set_up
from tests.console.web.test_roles import client_as
from tests.hook_server import HookServer
from tests.mail_server import mail_server
from tests.services.console.harness import ConsoleHarness


def is_on(console: ConsoleHarness) -> bool:
    sync = console.env.setups.sync("people")
    assert sync is not None
    return sync.enabled


def switched_on(console: ConsoleHarness) -> None:
    """Have somebody apply a file that has the sync on."""
    old = console.env.setups.sync("people")
    assert old is not None
    on = old.model_copy(update={"enabled": True, "version": old.version + 1})
    console.env.set_up("sync", SetupDoc(sync=on), "people")


def test_an_alert_switches_a_sync_off_once_and_never_on(console: ConsoleHarness, hooks: HookServer) -> None:
    """It says so in its messages and in the log; whoever switches it on again while the alert fires is left alone."""
    with mail_server() as server:
        set_up(console, server)
        name = add(console, hooks, mail=["ops@x.example"], minutes=0, pause=True)
        watcher = AlertingConsole(console, "one")
        failing(console, 2)
        watcher.look()
        assert is_on(console)
        failing(console, 3)
        watcher.look()
        assert not is_on(console)
        (call,) = hooks.calls
        told = json.loads(call[1])
        assert (told["text"], told["data"]["paused"]) == ("3 records fail in the sync people; it is off now", True)
        assert "stays off until somebody switches it on" in server.mails[0].get_content()
        rows = [
            row.message for row in console.stored(topics.ACTIVITY) if row.message and row.message.about == "sync:people"
        ]
        assert [(row.who, row.via, row.what, row.note) for row in rows] == [
            ("People fail (alert)", "process", "setup.changed", "enabled: true -> false"),
        ]  # fmt: skip
        (job,) = [row.message.job for row in console.stored(topics.JOBS) if row.message and row.message.job]
        assert (job.kind, job.sync, job.statuses) == ("resync", "people", ("pending",))
        assert row_of(console, name)["standing"][0]["paused"] is True
        assert (
            "This alert has switched the sync off."
            in client_as(console, "admin").open(f"/settings/alerts/{name}").words
        )
        switched_on(console)
        failing(console, 5)
        watcher.look()
        assert is_on(console), "it is switched off once for what goes wrong once"
        failing(console, 0)
        watcher.look()
        assert json.loads(hooks.calls[-1][1])["text"] == "Resolved: 0 records fail in the sync people"
        failing(console, 4)
        watcher.look()
        assert not is_on(console)
        failing(console, 0)
        watcher.look()
        assert not is_on(console), "nobody has switched it on"
    assert types(hooks) == ["alert.firing", "alert.resolved"] * 2


def test_a_sync_is_switched_off_before_anybody_is_told_so(console: ConsoleHarness, hooks: HookServer) -> None:
    """Somebody else changes the sync at the same moment; and a console dies in between: the other one goes on."""
    name = add(console, hooks, minutes=0, pause=True)
    one, two = AlertingConsole(console, "one"), AlertingConsole(console, "two")
    off, tries = one.off, list[str]()
    failing(console, 3)

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
    console.env.clock.advance(LEASE_MS)
    two.look()
    assert [json.loads(body)["data"]["paused"] for _, body in hooks.calls] == [True]
    versions = [row.message.sync.version for row in console.stored(topics.SETUPS) if row.message and row.message.sync]
    assert versions.count(max(versions)) == 1, "the other console finds it off"
    console.access.accounts._settle(())
    console.access.alerts.remove(name)


def test_an_alert_that_no_longer_wants_it_switches_nothing_off(console: ConsoleHarness, hooks: HookServer) -> None:
    name, watcher = add(console, hooks, minutes=0, pause=True), AlertingConsole(console, "one")
    failing(console, 3)
    watcher.off = lambda _: False
    watcher.look()
    given = {"name": "People fail", "kind": "failing", "over": 2, "minutes": 0, "url": hooks.address}
    console.access.accounts._settle(())
    console.access.alerts.change(name, Wanted.model_validate(given))
    watcher.off = partial(switch, console.installation.connections._service, on=False)
    watcher.look()
    assert is_on(console)
    assert [json.loads(body)["data"]["paused"] for _, body in hooks.calls] == [False]

"""An alert switches off the sync for which it fires, once, and nobody but a person switches it on."""

import json
from functools import partial

import pytest

from services.console.alerts.watching import LEASE_MS
from services.console.use.alerts import Wanted
from services.console.use.syncs import switch
from shared import topics
from shared.messages import SetupDoc
from tests.console.web.alerting import Console, add, failing, row_of, types
from tests.console.web.test_mail import set_up
from tests.console.web.test_roles import visitor_as
from tests.hook_server import HookServer
from tests.mail_server import mail_server
from tests.services.console.window import Window


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

"""Consoles that watch for alerts, and what there is for them to see."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from services.console.alerts.telling import Teller
from services.console.alerts.watching import AlertWatch
from services.console.use.administration.alerts import Wanted
from services.console.use.administration.mailing import Mailing
from services.console.use.administration.users import Accounts
from services.console.use.syncs import switch
from tests.hook_server import HookServer
from tests.services.console.files import POST
from tests.services.console.harness import ConsoleHarness, FollowedPeople, linked

MINUTE_MS = 60_000
SECRET = "a long random text"


SwitchOff: TypeAlias = Callable[[str], bool]


class AlertingConsole:
    """One of several consoles: it reads the topic by itself, and shares the lease."""

    def __init__(self, console: ConsoleHarness, name: str) -> None:
        self.followed, shared = FollowedPeople(console.env), console.access
        accounts = Accounts(
            console.installation, self.followed.people, shared.accounts._passwords, shared.accounts.once,
            self.followed.settle,
        )  # fmt: skip
        beside = shared.alerts.teller
        self.teller = Teller(Mailing(accounts, beside.vault, POST), beside.vault, beside.hook)
        self.off: SwitchOff = partial(switch, console.installation.connections._service, on=False)
        self.watch = AlertWatch(
            console.installation, self.teller, accounts.once, ready=lambda: console.ready, name=name,
            switch_off=self._switch_off,
        )  # fmt: skip

    def _switch_off(self, sync: str) -> bool:
        return self.off(sync)

    def look(self) -> None:
        """Read what was published, and look."""
        self.followed.settle()
        self.watch.look()


def failing(console: ConsoleHarness, number: int) -> None:
    """Show six records, so many of which fail."""
    console.show(*(
        linked(f"p{one}", label="Anna Rossi", **({"status": "failing", "reason": "too_long"} if one < number else {}))
        for one in range(6)
    ))  # fmt: skip


def add(console: ConsoleHarness, hooks: HookServer | None = None, **more: Any) -> str:
    given: dict[str, Any] = {"name": "People fail", "kind": "failing", "over": 2, "minutes": 5}
    given |= {"url": hooks.address, "secret": SECRET} if hooks else {"mail": ["ops@x.example"]}
    return console.access.alerts.add(Wanted.model_validate({**given, **more})).id


def types(hooks: HookServer) -> list[str]:
    return [json.loads(body)["type"] for _, body in hooks.calls]


def row_of(console: ConsoleHarness, name: str) -> dict[str, Any]:
    console.access.accounts._settle(())
    found: dict[str, Any] = console.get(f"alerts/{name}")
    return found

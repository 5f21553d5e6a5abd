"""Consoles that watch for alerts, and what there is for them to see."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from services.console.alerts.telling import Teller
from services.console.alerts.watching import AlertWatch
from services.console.use.accounts import Accounts
from services.console.use.alerts import Wanted
from services.console.use.mailing import Mailing
from services.console.use.syncs import switch
from tests.hook_server import HookServer
from tests.services.console.files import POST
from tests.services.console.window import FollowedPeople, Window, linked

MINUTE_MS = 60_000
SECRET = "a long random text"


SwitchOff: TypeAlias = Callable[[str], bool]


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
        self.off: SwitchOff = partial(switch, window.installation.connections._service, on=False)
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

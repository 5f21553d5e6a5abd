"""Everything the simulator knows: accounts, apps and tokens, built anew from the journal at start."""

import random
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deploy.local.hubspot.account import Account
from deploy.local.hubspot.events.journal import Journal
from deploy.local.hubspot.objects.catalogue import OBJECT_TYPES
from deploy.local.hubspot.settings import Settings

ALL_SCOPES = tuple(
    dict.fromkeys(
        (
            "oauth",
            *(scope for kind in OBJECT_TYPES for scope in (kind.read_scope, kind.write_scope)),
            *(
                f"crm.schemas.{name}.{verb}"
                for name in ("contacts", "companies", "deals")
                for verb in ("read", "write")
            ),
            "crm.objects.owners.read",
            *(f"crm.{what}.custom.{verb}" for what in ("objects", "schemas") for verb in ("read", "write")),
        )
    )
)
"""What a private app may do unless told otherwise."""


@dataclass(slots=True, kw_only=True)
class App:
    """One app: private to an account, or public and installed by consent."""

    app_id: int
    client_id: str
    client_secret: str
    name: str = "Syncline"
    private: bool = False
    redirect_uris: list[str] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)
    """What a public app asks for; consent may not go beyond."""


@dataclass(slots=True, kw_only=True)
class Grant:
    """A token, or a code on its way to become one."""

    token: str
    kind: str
    """`access`, `refresh` or `code`."""
    portal_id: int
    app_id: int
    scopes: list[str]
    user_id: int = 0
    user: str = ""
    expires_ms: int = 0
    """Epoch ms; 0 = never."""
    redirect_uri: str = ""
    """Of a code: the address that must be named again when it is redeemed."""


class World:
    """The state of one simulator.

    Args:
        clock: returns the time as epoch milliseconds.
        seed: of ids and of what is drawn.
        folder: where the journal lives; None keeps everything in memory alone.
    """

    def __init__(self, *, clock: Callable[[], int], seed: int = 0, folder: Path | None = None) -> None:
        self.clock = clock
        self.journal = Journal(folder)
        self.accounts: dict[int, Account] = {}
        self.apps: dict[int, App] = {}
        self.grants: dict[str, Grant] = {}
        self.token_calls: list[dict[str, Any]] = []
        """What the token endpoint was asked: when, by which app, with what kind of grant, and how it answered."""
        self._random = random.Random(seed)  # noqa: S311 - ids of a simulator guard nothing
        self._calls = 0
        for line in self.journal.lines():
            self._replay(line)
        if self._calls:
            # Ids drawn before the restart must not be drawn again.
            self._random.seed(f"{seed}/{self._calls}")

    def new_id(self) -> str:
        """Return a UUID for a correlation id or a request id."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def add_account(self, portal_id: int, **settings: Any) -> Account:
        """Create an account; `settings` are fields of `Settings`.

        Raises:
            ValueError: the account exists, or a setting is unknown.
        """
        if portal_id in self.accounts:
            raise ValueError(f"account {portal_id} exists already")
        account = Account(portal_id, _settings(settings), self.journal)
        self.accounts[portal_id] = account
        self.save()
        return account

    def change_settings(self, account: Account, changes: dict[str, Any]) -> None:
        """Change settings of an account."""
        account.use(_settings({**asdict(account.settings), **changes}))
        self.save()

    def add_private_app(
        self,
        portal_id: int,
        token: str,
        *,
        scopes: list[str] | None = None,
        app_id: int = 0,
        client_secret: str = "",
    ) -> App:
        """Create a private app of an account with its fixed token."""
        number = app_id or 2_000_000 + len(self.apps) + 1
        app = App(
            app_id=number,
            client_id=f"private-{number}",
            client_secret=client_secret or new_secret(),
            private=True,
            scopes=list(ALL_SCOPES) if scopes is None else scopes,
        )
        self.apps[number] = app
        self.grants[token] = Grant(
            token=token, kind="access", portal_id=portal_id, app_id=number, scopes=app.scopes, user_id=1
        )
        self.save()
        return app

    def add_public_app(self, **fields: Any) -> App:
        """Create an app that accounts install by OAuth; `fields` are those of `App`."""
        number = fields.pop("app_id", 0) or 1_000_000 + len(self.apps) + 1
        app = App(app_id=number, **{"client_id": self.new_id(), "client_secret": new_secret(), **fields})
        self.apps[number] = app
        self.save()
        return app

    def grant(self, **fields: Any) -> Grant:
        """Issue a token or a code."""
        now = self.clock()
        for old in [g for g in self.grants.values() if g.expires_ms and g.expires_ms < now - 3_600_000]:
            del self.grants[old.token]
        grant = Grant(token=new_secret(), **fields)
        self.grants[grant.token] = grant
        self.save()
        return grant

    def save(self) -> None:
        """Write down accounts, apps and tokens; records have lines of their own."""
        self._calls += 1
        self.journal.add(
            {
                "k": "config",
                "apps": [asdict(app) for app in self.apps.values()],
                "grants": [asdict(grant) for grant in self.grants.values()],
                "accounts": [account.config() for account in self.accounts.values()],
            }
        )

    def _replay(self, line: dict[str, Any]) -> None:
        self._calls += 1
        kind = line.pop("k")
        if kind == "config":
            self._replay_config(line)
            return
        account = self.accounts[line.pop("p")]
        if kind == "w":
            account.replay(line)
        elif kind == "queued":
            account.outbox.restore(line["events"])
        else:
            account.outbox.settle(line["uids"])

    def _replay_config(self, line: dict[str, Any]) -> None:
        self.apps = {app["app_id"]: App(**app) for app in line["apps"]}
        self.grants = {grant["token"]: Grant(**grant) for grant in line["grants"]}
        for config in line["accounts"]:
            account = self.accounts.get(config["portal_id"])
            if account is None:
                account = Account(config["portal_id"], _settings(config["settings"]), self.journal)
                self.accounts[account.portal_id] = account
            account.use(_settings(config["settings"]))
            account.restore_config(config)


def new_secret() -> str:
    """Return a secret of an app or a token: another one on each machine, whatever the seed."""
    return str(uuid.uuid4())


def _settings(values: dict[str, Any]) -> Settings:
    unknown = set(values) - set(Settings.__dataclass_fields__)
    if unknown:
        known = ", ".join(Settings.__dataclass_fields__)
        raise ValueError(f"unknown account setting {', '.join(sorted(unknown))}; known are {known}")
    return Settings(**values)

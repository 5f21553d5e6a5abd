"""What can be done with the accounts that are connected: look, rename, test, pause, resume, disconnect."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from services.console.setups import consent
from services.console.setups.accounts import deleting
from services.console.setups.accounts.deleting import Disconnected, left_behind
from services.console.setups.accounts.discovery import Apps
from services.console.setups.accounts.revoking import auth_of
from services.console.setups.files import SetupError
from services.console.setups.plans import Change
from services.console.setups.publishing import publish
from services.console.use.connections.agreeing import Agreeing
from services.console.use.connections.apps import AppCard, cards, offered
from services.console.use.connections.connecting import LONGEST_LABEL, Connecting, standing
from services.console.use.connections.objects import Objects
from services.console.use.problems import Problem
from services.console.use.syncs import Syncs
from services.console.use.versions import Standing, check_seen, is_seen, overtaken, version_of
from shared.config.accounts import account_name, is_account
from shared.contract.app import App
from shared.contract.calls import AppError, Exchange
from shared.io.calls.vault import Vault, VaultError
from shared.io.envelope import Stored
from shared.io.ports import BusUnavailable, NotReady, run_blocking
from shared.io.process.service import Service
from shared.io.redis.once import Once
from shared.model.syncs import Connection, Sync
from shared.settings import Settings
from shared.wire.messages import SetupDoc
from shared.wire.topics import Topic

Read: TypeAlias = Callable[[Topic[Any]], Iterable[Stored[Any]]]
_TRIES: Final = 3
_DRAFT: Final = "draft"
_TEST_S: Final = 15.0
"""How long a test may wait for the account's budget."""
_ASK_S: Final = 2.0
"""The same of a question."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What came of a test."""

    works: bool
    reason: str = ""
    """Why it does not work: a row of `shared.rules.errors`."""
    detail: str = ""
    account: str = ""
    """What the app calls the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """What disconnecting an account means."""

    used_by: tuple[str, ...]
    """Syncs that use it; it stays as long as there is one."""
    erased: tuple[str, ...]
    stays: tuple[str, ...]
    """What is left behind, in the app and here."""


class Connections:
    """The accounts of an installation.

    Args:
        service: The parts of this process.
        read: Reads a topic from its beginning to its end.
        once: Keeps what can be answered once.
        apps_with: Makes what calls apps with connections as they are given.
    """

    def __init__(
        self,
        service: Service,
        read: Read,
        once: Once,
        apps_with: Callable[[Service, Iterable[Connection]], Apps] = Apps,
    ) -> None:
        self._service = service
        self._read = read
        self._apps_with = apps_with
        self.connecting = Connecting(service)
        self.objects = Objects(service, apps_with)
        self.syncs = Syncs(service)
        self.agreeing = Agreeing(service, self.connecting, once)

    @property
    def settings(self) -> Settings:
        """Return the settings of this process."""
        return self._service.settings

    @property
    def apps(self) -> dict[str, App]:
        """Return the apps of this installation."""
        return offered(self._service.setups.apps, self._service.settings.apps)

    def catalogue(self, text: str = "") -> list[AppCard]:
        """Return the apps that can be connected; with a text, those that it fits."""
        return cards(self.apps.values(), text)

    def app(self, key: str) -> App:
        """Return an app; raises a problem when there is none."""
        return self.connecting.app(key)

    def of_app(self, key: str) -> list[Connection]:
        """Return the accounts of an app, by what people call them."""
        rows = [row for row in self._service.setups.connections() if row.app == key]
        return sorted(rows, key=lambda row: (row.label.casefold(), row.id))

    def find(self, name: str) -> Connection:
        """Return a connection; raises a problem when there is none."""
        found = next((row for row in self._service.setups.connections() if row.id == name), None)
        if found is None:
            raise Problem(404, "No such account", f"There is no connection {name!r}; it may have been disconnected.")
        return found

    def used_by(self, name: str) -> list[Sync]:
        """Return the syncs that use a connection."""
        ends = ((sync, {sync.left.connection, sync.right.connection}) for sync in self._service.setups.syncs())
        return [sync for sync, names in ends if name in names]

    def limited(self, row: Connection) -> tuple[str, ...]:
        """Return what a connection cannot do for want of permissions that nobody granted, in sentences."""
        app = self._service.setups.apps.get(row.app)
        if app is None or row.scopes is None:
            return ()
        # What only accounts with objects of their own need is asked for with such an object.
        _, liked = consent.missing(consent.scopes_for(app, ()), frozenset(row.scopes))
        return tuple(consent.limits(liked))

    # What waits in a page while somebody goes on

    def sealed(self, text: str, place: str) -> str:
        """Seal a text that only the same place can open."""
        try:
            return Vault.from_file(self._service.settings.key_file).seal(text, connection=place, name=_DRAFT)
        except VaultError as error:
            raise Problem(503, "Cannot be kept", str(error)) from error

    def opened(self, text: str, place: str) -> str:
        """Open it again."""
        try:
            return Vault.from_file(self._service.settings.key_file).open(text, connection=place, name=_DRAFT)
        except VaultError as error:
            raise Problem(
                410, "Begin again", "What was written before cannot be read any more: begin again."
            ) from error

    # Changing

    def rename(self, name: str, label: str) -> Connection:
        """Change what people call an account."""
        label = " ".join(label.split())
        if not label or len(label) > LONGEST_LABEL:
            raise Problem(422, "Not a name", f"Give the account a name of 1 to {LONGEST_LABEL} characters.")
        return self.change(name, standing, label=label)

    def pause(self, name: str) -> Connection:
        """Stop calling an account; its syncs wait, and lose nothing."""
        return self.change(name, standing, paused=True)

    def resume(self, name: str) -> Connection:
        """Go on with an account that was paused."""
        return self.change(name, standing, paused=False)

    def change(self, name: str, standing_of: Callable[[Connection], Standing], **changes: Any) -> Connection:
        """Change what people decide about an account; raises `Problem`.

        Args:
            name: Which account.
            standing_of: Returns how stands what is changed. Where somebody else was faster, and has changed something
                besides that, the change is made once more, if it says which version it is of.
            changes: What becomes what.
        """
        for _ in range(_TRIES):
            row = self.find(name)
            check_seen(standing_of(row))
            new = row.model_copy(update=changes)
            if new == row:
                return row
            told = tuple(f"{part}: {getattr(row, part)} -> {value}" for part, value in changes.items())
            done = self._publish(new, told)
            if done is not None:
                return done
            if not is_seen():
                break
        raise overtaken(standing_of(self.find(name)))

    def _publish(self, row: Connection, told: Sequence[str]) -> Connection | None:
        """Publish an account under its next version; returns None where somebody else was faster."""
        new = row.model_copy(update={"version": row.version + 1})
        change = Change(key=f"connection:{row.id}", doc=SetupDoc(connection=new), sign="~", details=tuple(told))
        try:
            return None if publish(self._service, [change]) else new
        except BusUnavailable as error:
            raise Problem(503, "Kafka is away", str(error), {"Retry-After": "1"}) from error

    # Asking

    def test(self, name: str) -> Tested:
        """Ask an account who it is."""
        row = self.find(name)
        app = self._service.setups.app_of(name)
        try:
            asked = row.model_copy(update={"paused": False})  # somebody wants to know before they resume it
            apps = self._apps_with(self._service, [asked])
            exchange = app.account(apps.setups.session(name))
            info = run_blocking(apps.caller.run(name, exchange, wait_s=_TEST_S))
        except AppError as error:
            return Tested(works=False, reason=error.code, detail=error.message)
        except (NotReady, BusUnavailable, VaultError) as error:
            raise Problem(503, "Cannot be tested now", str(error), {"Retry-After": "5"}) from error
        if row.account and not is_account(app, row, account_name(app, row.base_url, info.id), info):
            said = f"it leads to {info.name} now, and was made for {row.account}"
            return Tested(works=False, reason="permission_denied", detail=said, account=info.name)
        return Tested(works=True, account=info.name)

    def ask(self, name: str, exchange: Exchange[T]) -> T:
        """Ask an account something that nothing waits for, behind all other calls; raises as a `Caller` does."""
        apps = self._apps_with(self._service, [self.find(name)])
        return run_blocking(apps.caller.run(name, exchange, share="backfill", wait_s=_ASK_S))

    # Disconnecting

    def leaving(self, name: str) -> Leaving:
        """Return what disconnecting an account means, before anybody does it."""
        row = self.find(name)
        app = self._service.setups.apps.get(row.app)
        auth = auth_of(app, row) if app is not None else None
        revoked = (f"The sign-in is revoked at {app.title}.",) if app and auth and auth.revoke is not None else ()
        return Leaving(
            used_by=tuple(sync.id for sync in self.used_by(name)),
            erased=(*revoked, "What it signs in with, and where its feeds go on."),
            stays=(*left_behind(self._service.setups, name), "Records stay as they are, in all apps."),
        )

    def disconnect(self, name: str) -> Disconnected:
        """Revoke and forget an account that no sync uses; returns what was done, and what is left behind."""
        row = self.find(name)
        check_seen(standing(row))
        if is_seen() and not self.used_by(name) and self._publish(row, ()) is None:
            # A tombstone has no version: what stands is taken first, so that no change of it counts any more.
            raise overtaken(standing(self.find(name)))
        try:
            return deleting.disconnect(self._service, name, self._read, self._apps_with)
        except SetupError as error:
            raise Problem(409, "It is used", f"{str(error)[0].upper()}{str(error)[1:]}.") from error
        except BusUnavailable as error:
            raise Problem(503, "Kafka is away", str(error), {"Retry-After": "1"}) from error


def learning_standing(row: Connection) -> Standing:
    """Return how stands how an account's changes are learned."""
    shown = {"push": "push" if row.push else "poll", "interval": f"{row.poll_interval_s:g}"}
    return Standing(version_of(row.push, row.poll_interval_s), shown, f"connection:{row.id}")

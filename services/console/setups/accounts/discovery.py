"""Finds out what a plan needs to know: whose accounts the connections of a file lead to, and which fields they have."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from services.console.setups import planning
from services.console.setups.accounts.credentials import wanted_changes, with_followed
from services.console.setups.checks import syncs as checks
from services.console.setups.ends import Unasked
from services.console.setups.files import SetupError, SetupFile
from services.console.setups.own_objects import must_find
from services.console.setups.plans import Change, Current, Discovered, Fields
from services.console.setups.sealing import Sealed, seal
from shared.config.setups import Setups, UnknownSetup
from shared.contract.app import OwnObjects
from shared.contract.calls import AppError, Exchange
from shared.contract.people import People, people_of
from shared.contract.sign_in import AccountInfo
from shared.io.calls.caller import HttpCaller, make_caller
from shared.io.calls.vault import Vault
from shared.io.ports import run_blocking
from shared.io.process.service import Service
from shared.model.fields import FoundObject
from shared.model.records import FieldType
from shared.model.syncs import Connection
from shared.wire.messages import ObjectFound, SetupDoc

T = TypeVar("T")

_WAIT_S: Final = 15.0
"""How long an account that must be asked may make us wait."""
_PASSING: Final = ("busy", "outage")


class Apps:
    """Calls apps with connections as they will be, before anything is published of them."""

    def __init__(self, service: Service, rows: Iterable[Connection]) -> None:
        self.setups = Setups(service.setups.apps)
        for row in rows:
            self._set_up(f"connection:{row.id}", SetupDoc(connection=row))
        for place, known in service.setups.found().items():
            self._set_up(f"object:{place}", SetupDoc(object=known))
        self._known = {place: known.object for place, known in service.setups.found().items()}
        self.caller: HttpCaller = make_caller(
            service.settings, self.setups, service.metrics, service.clock, grants=service.grants, sleep=service.pause
        )

    def account(self, name: str, wait_s: float) -> AccountInfo | Unasked:
        """Ask whose account a connection leads to."""
        return self._ask(name, self.setups.app_of(name).account(self.setups.session(name)), wait_s)

    def _set_up(self, key: str, doc: SetupDoc) -> None:
        self.setups.apply(self.setups.offset + 1, key, doc)

    def objects(self, name: str, own: OwnObjects, wait_s: float) -> Sequence[FoundObject] | Unasked:
        """Ask which objects an account has of its own."""
        told = self._ask(name, own.find(self.setups.session(name)), wait_s)
        if isinstance(told, Unasked):
            return told
        found = [one.as_known(self._known.get(f"{name}/{one.name}")) for one in told]
        for one in found:
            self._set_up(f"object:{name}/{one.name}", SetupDoc(object=ObjectFound(connection=name, object=one)))
        return found

    def has(self, name: str, object_: str) -> bool:
        """Check whether a connection is known, and has an object."""
        try:
            self.setups.binding(name, object_)
        except UnknownSetup:
            return False
        return True

    def fields(self, name: str, object_: str, wait_s: float) -> Fields | Unasked:
        """Ask which fields an object type has."""
        found = self._ask(name, self.setups.binding(name, object_).discover(self.setups.session(name)), wait_s)
        return found if isinstance(found, Unasked) else {info.name: info for info in found}

    def people(self, name: str, wait_s: float) -> People | Unasked | None:
        """Ask who the people of a connection's app are; None where the app does not tell."""
        owners = self.setups.app_of(name).owners
        if owners is None:
            return None
        found = self._ask(name, owners(self.setups.session(name)), wait_s)
        return found if isinstance(found, Unasked) else people_of(name, found)

    def _ask(self, name: str, exchange: Exchange[T], wait_s: float) -> T | Unasked:
        try:
            return run_blocking(self.caller.run(name, exchange, wait_s=wait_s))
        except AppError as error:
            return Unasked(str(error), refused=error.retry not in _PASSING)


def discover(
    service: Service,
    current: Current,
    wanted: SetupFile,
    *,
    granted: Mapping[str, frozenset[str]] | None = None,
    adopt: Callable[[Apps], None] = lambda _apps: None,
) -> Discovered:
    """Seal the secrets of a file, and ask its apps; raises `VaultError`, `BusUnavailable` and `NotReady`.

    Args:
        service: The parts of this process.
        current: What is set up.
        wanted: The file.
        granted: What people have just agreed to, by connection.
        adopt: Called before anything is asked.
    """
    vault = Vault.from_file(service.settings.key_file)
    wanted = with_followed(vault, wanted, current.credentials, current.connections)
    sealed = {
        row.id: seal(vault, row, current.connections.get(row.id), (granted or {}).get(row.id))
        for row in wanted.connections
    }
    drafts = _drafts(current, wanted, sealed)
    must = {name for name, row in drafts.items() if planning.must_ask(row, current.connections.get(name), sealed[name])}
    # Whoever changes what a paused account signs in with wants to know whether it works.
    asked = {name: row.model_copy(update={"paused": False}) for name, row in drafts.items() if name in must}
    apps = Apps(service, {**current.connections, **drafts, **asked}.values())
    adopt(apps)
    accounts: dict[str, AccountInfo | Unasked] = {}
    for name in drafts:
        accounts[name] = apps.account(name, _WAIT_S if name in must else 0.0)
    objects = _objects(apps, current, wanted, accounts)
    fields = _fields(apps, current, wanted, accounts)
    return Discovered(
        sealed=sealed,
        accounts=accounts,
        credentials=_credentials(vault, current, wanted),
        objects=objects,
        fields=fields,
        people=_people(apps, wanted, fields),
        at_ms=service.clock.now_ms(),
    )


def _credentials(vault: Vault, current: Current, wanted: SetupFile) -> dict[str, tuple[Change, ...] | str]:
    found: dict[str, tuple[Change, ...] | str] = {}
    said = {row.id for row in wanted.connections}
    for one in wanted.credentials:
        app, old = current.apps.get(one.app), current.credentials.get(one.app)
        try:
            found[one.app] = wanted_changes(vault, app, one, old, current.connections.values(), said)
        except SetupError as error:
            found[one.app] = str(error)
    return found


def _drafts(current: Current, wanted: SetupFile, sealed: Mapping[str, Sealed]) -> dict[str, Connection]:
    """Return the connections of a file that can be asked; what is wrong with the others is for the plan to say."""
    found = {}
    for one in wanted.connections:
        try:
            row = planning.draft(current, one, sealed[one.id])
            checks.secrets(row, checks.connection(one, current.apps[row.app]))
        except SetupError:
            continue
        found[row.id] = row
    return found


def _fields(
    apps: Apps, current: Current, wanted: SetupFile, accounts: Mapping[str, AccountInfo | Unasked]
) -> dict[tuple[str, str], Fields | Unasked]:
    found: dict[tuple[str, str], Fields | Unasked] = {}
    for sync in wanted.syncs:
        if not planning.fields_needed(sync, current.syncs.get(sync.id)):
            continue
        for end in (sync.left, sync.right):
            place = end.connection, end.object
            if place in found or not apps.has(*place):
                continue
            account = accounts.get(end.connection)
            found[place] = account if isinstance(account, Unasked) else apps.fields(*place, _WAIT_S)
    return found


def _people(
    apps: Apps, wanted: SetupFile, fields: Mapping[tuple[str, str], Fields | Unasked]
) -> dict[str, People | Unasked]:
    """Ask for the people of both apps where the records of both have owners."""
    found: dict[str, People | Unasked] = {}
    for sync in wanted.syncs:
        ends = [(end.connection, end.object) for end in (sync.left, sync.right)]
        if not all(_has_owners(fields.get(end)) for end in ends):
            continue
        for name, _ in ends:
            told = found.get(name) or apps.people(name, _WAIT_S)
            if told is not None:
                found[name] = told
    return found


def _has_owners(fields: Fields | Unasked | None) -> bool:
    return isinstance(fields, Mapping) and any(info.type is FieldType.OWNER for info in fields.values())


def _objects(
    apps: Apps, current: Current, wanted: SetupFile, accounts: Mapping[str, AccountInfo | Unasked]
) -> dict[str, Sequence[FoundObject] | Unasked]:
    """Ask accounts for objects of their own, where a sync of the file names what their app does not declare."""
    found: dict[str, Sequence[FoundObject] | Unasked] = {}
    known = {row.id: apps.setups.app_of(row.id) for row in apps.setups.connections()}
    for sync in wanted.syncs:
        for end in (sync.left, sync.right):
            app = known.get(end.connection)
            own = app.own_objects if app is not None and end.object not in app.objects else None
            if own is None or end.connection in found or not must_find(sync, end, current):
                continue
            account = accounts.get(end.connection)
            found[end.connection] = (
                account if isinstance(account, Unasked) else apps.objects(end.connection, own, _WAIT_S)
            )
    return found

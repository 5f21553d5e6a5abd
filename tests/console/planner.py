"""Plans files out of values alone, and takes over what was planned."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from services.console.setups.ends import Unasked
from services.console.setups.files import SetupFile
from services.console.setups.planning import plan
from services.console.setups.plans import Current, Discovered, Fields, Plan
from services.console.setups.sealing import Sealed
from shared.apps import APPS
from shared.config.setups import Setups
from shared.contract.sign_in import AccountInfo
from shared.model.fields import FoundObject
from shared.wire.messages import ObjectFound, SetupDoc

if TYPE_CHECKING:
    from shared.contract.app import App
    from shared.contract.people import People
    from shared.model.syncs import Connection, Sync

BOOK: Final = "/ann/contacts/"
PAUSED: Final = Unasked("app_unavailable: the app did not answer lately", refused=False)


def crm(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "app": "hubspot", "base_url": "https://api.hubapi.com", "auth": "api_key", **more}


def book(name: str, host: str = "dav.example", **more: Any) -> dict[str, Any]:
    options = {"book": BOOK}
    return {"id": name, "app": "carddav", "base_url": f"https://{host}", "auth": "none", "options": options, **more}


def between(left: str, right: str, name: str = "people", object_: str = "contact", **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "left": {"connection": left, "object": object_},
        "right": {"connection": right, "object": object_},
        **more,
    }


class Planner:
    """Plans files, and takes over what was planned, as an `apply` would."""

    def __init__(self) -> None:
        self.connections: dict[str, Connection] = {}
        self.syncs: dict[str, Sync] = {}
        self.portals = {"one": "11", "two": "22", "three": "33"}
        self.zone, self.currency = "UTC", "CHF"
        self.people: dict[str, People | Unasked] = {}
        self.apps: Mapping[str, App] = APPS
        self.own: dict[str, tuple[FoundObject, ...]] = {}
        """Objects that accounts have of their own."""
        self.found: dict[str, ObjectFound] = {}
        self.away: dict[str, Unasked] = {}
        """Connections that do not answer."""

    def current(self) -> Current:
        return Current(
            apps=self.apps,
            connections=self.connections,
            syncs=self.syncs,
            live=frozenset(),
            asked=frozenset(self.syncs),
            failed=frozenset(),
            rotated=frozenset(),
            found=self.found,
        )

    def plan(self, *rows: dict[str, Any]) -> Plan:
        return self.plan_file(
            SetupFile.model_validate(
                {
                    "connections": [row for row in rows if "app" in row],
                    "syncs": [row for row in rows if "left" in row],
                }
            )
        )

    def plan_file(self, file: SetupFile) -> Plan:
        """Plan a file as it was read."""
        sealed = {}
        accounts: dict[str, AccountInfo | Unasked] = {}
        for row in file.connections:
            ways = [auth for auth in self.apps[row.app].auth if auth.kind == row.auth]
            secrets = {name: "sealed" for way in ways for name in way.secrets}
            entered = frozenset(secrets) if row.id not in self.connections else frozenset[str]()
            sealed[row.id] = Sealed(secrets=secrets, webhook_secret=None, entered=entered, scopes=None)
            path = row.options.get("book", "")
            info = AccountInfo(id=path, name="Team", formerly=(f"/ann/ {path}",)) if path else None
            accounts[row.id] = (
                self.away.get(row.id)
                or info
                or AccountInfo(id=self.portals[row.id], name="", zone=self.zone, currency=self.currency)
            )
        return plan(
            self.current(),
            file,
            Discovered(
                sealed=sealed,
                accounts=accounts,
                fields=self._fields(file),
                people=self.people,
                objects=self._own(),
                at_ms=5,
            ),
        )

    def _own(self) -> dict[str, Sequence[FoundObject] | Unasked]:
        return {name: self.away.get(name) or found for name, found in self.own.items()}

    def _fields(self, file: SetupFile) -> Mapping[tuple[str, str], Fields | Unasked]:
        apps = {row.id: row.app for row in (*file.connections, *self.connections.values())}
        return {
            (name, object_): self.away.get(name) or {info.name: info for info in fields}
            for name, app in apps.items()
            for object_, fields in (
                *((one, binding.fields) for one, binding in self.apps[app].objects.items()),
                *((one.name, one.fields) for one in self.own.get(name, ())),
            )
        }

    def apply(self, *rows: dict[str, Any]) -> Plan:
        found = self.plan(*rows)
        self.take(found)
        return found

    def take(self, found: Plan) -> None:
        """Take over what was planned."""
        assert (found.errors, found.unasked) == ((), ())
        for change in found.changes:
            if not isinstance(change.doc, SetupDoc):
                continue
            if change.doc.connection is not None:
                self.connections[change.doc.connection.id] = change.doc.connection
            if change.doc.object is not None:
                self.found[change.key.removeprefix("object:")] = change.doc.object
            if change.doc.sync is not None:
                self.syncs[change.doc.sync.id] = change.doc.sync

    def setups(self) -> Setups:
        """Return what is set up as services read it."""
        found = Setups(self.apps)
        docs = {f"connection:{row.id}": SetupDoc(connection=row) for row in self.connections.values()}
        docs |= {f"sync:{row.id}": SetupDoc(sync=row) for row in self.syncs.values()}
        for offset, (key, doc) in enumerate(docs.items()):
            found.apply(offset, key, doc)
        return found

    def refused(self, *rows: dict[str, Any]) -> str:
        errors = self.plan(*rows).errors
        assert len(errors) == 1, errors
        return errors[0]


def lines(found: Plan) -> list[str]:
    return [line for change in found.changes for line in change.lines()]

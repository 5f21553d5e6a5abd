"""The objects of an account: which it has, what is in the way of a sync of them, and which part their fields play.

Those that only one account has are asked for; the answer counts for a minute, so that looking costs few calls.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from services.console.setups import consent
from services.console.setups.accounts.discovery import Apps
from services.console.setups.ends import Unasked
from services.console.use.connections.apps import object_title
from services.console.use.problems import Problem
from shared.contract.app import App, Binding, OwnObjects
from shared.contract.calls import AppError, Exchange
from shared.io.calls.vault import VaultError
from shared.io.ports import BusUnavailable, NotReady, run_blocking
from shared.io.process.service import Service
from shared.model.fields import FieldInfo, FoundObject
from shared.model.records import LEFT, RIGHT
from shared.model.syncs import Connection, Sync, SyncSide
from shared.model.wording import capital, ways_of
from shared.objects import OBJECTS
from shared.objects.roles import playing

T = TypeVar("T")

FRESH_MS: Final = 60_000
"""For how long an answer of an account counts."""
_WAIT_S: Final = 5.0
_UNRECOGNISED: Final = (
    "Syncline does not know by which field two of its records are the same. The sync says so: by `match`, or by the "
    "`type` of record that this is and the `roles` of its fields."
)


@dataclass(frozen=True, slots=True)
class _Told:
    """What an account answered, and when."""

    found: tuple[Any, ...] | Unasked
    at_ms: int


@dataclass(frozen=True, slots=True)
class _Objects:
    """The objects of an account, as far as they are known."""

    bindings: Mapping[str, Binding]
    own: Mapping[str, FoundObject]
    """Those of its own, also those that it has no longer."""
    gone: Mapping[str, str]
    """Those that the account has no longer, with the reason."""
    told: _Told


class Objects:
    """Looks at the objects of accounts.

    Args:
        service: The parts of this process.
        apps_with: Makes what calls apps with connections as they are given.
    """

    def __init__(self, service: Service, apps_with: Callable[[Service, Iterable[Connection]], Apps]) -> None:
        self._service = service
        self._apps_with = apps_with
        self._answers: dict[tuple[str, int, str], _Told] = {}

    def listed(self, row: Connection) -> dict[str, Any]:
        """List the objects of an account, and whether a sync can use them."""
        found = self._objects(row)
        names = (*found.bindings, *(name for name in found.gone if name not in found.bindings))
        return {
            "connection": row.id,
            "at_ms": self._service.clock.now_ms(),
            "asked_ms": found.told.at_ms,
            "detail": found.told.found.reason if isinstance(found.told.found, Unasked) else "",
            "objects": [self._row(row, found, name) for name in names],
        }

    def one(self, row: Connection, name: str) -> dict[str, Any]:
        """Return an object of an account with its fields and associations; raises a problem when there is none."""
        found = self._objects(row)
        binding = found.bindings.get(name)
        if binding is None:
            lacking = f" {capital(found.told.found.reason)}." if isinstance(found.told.found, Unasked) else ""
            known = ", ".join(found.bindings) or "none"
            raise Problem(404, "No such object", f"The account has no object {name!r}; there are {known}.{lacking}")
        told = self._fields(row, binding)
        fields = binding.fields if isinstance(told.found, Unasked) else told.found
        syncs = self._used_by(row, name)
        return {
            **self._row(row, found, name),
            "connection": row.id,
            "at_ms": self._service.clock.now_ms(),
            "asked_ms": told.at_ms,
            "detail": told.found.reason if isinstance(told.found, Unasked) else "",
            "fields": list(_fields(fields, binding, syncs)),
            "associations": [
                {
                    "label": one.label,
                    "to": one.to,
                    "to_title": _title(found, one.to),
                    "most": one.max_links,
                    "syncs": [
                        sync.id
                        for sync, end in syncs
                        if any(x.named(LEFT if end is sync.left else RIGHT) == one.label for x in sync.associations)
                    ],
                }
                for one in binding.associations
            ],
        }

    def _row(self, row: Connection, found: _Objects, name: str) -> dict[str, Any]:
        app, binding = self._app(row), found.bindings.get(name)
        in_the_way = [f"{capital(found.gone[name])}."] if name in found.gone else []
        syncs = [sync.id for sync, _ in self._used_by(row, name)]
        notes: list[str] = []
        if row.scopes is not None:
            lacking = consent.lacking_for(app, name, row.scopes, writes=True)
            needed = [one for one in lacking if one.required]
            if needed:
                in_the_way.append(f"Not granted: {consent.spelled(needed)}. Reconnect the account, and allow it.")
            elif lacking:
                notes.append(f"It can only be read. Not granted: {consent.spelled(lacking)}.")
        if binding is not None and not syncs and not OBJECTS[binding.type].identifiers:
            notes.append(_UNRECOGNISED)
        return {
            "id": name,
            "title": _title(found, name),
            "own": name not in app.objects,
            "type": binding.type if binding is not None else "",
            "type_title": OBJECTS[binding.type].title if binding is not None else "",
            "usable": not in_the_way,
            "in_the_way": in_the_way,
            "notes": notes,
            "syncs": syncs,
        }

    def _app(self, row: Connection) -> App:
        app = self._service.setups.apps.get(row.app)
        if app is None:
            raise Problem(404, "No such app", f"This version knows no app {row.app!r}.")
        return app

    def _used_by(self, row: Connection, name: str) -> list[tuple[Sync, SyncSide]]:
        return [
            (sync, end)
            for sync in self._service.setups.syncs()
            for end in (sync.left, sync.right)
            if (end.connection, end.object) == (row.id, name)
        ]

    # Asking

    def _objects(self, row: Connection) -> _Objects:
        app, now = self._app(row), self._service.clock.now_ms()
        own = app.own_objects
        kept = {one.object.name: one for one in self._service.setups.found().values() if one.connection == row.id}
        if own is None:
            return _Objects(app.objects, {}, {}, _Told((), now))
        told = self._asked(row, "", own.find)
        known = {name: one.object for name, one in kept.items() if not one.gone}
        if not isinstance(told.found, Unasked):
            known = {one.name: one.as_known(known.get(one.name)) for one in told.found}
        gone = {name: one for name, one in kept.items() if one.gone and name not in known}
        return _Objects(
            bindings={**app.objects, **_bound(own, known)},
            own={**known, **{name: one.object for name, one in gone.items()}},
            gone={name: one.gone for name, one in gone.items()},
            told=told,
        )

    def _fields(self, row: Connection, binding: Binding) -> _Told:
        return self._asked(row, binding.object, binding.discover)

    def _asked(self, row: Connection, what: str, ask: Callable[[Any], Exchange[Sequence[T]]]) -> _Told:
        """Ask an account, unless it has answered just now."""
        now, key = self._service.clock.now_ms(), (row.id, row.version, what)
        known = self._answers.get(key)
        if known is not None and 0 <= now - known.at_ms < FRESH_MS:
            return known
        try:
            apps = self._apps_with(self._service, [row])
            exchange = ask(apps.setups.session(row.id))
            found: tuple[Any, ...] | Unasked = tuple(run_blocking(apps.caller.run(row.id, exchange, wait_s=_WAIT_S)))
        except (AppError, NotReady, BusUnavailable, VaultError) as error:
            return _Told(Unasked(str(error), refused=False), now)
        self._answers = {**{one: told for one, told in self._answers.items() if now - told.at_ms < FRESH_MS}}
        self._answers[key] = _Told(found, now)
        return self._answers[key]


def _bound(own: OwnObjects, found: Mapping[str, FoundObject]) -> dict[str, Binding]:
    return {name: own.bind(one) for name, one in found.items()}


def _title(found: _Objects, name: str) -> str:
    return found.own[name].label or name if name in found.own else object_title(name)


def _fields(
    fields: Sequence[FieldInfo], binding: Binding, syncs: Sequence[tuple[Sync, SyncSide]]
) -> Iterator[dict[str, Any]]:
    """Describe fields: those that play a part first."""
    usual = _roles(fields, binding.type, {})
    parts: dict[str, list[dict[str, str]]] = {}
    for role, name in usual.items():
        parts.setdefault(name, []).append(_part(binding.type, role, ""))
    for sync, end in syncs:
        for role, name in _roles(fields, end.type or binding.type, end.roles).items():
            if usual.get(role) != name:
                parts.setdefault(name, []).append(_part(end.type or binding.type, role, sync.id))
    for info in sorted(fields, key=lambda one: (one.name not in parts, not one.required)):
        yield {
            "name": info.name,
            "label": info.label or info.name,
            "type": info.type.value,
            "roles": parts.get(info.name, []),
            "ways": ways_of(info),
            "required": info.required,
            "unique": info.unique,
            "sensitive": info.sensitive,
            "options": len(info.options),
        }


def _part(type_: str, role: str, sync: str) -> dict[str, str]:
    title = next(field.label for field in OBJECTS[type_].fields if field.name == role)
    return {"role": role, "title": title, "sync": sync}


def _roles(fields: Sequence[FieldInfo], type_: str, given: Mapping[str, str]) -> dict[str, str]:
    known = OBJECTS[type_].roles
    return {role: name for role, name in playing(fields, given).items() if role in known}

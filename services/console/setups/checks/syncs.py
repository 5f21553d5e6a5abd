"""What is wrong with settings before anything is asked of an app, in sentences that say what to write."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.console.setups import consent
from services.console.setups.files import ConnectionFile, SetupError, SyncFile
from services.console.setups.own_objects import Objects
from shared.contract.app import App, Binding
from shared.contract.sign_in import Auth
from shared.engine.policies import Policy
from shared.model.records import SIDES, goes_to
from shared.model.sides import SPOKEN
from shared.model.syncs import Connection, RuleValue, Sync
from shared.objects import OBJECTS, ObjectType


def doubled(kind: str, names: Sequence[str]) -> list[str]:
    """List what is wrong where two entries have one name, since only the last one would count."""
    found = sorted({name for name in names if names.count(name) > 1})
    return [f"the file names {kind} {', '.join(found)} more than once: give each an id of its own"] if found else []


def app_of(wanted: ConnectionFile, apps: Mapping[str, App]) -> App:
    """Return the app of a connection; raises `SetupError`."""
    app = apps.get(wanted.app)
    if app is None:
        raise SetupError(
            f"connection {wanted.id!r}: there is no app {wanted.app!r}; known are {', '.join(apps) or 'none'}"
        )
    return app


def ends(
    wanted: SyncFile, rows: Mapping[str, Connection], apps: Mapping[str, App], objects: Objects
) -> tuple[Binding, Binding]:
    """Return how both apps hold what a sync names; raises `SetupError`."""
    found = []
    for end in (wanted.left, wanted.right):
        row = rows.get(end.connection)
        if row is None:
            raise SetupError(f"sync {wanted.id!r}: there is no connection {end.connection!r}")
        if end.object not in objects.of(row.id):
            raise SetupError(
                f"sync {wanted.id!r}: {apps[row.app].title} has no {end.object!r}, only {objects.named(row.id)}"
            )
        found.append(objects.binding(row.id, end.object))
    left, right = found
    return left, right


def type_of(wanted: SyncFile, left: Binding, right: Binding) -> ObjectType[Any]:
    """Return the type whose rules both ends of a sync follow; raises `SetupError`."""
    for end in (wanted.left, wanted.right):
        if end.type and end.type not in OBJECTS:
            raise SetupError(
                f"sync {wanted.id!r}: there is no type {end.type!r}; {end.object} may be {', '.join(OBJECTS)}"
            )
    one, other = wanted.left.type or left.type, wanted.right.type or right.type
    if one != other:
        raise SetupError(
            f"sync {wanted.id!r}: {one} and {other} are not the same kind of record: name objects of one type at both "
            f"ends, or the type that both are to be treated as, such as `type: {one}`"
        )
    return OBJECTS[one]


def roles(wanted: SyncFile, type_: ObjectType[Any]) -> None:
    """Check that both ends give fields roles that the type has; raises `SetupError`."""
    for end in (wanted.left, wanted.right):
        strange = [role for role in end.roles if role not in type_.roles]
        if strange:
            raise SetupError(
                f"sync {wanted.id!r}: a {type_.name} has no role {', '.join(strange)}; there are "
                f"{', '.join(type_.roles) or 'none'}"
            )


def rules(wanted: SyncFile, type_: ObjectType[Any]) -> Mapping[str, RuleValue]:
    """Return those rules that are others than usual; raises `SetupError` when they are none of the sync's type."""
    try:
        found: Mapping[str, RuleValue] = type_.read_rules(wanted.rules).model_dump(exclude_defaults=True)
    except ValueError as error:
        raise SetupError(f"sync {wanted.id!r}: rules are not right: {error}") from error
    return found


def creates(sync: Sync, policy: Policy, apps: Mapping[str, App]) -> None:
    """Refuse a sync that may create records, and would lack what they need; raises `SetupError`."""
    for side in SIDES:
        part, word = policy.sides[side], f"to_{SPOKEN[side]}"
        if not part.create:
            continue
        written = {name for rule in policy.rules if rule.writes[side] for name in rule.fields(side)}
        lacking = [group for group in part.required if not written & set(group)]
        where = f"{part.object} of {apps[part.app].title} (connection {part.connection!r})"
        if lacking:
            needed = ", and ".join(" or ".join(group) for group in lacking)
            raise SetupError(
                f"sync {sync.id!r} could never create a {where}: map {needed}, or write `create: {{{word}: false}}`"
            )
        if not written:
            raise SetupError(
                f"sync {sync.id!r} would create each {where} empty, since no mapping writes there: map a field, or "
                f"write `create: {{{word}: false}}`"
            )


def connection(wanted: ConnectionFile, app: App) -> Auth:
    """Check a connection against what its app declares, and return its way to sign in; raises `SetupError`."""
    where = f"connection {wanted.id!r}"
    base = wanted.base_url or app.base_url
    if not base or not base.startswith(("https://", "http://")):
        raise SetupError(f"{where}: base_url must be an http or https address")
    auth = next((one for one in app.auth if one.kind == wanted.auth), None)
    if auth is None:
        known = ", ".join(one.kind for one in app.auth)
        raise SetupError(f"{where}: {app.title} knows no sign-in {wanted.auth!r}; auth may be {known}")
    _names(f"{where}: secrets", wanted.secrets, auth.secrets)
    fields = {field.name: field for field in app.connection_fields}
    _names(f"{where}: options", wanted.options, tuple(fields))
    for name, field in fields.items():
        if field.required and not wanted.options.get(name):
            raise SetupError(f"{where}: options must hold {name} ({field.label})")
        value = wanted.options.get(name, "")
        if field.kind == "url" and value and not value.startswith(("https://", "http://")):
            raise SetupError(f"{where}: the option {name} ({field.label}) must be an http or https address")
        if field.choices and value and value not in field.choices:
            raise SetupError(f"{where}: the option {name} may be {', '.join(field.choices)}, not {value!r}")
    _names(f"{where}: limits", wanted.limits, tuple(limit.name for limit in app.limits))
    return auth


def secrets(row: Connection, auth: Auth) -> None:
    """Check that a connection has all it needs to sign in; raises `SetupError`."""
    lacking = [name for name in auth.secrets if name not in row.secrets]
    if not lacking:
        return
    if auth.code_flow is not None and lacking == ["refresh_token"]:
        raise SetupError(
            f"connection {row.id!r} was not agreed to yet: run `./syncline authorize {row.id} --file` "
            "with this file first"
        )
    raise SetupError(f"connection {row.id!r}: secrets must hold {', '.join(lacking)}")


def scopes(sync: Sync, connections: Mapping[str, Connection], apps: Mapping[str, App]) -> None:
    """Check that what a sync does was granted, where the sign-in tells; raises `SetupError`."""
    for side in SIDES:
        end = sync.side(side)
        row = connections[end.connection]
        if row.scopes is None:
            continue
        writes = goes_to(sync.direction, side)
        lacking = consent.lacking_for(apps[row.app], end.object, row.scopes, writes=writes)
        if lacking:
            raise SetupError(
                f"sync {sync.id!r}: connection {row.id!r} was not granted {consent.spelled(lacking)}: run `./syncline "
                f"authorize {row.id}` and allow it"
                + (", or choose a direction that does not write there" if not any(x.required for x in lacking) else "")
            )


def _names(where: str, given: Mapping[str, object], known: tuple[str, ...]) -> None:
    strange = [name for name in given if name not in known]
    if strange:
        raise SetupError(f"{where} cannot hold {', '.join(strange)}; there are {', '.join(known) or 'none'}")

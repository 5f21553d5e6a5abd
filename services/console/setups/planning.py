"""What a file changes of what is set up: a pure plan.

`plan` compares what is set up (`Current`), what a file wants (`SetupFile`) and what was found out for it
(`Discovered`). `discovery` finds that out before, `publishing` publishes the plan afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.console.setups import differences, owners
from services.console.setups.checks import associations, graph, mappings
from services.console.setups.checks import syncs as checks
from services.console.setups.ends import End, Unasked
from services.console.setups.files import ConnectionFile, MappingChanges, MappingFile, SetupError, SetupFile, SyncFile
from services.console.setups.own_objects import Objects
from services.console.setups.plans import Change, Current, Discovered, Plan
from services.console.setups.sealing import AGREED, Sealed
from shared.config.accounts import account_name, is_account
from shared.config.compiling import compile_policy
from shared.config.jobs import next_of, own_job
from shared.contract.app import App
from shared.contract.sign_in import AccountInfo
from shared.model.job_kinds import JobKind
from shared.model.mapping import FieldMapping
from shared.model.records import carried
from shared.model.sides import BySide
from shared.model.syncs import Connection, ConnectionSettings, Job, Moved, Sync, SyncSettings, SyncSide
from shared.objects import ObjectType
from shared.objects.roles import in_roles
from shared.wire.messages import JobDoc, SetupDoc


@dataclass(slots=True)
class _Drawn:
    """A plan that is being drawn up."""

    rows: dict[str, Connection]
    syncs: dict[str, Sync]
    changes: list[Change] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    """Connections that are wrong, or not there yet: their syncs are not planned."""


def plan(current: Current, wanted: SetupFile, discovered: Discovered) -> Plan:
    """Compare; everything that is wrong is listed, not only the first of it."""
    drawn = _Drawn(rows=dict(current.connections), syncs=dict(current.syncs))
    drawn.errors += checks.doubled("connection", [row.id for row in wanted.connections])
    drawn.errors += checks.doubled("sync", [row.id for row in wanted.syncs])
    drawn.errors += checks.doubled("app with credentials", [row.app for row in wanted.credentials])
    if drawn.errors:
        return Plan(changes=(), hints=(), errors=tuple(drawn.errors), unasked=())
    for told in discovered.credentials.values():
        if isinstance(told, str):
            drawn.errors.append(told)
        else:
            drawn.changes += told
    for one in wanted.connections:
        try:
            _plan_connection(drawn, current, one, discovered)
        except SetupError as error:
            drawn.errors.append(str(error))
            drawn.broken.add(one.id)
    _check_accounts(drawn, current, [row.id for row in wanted.connections])
    for sync in wanted.syncs:
        if {sync.left.connection, sync.right.connection} & drawn.broken:
            continue
        try:
            _plan_sync(drawn, current, sync, {row.id: row for row in wanted.syncs}, discovered)
        except SetupError as error:
            drawn.errors.append(str(error))
    _judge_again(drawn, current)
    planned = {change.key for change in drawn.changes}
    drawn.changes += [one for one in renewed(current, discovered.at_ms) if one.key not in planned]
    return Plan(
        changes=tuple(drawn.changes),
        hints=tuple(drawn.hints),
        errors=tuple(drawn.errors),
        unasked=tuple(drawn.unasked),
    )


def renewed(current: Current, at_ms: int) -> list[Change]:
    """Publish what counts once more, where the last document of its key is another that does not."""
    told = ("stored once more: two people changed it at the same moment",)
    gone = ("removed once more: somebody changed it at the same moment",)
    changes = []
    for key in sorted(current.overruled):
        kind, _, name = key.partition(":")
        if (
            name
            not in {"connection": current.connections, "credentials": current.credentials, "sync": current.syncs}[kind]
        ):
            # No tombstone, which would also remove what somebody has set up anew since this was planned.
            changes.append(Change(key=key, doc=SetupDoc(), sign="-", details=gone))
        elif kind == "connection":
            row = current.connections[name]
            row = row.model_copy(update={"version": row.version + 1})
            changes.append(Change(key=key, doc=SetupDoc(connection=row), sign="~", details=told))
        elif kind == "credentials":
            known = current.credentials[name]
            known = known.model_copy(update={"version": known.version + 1})
            changes.append(Change(key=key, doc=SetupDoc(credentials=known), sign="~", details=told))
        else:
            sync = current.syncs[name]
            sync = next_of(sync)
            changes += [Change(key=key, doc=SetupDoc(sync=sync), sign="~", details=told), _job(sync, at_ms)]
    return changes


# Connections


def draft(current: Current, wanted: ConnectionFile, sealed: Sealed) -> Connection:
    """Return a connection as it will be, but for what its account tells; raises `SetupError`."""
    app, old = checks.app_of(wanted, current.apps), current.connections.get(wanted.id)
    checks.connection(wanted, app)
    if old is not None and old.app != wanted.app:
        raise SetupError(f"connection {wanted.id!r} belongs to {old.app}: give one of {wanted.app} another id")
    settings = {name: getattr(wanted, name) for name in ConnectionSettings.model_fields}
    settings |= {"label": wanted.label or app.title, "base_url": wanted.base_url or app.base_url or ""}
    new = Connection(
        **settings,
        account=old.account if old else "",
        zone=old.zone if old else "UTC",
        account_currency=old.account_currency if old else "",
        secrets=sealed.secrets,
        webhook_secret=sealed.webhook_secret,
        scopes=sealed.scopes,
        moved=old.moved if old else None,
        version=old.version if old else 1,
    )
    return carried(new, old)


def must_ask(row: Connection, old: Connection | None, sealed: Sealed) -> bool:
    """Check whether a connection may lead elsewhere than before, so that its account must be asked who it is."""
    if old is None or not old.account:
        return True
    way = (row.base_url, row.options, row.auth) != (old.base_url, old.options, old.auth)
    return way or bool(sealed.entered & row.secrets.keys()) or row.secrets.keys() != old.secrets.keys()


def _plan_connection(drawn: _Drawn, current: Current, wanted: ConnectionFile, discovered: Discovered) -> None:
    sealed, old = discovered.sealed[wanted.id], current.connections.get(wanted.id)
    row = draft(current, wanted, sealed)
    app = current.apps[row.app]
    checks.secrets(row, checks.connection(wanted, app))
    told = discovered.accounts.get(wanted.id, Unasked("nobody asked it", refused=False))
    if isinstance(told, Unasked):
        if not must_ask(row, old, sealed):
            drawn.hints.append(f"connection {row.id!r} does not answer now, and is taken as it was: {told.reason}")
        elif told.refused:
            raise SetupError(f"connection {row.id!r} does not work: {told.reason}")
        else:
            drawn.unasked.append(f"connection {row.id!r} does not work now: {told.reason}")
    else:
        row = _identified(row, old, wanted, app, told)
    if row != old:
        row = row.model_copy(update={"version": old.version + 1 if old else 1})
        details = differences.connections(old, row, sealed.entered) if old else ()
        drawn.changes.append(
            Change(key=f"connection:{row.id}", doc=SetupDoc(connection=row), sign="~" if old else "+", details=details)
        )
        descends = old is not None and AGREED in old.secrets and AGREED not in sealed.entered and AGREED in row.secrets
        if row.id in current.rotated and not descends:
            # What rotated descends from a token that is no longer ours.
            drawn.changes.append(Change(key=f"rotated:{row.id}", doc=None))
    drawn.rows[row.id] = row


def _identified(
    row: Connection, old: Connection | None, wanted: ConnectionFile, app: App, info: AccountInfo
) -> Connection:
    """Take over whose account this is: records of another account are strangers."""
    name = account_name(app, row.base_url, info.id)
    if old is not None and old.account and not is_account(app, old, name, info) and not _moved(old, wanted, app, info):
        moved = (
            f" If it is the same account at another address, add `moved_from: {old.account}`."
            if app.account_within == "server"
            else ""
        )
        raise SetupError(
            f"connection {row.id!r} leads to account {name!r} ({info.name}) now, and was made for {old.account!r}: its "
            f"records would be taken for those of the other account. Give the new account its own connection.{moved}"
        )
    return row.model_copy(update={"account": name, "zone": info.zone, "account_currency": info.currency})


def _moved(old: Connection, wanted: ConnectionFile, app: App, info: AccountInfo) -> bool:
    """Check whether a file says that the account of a connection is the same as before at another address."""
    before = account_name(app, old.base_url, info.id)
    return wanted.moved_from == old.account or (wanted.moved_from == before and is_account(app, old, before, info))


def _place(row: Connection) -> str:
    """Name what a connection leads to; one whose account is not known stands for itself."""
    return f"{row.app} {row.account}" if row.account else f"connection {row.id}"


def _check_accounts(drawn: _Drawn, current: Current, wanted: Sequence[str]) -> None:
    """Refuse a new connection of an account that has one; those that stand are pointed out."""
    for name in wanted:
        row = drawn.rows.get(name)
        others = [one.id for one in drawn.rows.values() if row and one.id != name and _place(one) == _place(row)]
        if row is None or not others or name in drawn.broken:
            continue
        told = f"connection {name!r} leads to the same account ({row.account}) as {', '.join(map(repr, others))}"
        if name in current.connections:
            drawn.hints.append(f"{told}: each change of it is read twice. Let its syncs use one of them")
        else:
            drawn.errors.append(f"{told}: an account has one connection, which several syncs can use")
            drawn.broken.add(name)


def _judge_again(drawn: _Drawn, current: Current) -> None:
    """Ask for pairs to be judged again where a connection's country, currency or zone gives values another meaning.

    The connection itself says so, and workers ask for the jobs: none is lost where a command dies in between.
    """
    planned = {change.key for change in drawn.changes}
    for old in current.connections.values():
        row = drawn.rows[old.id]
        if (row.country, row.zone, row.own_currency) == (old.country, old.zone, old.own_currency):
            continue
        judged = tuple(
            sync.id
            for sync in current.syncs.values()
            if row.id in (sync.left.connection, sync.right.connection)
            and sync.enabled
            and f"sync:{sync.id}" not in planned
        )
        if judged:
            row = row.model_copy(update={"moved": Moved(version=row.version, syncs=judged)})
            told = f"all records are judged again of: {', '.join(judged)}"
            drawn.rows[row.id] = row
            drawn.changes = [
                replace(change, doc=SetupDoc(connection=row), details=(*change.details, told))
                if change.key == f"connection:{row.id}"
                else change
                for change in drawn.changes
            ]


# Syncs


def fields_needed(wanted: SyncFile, old: Sync | None) -> bool:
    """Check whether a sync can only be planned with the fields that both apps have now."""
    by_field = wanted.match.mode == "fields" and (old is None or old.match != wanted.match)
    return old is None or wanted.mappings is not None or by_field or _roles_of(old) != _roles_of(wanted)


def _roles_of(sync: SyncSettings) -> tuple[Mapping[str, str], Mapping[str, str]]:
    return sync.left.roles, sync.right.roles


def _ends_of(sync: SyncSettings) -> tuple[str, ...]:
    return sync.left.connection, sync.left.object, sync.right.connection, sync.right.object


def _plan_sync(
    drawn: _Drawn, current: Current, wanted: SyncFile, named: Mapping[str, SyncFile], discovered: Discovered
) -> None:
    old = current.syncs.get(wanted.id)
    objects = Objects(drawn.rows, current, discovered)
    if not _is_known(drawn, objects, wanted):
        return
    left, right = checks.ends(wanted, drawn.rows, current.apps, objects)
    if old is not None and _ends_of(old) != _ends_of(wanted):
        raise SetupError(f"sync {wanted.id!r}: its connections and objects cannot change; make a new sync")
    type_ = checks.type_of(wanted, left, right)
    checks.roles(wanted, type_)
    rules = checks.rules(wanted, type_)
    idle = sorted(wanted.rules.keys() - type_.rules.model_fields.keys())
    drawn.hints += [f"sync {wanted.id!r}: {name} means nothing for records of type {type_.name}" for name in idle]
    others: Mapping[str, SyncSettings] = {**drawn.syncs, **named}
    associations.check(wanted, BySide(left, right), others)
    rows = _mappings(drawn, current, wanted, type_, discovered)
    if rows is None:
        return
    new = Sync(
        **wanted.model_dump(exclude={"mappings", "rules"}),
        rules=rules,
        mappings=tuple(mappings.dated(row, old) for row in rows),
        version=old.version if old else 1,
        judged=old.judged if old else 0,
    )
    made = carried(new, old)
    drawn.hints += [
        f"sync {made.id!r}: association {row.label!r} waits until a sync {row.to!r} is set up"
        for row in made.associations
        if row.to not in others
    ]
    if made != old:
        drawn.hints += associations.hints(made, others)
    _check_circles(drawn, made, new=old is None)
    drawn.changes += objects.found(wanted)
    if made == old:
        _ask_again(drawn, current, made, discovered.at_ms)
        return
    try:
        policy = compile_policy(made, drawn.rows, objects.binding, live=False)
    except KeyError as error:
        raise SetupError(f"sync {made.id!r} names {error}, which does not exist") from error
    checks.scopes(made, drawn.rows, current.apps)
    checks.creates(made, policy, current.apps)
    made = next_of(made) if old is not None else made.model_copy(update={"judged": made.version})
    details = (
        differences.syncs(old, made)
        if old is not None
        else tuple(f"mapping {row.key}: {differences.mapping(row)}" for row in made.mappings)
    )
    drawn.hints += owners.hints(made, discovered.people, current.people)
    planned = {change.key for change in drawn.changes}
    news = [
        Change(key=f"people:{row.connection}", doc=SetupDoc(people=row))
        for row in owners.news(made, discovered.people, current.people)
    ]
    # Before the sync, whose first records are judged by it.
    drawn.changes += [one for one in news if one.key not in planned]
    change = Change(key=f"sync:{made.id}", doc=SetupDoc(sync=made), sign="~" if old else "+", details=details)
    drawn.changes += [change, _job(made, discovered.at_ms)]
    drawn.syncs[made.id] = made


def _is_known(drawn: _Drawn, objects: Objects, wanted: SyncFile) -> bool:
    """Check whether a sync can be planned, as far as its accounts' own objects are concerned; raises `SetupError`."""
    for end in (wanted.left, wanted.right):
        if end.connection not in drawn.rows:
            continue
        lacking, gone = objects.unasked(end), objects.gone(end)
        if gone and wanted.id in drawn.syncs:
            drawn.hints.append(f"sync {wanted.id!r} does not run, and stays as it is: {gone}")
            return False
        if lacking is not None and lacking.refused:
            raise SetupError(f"sync {wanted.id!r} cannot be set up: {lacking.reason}")
        if lacking is not None:
            drawn.unasked.append(f"sync {wanted.id!r} cannot be planned now: {lacking.reason}")
            return False
    return True


def _check_circles(drawn: _Drawn, sync: Sync, *, new: bool) -> None:
    """Refuse a new sync that closes a circle of accounts; one that stands in a circle is pointed out."""

    def account_of(connection: str) -> str:
        return _place(drawn.rows[connection]) if connection in drawn.rows else f"connection {connection}"

    if new:
        graph.check(sync, drawn.syncs.values(), account_of)
        return
    way = graph.way_between(sync, drawn.syncs.values(), account_of)
    if way:
        drawn.hints.append(
            f"sync {sync.id!r}: its two ends are kept the same by {', '.join(way)}, too: a change comes by two ways. "
            "Switch one of these syncs off"
        )


def _mappings(
    drawn: _Drawn, current: Current, wanted: SyncFile, type_: ObjectType[Any], discovered: Discovered
) -> tuple[FieldMapping, ...] | None:
    """Return the mappings: those of the file, else those that stand, else the defaults; None where nobody can tell."""
    old, by_field = current.syncs.get(wanted.id), wanted.match.mode == "fields"
    if by_field and not (wanted.match.left_field and wanted.match.right_field):
        raise SetupError(f"sync {wanted.id!r}: to match by fields, name match.left_field and match.right_field")
    if not fields_needed(wanted, old) and old is not None:
        return old.mappings
    left, right = (_end(drawn, current, end, type_, discovered) for end in (wanted.left, wanted.right))
    if isinstance(left, Unasked) or isinstance(right, Unasked):
        return _mappings_unasked(drawn, wanted, old, [one for one in (left, right) if isinstance(one, Unasked)])
    if by_field:
        left.field(f"sync {wanted.id!r}, match", wanted.match.left_field)
        right.field(f"sync {wanted.id!r}, match", wanted.match.right_field)
    for end, side in ((left, wanted.left), (right, wanted.right)):
        for role, name in side.roles.items():
            end.field(f"sync {wanted.id!r}, role {role!r}", name)
    if wanted.mappings is None:
        made = old.mappings if old is not None else mappings.defaults(left, right)
        drawn.hints += mappings.hints(wanted.id, made, old, left, right)
        return made
    if isinstance(wanted.mappings, MappingChanges):
        made = mappings.changed(wanted.id, wanted.mappings, left, right)
        drawn.hints += mappings.hints(wanted.id, made, old, left, right)
        return made
    return _listed(drawn, wanted.id, wanted.mappings, old, left, right)


def _listed(
    drawn: _Drawn, sync: str, wanted: Sequence[MappingFile], old: Sync | None, left: End, right: End
) -> tuple[FieldMapping, ...]:
    """Return the mappings that a file lists; those that stand already need no field that is still there."""
    same = old is not None and mappings.agrees(wanted, old.mappings)
    try:
        made = mappings.complete(sync, wanted, left, right)
    except SetupError as error:
        if old is None or not same:
            raise
        drawn.hints.append(f"{error}. The file says what stands, so the mappings are taken as they are")
        return old.mappings
    drawn.hints += mappings.hints(sync, made, old, left, right)
    if not same:
        drawn.hints += [
            f"sync {sync!r}: the file leaves the default mapping {row.key} ({differences.mapping(row)}) out"
            for row in mappings.left_out(made, mappings.defaults(left, right))
        ]
    return made


def _mappings_unasked(
    drawn: _Drawn, wanted: SyncFile, old: Sync | None, lacking: Sequence[Unasked]
) -> tuple[FieldMapping, ...] | None:
    """Go on with the mappings that stand where the file says nothing else, as far as can be told without the fields."""
    reasons = "; ".join(dict.fromkeys(one.reason for one in lacking))
    same = old is not None and _roles_of(old) == _roles_of(wanted)
    if old is not None and same and (wanted.mappings is None or mappings.agrees(wanted.mappings, old.mappings)):
        drawn.hints.append(f"sync {wanted.id!r}: its fields cannot be read now, and are taken as they were: {reasons}")
        return old.mappings
    if any(one.refused for one in lacking):
        raise SetupError(f"sync {wanted.id!r} cannot be set up: {reasons}")
    drawn.unasked.append(f"sync {wanted.id!r} cannot be planned now: {reasons}")
    return None


def _end(
    drawn: _Drawn, current: Current, end: SyncSide, type_: ObjectType[Any], discovered: Discovered
) -> End | Unasked:
    found = discovered.fields.get((end.connection, end.object), Unasked("nobody asked", refused=False))
    if isinstance(found, Unasked):
        reason = f"the fields of {end.object} of connection {end.connection!r} cannot be read: {found.reason}"
        return Unasked(reason, refused=found.refused)
    app = current.apps[drawn.rows[end.connection].app]
    fields = {info.name: info for info in in_roles(found.values(), end.roles, type_)}
    row = drawn.rows[end.connection]
    return End(app=app.title, object=end.object, fields=fields, connection=row.id, currency=row.own_currency)


def _job(sync: Sync, at_ms: int) -> Change:
    """Ask for a new sync to read everything, and for one that changed to look at all its pairs again."""
    job = own_job(sync, at_ms)
    return Change(key=f"job:{job.id}", doc=JobDoc(job=job))


def _ask_again(drawn: _Drawn, current: Current, sync: Sync, at_ms: int) -> None:
    """Ask for the job of a sync again where Kafka took the sync and not the job, or where its first sync failed."""
    if sync.id in current.failed:
        job = Job(id=f"first-{sync.id}.{at_ms}", kind=JobKind.FIRST_SYNC, sync=sync.id, asked_at_ms=at_ms)
        drawn.changes.append(Change(key=f"job:{job.id}", doc=JobDoc(job=job), sign="+"))
    elif sync.id not in current.asked and (sync.version > 1 or sync.id not in current.live):
        change = _job(sync, at_ms)
        drawn.changes.append(Change(key=change.key, doc=change.doc, sign="+"))

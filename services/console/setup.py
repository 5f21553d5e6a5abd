"""Settings as a file: `plan` shows what would change, `apply` changes it.

A file holds connections with their secrets in the clear, and syncs; what it does not name stays as it is. Secrets are
sealed before they leave this process.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import Field, SecretStr, ValidationError

from services.console.checks import SetupError, check_graph, check_names, check_sync
from shared import topics
from shared.apps.defaults import default_mappings
from shared.compiling import compile_policy
from shared.core.connector import AppError, Binding
from shared.core.mapping import FieldMapping
from shared.core.matching import MatchSettings
from shared.core.records import SIDES, Frozen, Side
from shared.core.syncs import AssociationMapping, Connection, Create, Direction, Job, Sync, SyncSide
from shared.io.http import make_caller
from shared.io.ports import BusUnavailable, NotReady, Outbound, run_blocking
from shared.io.service import Service
from shared.io.vault import Vault, VaultError
from shared.messages import SetupDoc
from shared.setups import Setups


class ConnectionFile(Frozen):
    """A connection as people write it."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    app: str
    label: str = ""
    base_url: str = ""
    options: Mapping[str, str] = {}
    country: str | None = None
    auth: str
    secrets: Mapping[str, SecretStr] = {}
    webhook_secret: SecretStr | None = None
    limits: Mapping[str, int] = {}
    poll_interval_s: float = Field(default=60.0, ge=0.2, le=86_400)


class SyncFile(Frozen):
    """A sync as people write it; without mappings it starts with those that both apps suggest."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    left: SyncSide
    right: SyncSide
    enabled: bool = True
    direction: Direction = "two_way"
    default_app: Side = "L"
    create: Create = Create()
    match: MatchSettings = MatchSettings()
    email_required: bool = True
    mappings: tuple[FieldMapping, ...] | None = None
    associations: tuple[AssociationMapping, ...] = ()


class SetupFile(Frozen):
    """The whole file."""

    connections: tuple[ConnectionFile, ...] = ()
    syncs: tuple[SyncFile, ...] = ()


def read(text: str) -> SetupFile:
    """Read a file; raises `SetupError`."""
    try:
        loaded = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date such as 2024-13-45 is a ValueError
        raise SetupError(f"the file is not YAML: {error}") from error
    try:
        return SetupFile.model_validate(loaded or {})
    except ValidationError as error:
        rows = (f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors(include_input=False))
        raise SetupError("the file is not right. " + "; ".join(rows)) from None


class Changes:
    """What a file changes, compared with what is set up."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._vault = Vault.from_file(service.settings.key_file)
        self.messages: list[Outbound] = []
        self.lines: list[str] = []

    def compare(self, wanted: SetupFile) -> None:
        """Compare; each new connection is called once, to learn its account. Raises `SetupError`."""
        check_names("connection", [row.id for row in wanted.connections])
        check_names("sync", [row.id for row in wanted.syncs])
        setups = self._service.setups
        trial = Setups(setups.apps)
        offset = 0
        for row in setups.connections():
            trial.apply(offset, f"connection:{row.id}", SetupDoc(connection=row))
        for one in wanted.connections:
            offset += 1
            made = self._connection(one, trial)
            trial.apply(offset, f"connection:{one.id}", SetupDoc(connection=made))
        connections = {row.id: row for row in trial.connections()}
        syncs = {sync.id: sync for sync in setups.syncs()}
        made_syncs = [self._made(sync, connections) for sync in wanted.syncs]
        syncs |= {sync.id: sync for sync in made_syncs}  # an association may lead to a sync further down
        linked = setups.syncs()
        for sync in made_syncs:
            if setups.sync(sync.id) is None:
                check_graph(sync, linked)
                linked.append(sync)
            self._sync(sync, connections, syncs)

    def _connection(self, wanted: ConnectionFile, trial: Setups) -> Connection:
        app = trial.apps.get(wanted.app)
        if app is None:
            raise SetupError(
                f"connection {wanted.id!r}: there is no app {wanted.app!r}; known are {', '.join(trial.apps)}"
            )
        base = wanted.base_url or app.base_url
        if not base or not base.startswith(("https://", "http://")):
            raise SetupError(f"connection {wanted.id!r}: base_url must be an http or https address")
        old = next((row for row in trial.connections() if row.id == wanted.id), None)
        if old is not None and old.app != wanted.app:
            raise SetupError(f"connection {wanted.id!r} belongs to {old.app}: give one of {wanted.app} another id")
        secrets = {name: self._seal(wanted.id, name, value, old) for name, value in wanted.secrets.items()}
        hook = self._seal(wanted.id, "webhook_secret", wanted.webhook_secret, old) if wanted.webhook_secret else None
        made = Connection(
            id=wanted.id, app=wanted.app, label=wanted.label or app.title, account=old.account if old else "",
            base_url=base, options=wanted.options, zone=old.zone if old else "UTC", country=wanted.country,
            auth=wanted.auth, secrets=secrets, webhook_secret=hook, limits=wanted.limits,
            poll_interval_s=wanted.poll_interval_s, version=old.version if old else 1,
        )  # fmt: skip
        if made == old:
            return made
        made = self._identified(made, old, trial)
        self._add("connection", wanted.id, SetupDoc(connection=made), old is None, _differences(old, made))
        return made

    def _identified(self, row: Connection, old: Connection | None, trial: Setups) -> Connection:
        """Ask the app whose account this is: records of another account are strangers."""
        trial.apply(trial.offset, f"connection:{row.id}", SetupDoc(connection=row))
        caller = make_caller(self._service.settings, trial, self._service.metrics, self._service.clock)
        session = trial.session(row.id)
        try:
            info = run_blocking(caller.run(row.id, trial.app_of(row.id).account(session), wait_s=15.0))
        except AppError as error:
            raise SetupError(f"connection {row.id!r} does not work: {error}") from error
        if old is not None and old.account and old.account != info.id:
            raise SetupError(
                f"connection {row.id!r} leads to account {info.id!r} now, and was made for {old.account!r}: "
                "its records would be taken for those of the other account. Give the new account its own connection."
            )
        return row.model_copy(update={"account": info.id, "zone": info.zone, "version": old.version + 1 if old else 1})

    def _seal(self, connection: str, name: str, value: SecretStr, old: Connection | None) -> str:
        """Keep a seal whose secret did not change, so that nothing seems to have changed."""
        sealed = None
        if old is not None:
            sealed = old.webhook_secret if name == "webhook_secret" else old.secrets.get(name)
        if sealed and self._vault.is_current(sealed):
            try:
                if self._vault.open(sealed, connection=connection, name=name) == value.get_secret_value():
                    return sealed
            except VaultError:
                pass  # cannot be opened: it is sealed anew, from what the file says
        return self._vault.seal(value.get_secret_value(), connection=connection, name=name)

    def _made(self, wanted: SyncFile, connections: Mapping[str, Connection]) -> Sync:
        """Make the settings of a sync, under the version that it has."""
        left, right = (self._binding(wanted.id, end, connections) for end in (wanted.left, wanted.right))
        old = self._service.setups.sync(wanted.id)
        mappings = wanted.mappings
        if mappings is None:
            mappings = old.mappings if old else default_mappings(left, right)
        if old is not None and (old.left != wanted.left or old.right != wanted.right):
            raise SetupError(f"sync {wanted.id!r}: its connections and objects cannot change; make a new sync")
        mappings = tuple(_dated(row, old) for row in mappings)
        values = {**wanted.model_dump(), "mappings": mappings, "version": old.version if old else 1}
        return Sync.model_validate(values)

    def _sync(self, made: Sync, connections: Mapping[str, Connection], syncs: Mapping[str, Sync]) -> None:
        old = self._service.setups.sync(made.id)
        if made == old:
            self._unasked(made)
            return
        others = {name: sync for name, sync in syncs.items() if name != made.id}
        bindings: dict[Side, Binding] = {side: self._binding(made.id, made.side(side), connections) for side in SIDES}
        check_sync(made, bindings, others)
        try:
            compile_policy(made, connections, self._service.setups.apps, live=False)
        except KeyError as error:
            raise SetupError(f"sync {made.id!r} names {error}, which does not exist") from error
        if old is not None:
            made = made.model_copy(update={"version": old.version + 1})
        self._add("sync", made.id, SetupDoc(sync=made), old is None, _differences(old, made))
        self.messages.append(_job(made, self._service.clock.now_ms()))

    def _binding(self, sync: str, end: SyncSide, connections: Mapping[str, Connection]) -> Binding:
        row = connections.get(end.connection)
        if row is None:
            raise SetupError(f"sync {sync!r}: there is no connection {end.connection!r}")
        app = self._service.setups.apps[row.app]
        if end.object not in app.objects:
            raise SetupError(f"sync {sync!r}: {app.title} has no {end.object!r}, only {', '.join(app.objects)}")
        return app.objects[end.object]

    def _unasked(self, sync: Sync) -> None:
        """Ask for the job of a sync again where Kafka took the sync and not the job."""
        asked = {f"job:{job.id}" for job, _ in self._service.setups.jobs()}
        message = _job(sync, self._service.clock.now_ms())
        if message.key not in asked and (sync.version > 1 or self._service.setups.phase(sync.id) != "live"):
            self.messages.append(message)
            self.lines.append(f"+ {message.key.replace(':', ' ')}")

    def _add(self, kind: str, name: str, doc: SetupDoc, new: bool, what: Sequence[str]) -> None:  # noqa: FBT001 - one fact
        self.messages.append(Outbound(topic=topics.SETUPS, key=f"{kind}:{name}", message=doc))
        self.lines.append(f"{'+' if new else '~'} {kind} {name}" + ("" if new else f": {', '.join(what)}"))


def _dated(row: FieldMapping, old: Sync | None) -> FieldMapping:
    """Say since when a mapping is what it is: before, what the two fields held said nothing about each other."""
    if old is None:
        return row.model_copy(update={"since": 0})
    before = next((one for one in old.mappings if one.key == row.key), None)
    if before is None or (row.on and not before.on) or _carries(before) != _carries(row):
        return row.model_copy(update={"since": old.version + 1})
    return row.model_copy(update={"since": before.since})


def _carries(row: FieldMapping) -> tuple[str, str, str]:
    return row.left, row.right, row.lens


def _job(sync: Sync, now_ms: int) -> Outbound:
    """Have a new sync read everything, and one that changed look at all its pairs again."""
    job = Job(id=f"first-{sync.id}", kind="first_sync", sync=sync.id, asked_at_ms=now_ms)
    if sync.version > 1:
        job = Job(id=f"edited-{sync.id}-{sync.version}", kind="resync", sync=sync.id, asked_at_ms=now_ms)
    return Outbound(topic=topics.SETUPS, key=f"job:{job.id}", message=SetupDoc(job=job))


def _differences(old: Frozen | None, new: Frozen) -> list[str]:
    if old is None:
        return []
    return [name for name in type(new).model_fields if name != "version" and getattr(old, name) != getattr(new, name)]


def run(service: Service, command: str, path: Path) -> int:
    """Plan or apply a file; gives the exit code: 0 nothing to do or applied, 2 changes planned, 1 refused."""
    try:
        wanted = read(path.read_text())
        changes = Changes(service)
        changes.compare(wanted)
    except (SetupError, VaultError, OSError, UnicodeDecodeError, NotReady) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for line in changes.lines:
        sys.stdout.write(f"{line}\n")
    if not changes.messages:
        sys.stdout.write("nothing changes\n")
        return 0
    if command == "plan":
        return 2
    try:
        run_blocking(service.bus.publish(changes.messages))
    except BusUnavailable as error:
        sys.stderr.write(f"{error}; apply the file again, what is there already changes nothing\n")
        return 1
    sys.stdout.write(f"{len(changes.lines)} applied\n")
    return 0


__all__ = ["Changes", "SetupError", "SetupFile", "read", "run"]

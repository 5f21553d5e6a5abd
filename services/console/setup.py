"""Settings as a file: `plan` shows what would change, `apply` changes it.

A file holds connections with their secrets in the clear, and syncs; what it does not name stays as it is. Secrets are
sealed before they leave this process.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import Field, SecretStr, ValidationError

from shared import topics
from shared.apps.defaults import default_mappings
from shared.compiling import compile_policy
from shared.core.connector import AppError, Binding
from shared.core.mapping import FieldMapping
from shared.core.matching import MatchSettings
from shared.core.records import Frozen, Side
from shared.core.syncs import AssociationMapping, Connection, Create, Direction, Job, Sync, SyncSide
from shared.io.http import make_caller
from shared.io.ports import Outbound, run_blocking
from shared.io.service import Service
from shared.io.vault import Vault, VaultError
from shared.messages import SetupDoc
from shared.rules.lenses import LENS
from shared.setups import Setups


class SetupError(Exception):
    """The file cannot be applied; the message says where it is wrong, and what to write."""


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
        return SetupFile.model_validate(yaml.safe_load(text) or {})
    except yaml.YAMLError as error:
        raise SetupError(f"the file is not YAML: {error}") from error
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
        setups = self._service.setups
        trial = Setups(setups.apps)
        offset = 0
        for row in setups.connections():
            trial.apply(offset, f"connection:{row.id}", SetupDoc(connection=row))
        for one in wanted.connections:
            offset += 1
            made = self._connection(one, trial)
            trial.apply(offset, f"connection:{one.id}", SetupDoc(connection=made))
        for sync in wanted.syncs:
            self._sync(sync, {row.id: row for row in trial.connections()})

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

    def _sync(self, wanted: SyncFile, connections: Mapping[str, Connection]) -> None:
        left, right = (self._binding(wanted.id, end, connections) for end in (wanted.left, wanted.right))
        old = self._service.setups.sync(wanted.id)
        mappings = wanted.mappings
        if mappings is None:
            mappings = old.mappings if old else default_mappings(left, right)
        _check_mappings(wanted.id, mappings)
        if old is not None and (old.left != wanted.left or old.right != wanted.right):
            raise SetupError(f"sync {wanted.id!r}: its connections and objects cannot change; make a new sync")
        values = {**wanted.model_dump(), "mappings": mappings, "version": old.version if old else 1}
        made = Sync.model_validate(values)
        try:
            compile_policy(made, connections, self._service.setups.apps, live=False)
        except KeyError as error:
            raise SetupError(f"sync {wanted.id!r} names {error}, which does not exist") from error
        if made == old:
            return
        if old is not None:
            made = made.model_copy(update={"version": old.version + 1})
        self._add("sync", wanted.id, SetupDoc(sync=made), old is None, _differences(old, made))
        self._job(made, old)

    def _binding(self, sync: str, end: SyncSide, connections: Mapping[str, Connection]) -> Binding:
        row = connections.get(end.connection)
        if row is None:
            raise SetupError(f"sync {sync!r}: there is no connection {end.connection!r}")
        app = self._service.setups.apps[row.app]
        if end.object not in app.objects:
            raise SetupError(f"sync {sync!r}: {app.title} has no {end.object!r}, only {', '.join(app.objects)}")
        return app.objects[end.object]

    def _job(self, made: Sync, old: Sync | None) -> None:
        """Have a new sync read everything, and one that changed look at all its pairs again."""
        now = self._service.clock.now_ms()
        job = Job(id=f"first-{made.id}", kind="first_sync", sync=made.id, asked_at_ms=now)
        if old is not None:
            job = Job(id=f"edited-{made.id}-{made.version}", kind="resync", sync=made.id, asked_at_ms=now)
        self.messages.append(Outbound(topic=topics.SETUPS, key=f"job:{job.id}", message=SetupDoc(job=job)))

    def _add(self, kind: str, name: str, doc: SetupDoc, new: bool, what: Sequence[str]) -> None:  # noqa: FBT001 - one fact
        self.messages.append(Outbound(topic=topics.SETUPS, key=f"{kind}:{name}", message=doc))
        self.lines.append(f"{'+' if new else '~'} {kind} {name}" + ("" if new else f": {', '.join(what)}"))


def _check_mappings(sync: str, mappings: Sequence[FieldMapping]) -> None:
    for mapping in mappings:
        if mapping.lens not in LENS:
            known = ", ".join(LENS)
            raise SetupError(f"sync {sync!r}, mapping {mapping.key!r}: no lens {mapping.lens!r}; there are {known}")
    doubled = {row.key for row in mappings if sum(row.key == other.key for other in mappings) > 1}
    if doubled:
        raise SetupError(f"sync {sync!r}: several mappings have the key {', '.join(sorted(doubled))}")


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
    except (SetupError, VaultError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for line in changes.lines:
        sys.stdout.write(f"{line}\n")
    if not changes.messages:
        sys.stdout.write("nothing changes\n")
        return 0
    if command == "plan":
        return 2
    run_blocking(service.bus.publish(changes.messages))
    sys.stdout.write(f"{len(changes.lines)} applied\n")
    return 0


__all__ = ["Changes", "SetupError", "SetupFile", "read", "run"]

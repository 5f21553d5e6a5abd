"""Settings as a file: `plan` shows what would change, `apply` changes it.

A file holds connections with their secrets in the clear, and syncs; what it does not name stays as it is. Secrets are
sealed before they leave this process. A refresh token that `authorize` got is kept without being named.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from services.console import checks, graph, mappings
from services.console.files import ConnectionFile, SetupError, SetupFile, SyncFile, read
from shared import topics
from shared.apps.defaults import default_mappings
from shared.compiling import compile_policy
from shared.core.connector import App, AppError, Binding, FieldInfo, Session
from shared.core.mapping import FieldMapping
from shared.core.oauth import Tokens
from shared.core.records import Frozen
from shared.core.syncs import Connection, Job, Sync, SyncSide
from shared.io.http import HttpCaller, make_caller
from shared.io.ports import BusUnavailable, NotReady, Outbound, run_blocking
from shared.io.service import Service
from shared.io.vault import Vault, VaultError
from shared.messages import SetupDoc
from shared.setups import Setups

_AGREED: Final = "refresh_token"
"""What a person's agreement brings, and no file needs to name."""


class Changes:
    """What a file changes, compared with what is set up."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._vault = Vault.from_file(service.settings.key_file)
        self._fields: dict[str, Mapping[str, FieldInfo]] = {}
        self._granted: dict[str, tuple[Tokens, frozenset[str], float]] = {}
        self._trial = Setups(service.setups.apps)
        """What is set up, with what the file changes of connections."""
        for row in service.setups.connections():
            self._trial.apply(0, f"connection:{row.id}", SetupDoc(connection=row))
        self.messages: list[Outbound] = []
        self.lines: list[str] = []
        self.hints: list[str] = []
        """What is right, and perhaps not meant."""

    def compare(self, wanted: SetupFile) -> None:
        """Compare; each new connection is called once, to learn its account. Raises `SetupError`."""
        checks.unique("connection", [row.id for row in wanted.connections])
        checks.unique("sync", [row.id for row in wanted.syncs])
        for one in wanted.connections:
            self._try(self._connection(one))
        linked = self.service.setups.syncs()
        known = {*(sync.id for sync in linked), *(sync.id for sync in wanted.syncs)}
        for sync in wanted.syncs:
            made = self._made(sync)
            self.hints += [
                f"sync {sync.id!r}: association {row.label!r} waits until a sync {row.to!r} is set up"
                for row in sync.associations
                if row.to not in known
            ]
            if self.service.setups.sync(sync.id) is None:
                graph.check(made, linked)
                linked.append(made)
            self._sync(made)

    # Connections

    def app(self, wanted: ConnectionFile) -> App:
        """Give the app of a connection; raises `SetupError`."""
        app = self._trial.apps.get(wanted.app)
        if app is None:
            known = ", ".join(self._trial.apps)
            raise SetupError(f"connection {wanted.id!r}: there is no app {wanted.app!r}; known are {known}")
        return app

    def draft(self, wanted: ConnectionFile) -> Connection:
        """Give the connection as it will be, checked and sealed; for `caller`, also before it can sign in."""
        app = self.app(wanted)
        checks.connection(wanted, app)
        old = self._old(wanted.id)
        if old is not None and old.app != wanted.app:
            raise SetupError(f"connection {wanted.id!r} belongs to {old.app}: give one of {wanted.app} another id")
        secrets = {name: self._seal(wanted.id, name, value, old) for name, value in wanted.secrets.items()}
        if old is not None and old.auth == wanted.auth and _AGREED in old.secrets and _AGREED not in secrets:
            # What `authorize` got; under the newest key, so that an older one can be dropped after an `apply`.
            secrets[_AGREED] = self._seal(wanted.id, _AGREED, SecretStr(self._agreed(old) or ""), old)
        hook = self._seal(wanted.id, "webhook_secret", wanted.webhook_secret, old) if wanted.webhook_secret else None
        made = Connection(
            id=wanted.id, app=wanted.app, label=wanted.label or app.title, account=old.account if old else "",
            base_url=wanted.base_url or app.base_url or "", options=wanted.options, zone=old.zone if old else "UTC",
            country=wanted.country, auth=wanted.auth, secrets=secrets, scopes=self._scopes(wanted.id, secrets, old),
            webhook_secret=hook, limits=wanted.limits, poll_interval_s=wanted.poll_interval_s,
            version=old.version if old else 1,
        )  # fmt: skip
        self._try(made)
        return made

    def caller(self) -> HttpCaller:
        """Give what calls apps with the connections as they will be."""
        service = self.service
        return make_caller(
            service.settings, self._trial, service.metrics, service.clock, grants=service.grants, sleep=service.pause
        )

    def session(self, row: Connection) -> Session:
        """Tell an exchange for which connection it runs."""
        return self._trial.session(row.id)

    def as_file(self, row: Connection) -> ConnectionFile:
        """Spell a connection that is set up as people would write it, but for what a person agreed to."""

        def opened(name: str, sealed: str) -> SecretStr:
            return SecretStr(self._vault.open(sealed, connection=row.id, name=name))

        secrets = {name: opened(name, sealed) for name, sealed in row.secrets.items() if name != _AGREED}
        hook = opened("webhook_secret", row.webhook_secret) if row.webhook_secret else None
        kept = row.model_dump(include={"id", "app", "label", "base_url", "options", "country", "auth", "limits"})
        return ConnectionFile(**kept, poll_interval_s=row.poll_interval_s, secrets=secrets, webhook_secret=hook)

    def connect(self, wanted: ConnectionFile, tokens: Tokens, granted: frozenset[str], began: float) -> None:
        """Change a connection to what a person has just agreed to, at the moment *began*; raises `SetupError`."""
        self._granted[wanted.id] = tokens, granted, began
        self.compare(SetupFile(connections=(wanted,)))

    def _connection(self, wanted: ConnectionFile) -> Connection:
        old, made = self._old(wanted.id), self.draft(wanted)
        checks.secrets(made, checks.connection(wanted, self.app(wanted)))
        if made == old:
            return made
        made = self._identified(made, old)
        self._add("connection", wanted.id, SetupDoc(connection=made), old is None, _differences(old, made))
        if self.service.setups.rotated(wanted.id) and not self._same_agreement(old, made.secrets):
            # It descends from a token that is no longer ours.
            self.messages.append(Outbound(topic=topics.SETUPS, key=f"rotated:{wanted.id}", message=None))
        return made

    def _old(self, name: str) -> Connection | None:
        return next((row for row in self.service.setups.connections() if row.id == name), None)

    def _try(self, row: Connection) -> None:
        self._trial.apply(self._trial.offset + 1, f"connection:{row.id}", SetupDoc(connection=row))

    def _scopes(self, name: str, secrets: Mapping[str, str], old: Connection | None) -> tuple[str, ...] | None:
        if name in self._granted:
            return tuple(sorted(self._granted[name][1]))
        return old.scopes if old is not None and self._same_agreement(old, secrets) else None

    def _same_agreement(self, old: Connection | None, secrets: Mapping[str, str]) -> bool:
        """Tell whether a refresh token is still the one that was entered; a new seal does not make it another."""
        if old is None or old.secrets.get(_AGREED) == secrets.get(_AGREED):
            return old is not None
        return self._agreed(old) == self._vault.open(secrets.get(_AGREED, ""), connection=old.id, name=_AGREED)

    def _agreed(self, row: Connection) -> str | None:
        sealed = row.secrets.get(_AGREED)
        return self._vault.open(sealed, connection=row.id, name=_AGREED) if sealed else None

    def _identified(self, row: Connection, old: Connection | None) -> Connection:
        """Ask the app whose account this is: records of another account are strangers."""
        caller = self.caller()
        try:
            if row.id in self._granted:
                tokens, _, began = self._granted[row.id]
                caller.sign_ins.adopt(caller.sign_ins.open(row.id), tokens, began)
            info = run_blocking(caller.run(row.id, self._trial.app_of(row.id).account(self.session(row)), wait_s=15.0))
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

    # Syncs

    def _made(self, wanted: SyncFile) -> Sync:
        """Make the settings of a sync, checked, under the version that it has; raises `SetupError`."""
        left, right = (self._binding(wanted.id, end) for end in (wanted.left, wanted.right))
        old = self.service.setups.sync(wanted.id)
        if old is not None and (old.left != wanted.left or old.right != wanted.right):
            raise SetupError(f"sync {wanted.id!r}: its connections and objects cannot change; make a new sync")
        checks.associations(wanted, left, right)
        values = {
            **wanted.model_dump(),
            "mappings": tuple(mappings.dated(row, old) for row in self._mappings(wanted, old)),
            "version": old.version if old else 1,
        }
        return Sync.model_validate(values)

    def _sync(self, made: Sync) -> None:
        """Set a sync up, or change it; raises `SetupError`."""
        old = self.service.setups.sync(made.id)
        connections = {row.id: row for row in self._trial.connections()}
        try:
            compile_policy(made, connections, self.service.setups.apps, live=False)
        except KeyError as error:
            raise SetupError(f"sync {made.id!r} names {error}, which does not exist") from error
        checks.scopes(made, connections, self.service.setups.apps)
        if made == old:
            self._unasked(made)
            return
        if old is not None:
            made = made.model_copy(update={"version": old.version + 1})
        self._add("sync", made.id, SetupDoc(sync=made), old is None, _differences(old, made))
        self.messages.append(_job(made, self.service.clock.now_ms()))

    def _mappings(self, wanted: SyncFile, old: Sync | None) -> tuple[FieldMapping, ...]:
        """Give the mappings: those of the file, else those that stand, else what both apps suggest."""
        by_field = wanted.match.mode == "fields"
        if by_field and not (wanted.match.left_field and wanted.match.right_field):
            raise SetupError(f"sync {wanted.id!r}: to match by fields, name match.left_field and match.right_field")
        if wanted.mappings is None and old is not None and not by_field:
            return old.mappings
        left, right = self._end(wanted.left), self._end(wanted.right)
        if by_field:
            left.field(f"sync {wanted.id!r}, match", wanted.match.left_field)
            right.field(f"sync {wanted.id!r}, match", wanted.match.right_field)
        if wanted.mappings is None and old is not None:
            return old.mappings
        if wanted.mappings is not None:
            return mappings.complete(wanted.id, wanted.mappings, left, right)
        return default_mappings(tuple(left.fields.values()), tuple(right.fields.values()))

    def _end(self, end: SyncSide) -> mappings.End:
        """Ask an app which fields an object type has now; raises `SetupError`."""
        app, name = self._trial.app_of(end.connection), f"{end.connection}/{end.object}"
        if name not in self._fields:
            binding, row = self._trial.binding(end.connection, end.object), self._trial.connection(end.connection)
            try:
                found = run_blocking(self.caller().run(row.id, binding.discover(self.session(row)), wait_s=15.0))
            except AppError as error:
                raise SetupError(
                    f"the fields of {end.object} of connection {row.id!r} cannot be read: {error}"
                ) from error
            self._fields[name] = {info.name: info for info in found}
        return mappings.End(app=app.title, object=end.object, fields=self._fields[name])

    def _binding(self, sync: str, end: SyncSide) -> Binding:
        row = next((row for row in self._trial.connections() if row.id == end.connection), None)
        if row is None:
            raise SetupError(f"sync {sync!r}: there is no connection {end.connection!r}")
        app = self.service.setups.apps[row.app]
        if end.object not in app.objects:
            raise SetupError(f"sync {sync!r}: {app.title} has no {end.object!r}, only {', '.join(app.objects)}")
        return app.objects[end.object]

    def _unasked(self, sync: Sync) -> None:
        """Ask for the job of a sync again where Kafka took the sync and not the job."""
        asked = {f"job:{job.id}" for job, _ in self.service.setups.jobs()}
        message = _job(sync, self.service.clock.now_ms())
        if message.key not in asked and (sync.version > 1 or self.service.setups.phase(sync.id) != "live"):
            self.messages.append(message)
            self.lines.append(f"+ {message.key.replace(':', ' ')}")

    def _add(self, kind: str, name: str, doc: SetupDoc, new: bool, what: Sequence[str]) -> None:  # noqa: FBT001 - one fact
        self.messages.append(Outbound(topic=topics.SETUPS, key=f"{kind}:{name}", message=doc))
        self.lines.append(f"{'+' if new else '~'} {kind} {name}" + ("" if new else f": {', '.join(what)}"))


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
    except (SetupError, VaultError, BusUnavailable, NotReady, OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for hint in changes.hints:
        sys.stderr.write(f"{hint}\n")
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


__all__ = ["Changes", "ConnectionFile", "SetupError", "SetupFile", "read", "run"]

"""Secrets of a file, sealed: before anything else is done with them, and kept as they are where nothing changed."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from services.console.setups.files import ConnectionFile
from shared.io.calls.vault import Vault, VaultError
from shared.model.syncs import Connection, ConnectionSettings

AGREED = "refresh_token"
"""What a person's agreement brings, and no file needs to name."""
HOOK = "webhook_secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The secrets of one connection."""

    secrets: Mapping[str, str]
    webhook_secret: str | None
    entered: frozenset[str]
    """Names of those that are others than before; a new seal alone does not make a secret another."""
    scopes: tuple[str, ...] | None
    """What was granted with them."""


def seal(vault: Vault, wanted: ConnectionFile, old: Connection | None, granted: frozenset[str] | None = None) -> Sealed:
    """Seal what a file says of one connection; raises `VaultError`.

    Args:
        vault: Seals and opens.
        wanted: The connection as the file describes it.
        old: The same as it is set up.
        granted: What a person has just agreed to; None where nobody was asked.
    """
    # What is kept is sealed under the newest key, so that an older one can be dropped after an `apply`.
    wanted = completed(vault, wanted, old)
    given = dict(wanted.secrets)
    stored = dict(old.secrets) if old is not None else {}
    secrets, entered = {}, set()
    for name, value in given.items():
        secrets[name], same = _sealed(vault, wanted.id, name, value, stored.get(name))
        if not same:
            entered.add(name)
    hook = None
    if wanted.webhook_secret is not None and wanted.webhook_secret.get_secret_value():
        hook, same = _sealed(vault, wanted.id, HOOK, wanted.webhook_secret, old.webhook_secret if old else None)
        if not same:
            entered.add(HOOK)
    agreed_anew = AGREED in entered or (AGREED in stored) != (AGREED in secrets)
    scopes = old.scopes if old is not None and not agreed_anew else None
    if granted is not None:
        scopes = tuple(sorted(granted))
    return Sealed(secrets=secrets, webhook_secret=hook, entered=frozenset(entered), scopes=scopes)


def completed(vault: Vault, wanted: ConnectionFile, old: Connection | None) -> ConnectionFile:
    """Return a connection of a file with the secrets that it does not name, as they stand; raises `VaultError`.

    Those of another way to sign in are none of it.
    """
    if old is None:
        return wanted
    stored = dict(old.secrets) if old.auth == wanted.auth else {}
    secrets = {name: _opened(vault, old, name, sealed) for name, sealed in stored.items() if name not in wanted.secrets}
    hook = wanted.webhook_secret
    if hook is None and old.webhook_secret:
        hook = _opened(vault, old, HOOK, old.webhook_secret)
    return wanted.model_copy(update={"secrets": {**secrets, **wanted.secrets}, "webhook_secret": hook})


def as_file(vault: Vault, row: Connection) -> ConnectionFile:
    """Return a connection that is set up as people would write it, without what a person agreed to."""
    kept = row.model_dump(include=set(ConnectionSettings.model_fields))
    secrets = {name: _opened(vault, row, name, sealed) for name, sealed in row.secrets.items() if name != AGREED}
    hook = _opened(vault, row, HOOK, row.webhook_secret) if row.webhook_secret else None
    return ConnectionFile(**kept, secrets=secrets, webhook_secret=hook)


def _opened(vault: Vault, row: Connection, name: str, sealed: str) -> SecretStr:
    return SecretStr(vault.open(sealed, connection=row.id, name=name))


def _sealed(vault: Vault, connection: str, name: str, value: SecretStr, old: str | None) -> tuple[str, bool]:
    """Return the seal, and whether the secret is the one that was sealed before; the same seal where it may stay."""
    text = value.get_secret_value()
    same = False
    if old:
        try:
            same = vault.open(old, connection=connection, name=name) == text
        except VaultError:
            same = False  # cannot be opened: it is sealed anew, from what the file says
        if same and vault.is_current(old):
            return old, True
    return vault.seal(text, connection=connection, name=name), same

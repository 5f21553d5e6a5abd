"""What Syncline is known by at an app: sealed, and carried into the accounts that came by it."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from services.console.setups.files import CredentialsFile, SetupError, SetupFile
from services.console.setups.plans import Change
from services.console.setups.sealing import HOOK
from shared.contract.app import App
from shared.io.calls.vault import Vault
from shared.model.syncs import AppCredentials, Connection
from shared.wire.messages import SetupDoc

CLIENT: Final = ("client_id", "client_secret")


def opened(vault: Vault, known: AppCredentials) -> dict[str, str]:
    """Return an app's credentials in the clear; raises `VaultError`."""
    place = _place(known.app)
    return {name: vault.open(sealed, connection=place, name=name) for name, sealed in known.secrets.items()}


def wanted_changes(
    vault: Vault,
    app: App | None,
    wanted: CredentialsFile,
    old: AppCredentials | None,
    rows: Iterable[Connection],
    said: Collection[str],
) -> tuple[Change, ...]:
    """Return what a file changes by the credentials that it names; raises `SetupError` and `VaultError`.

    Args:
        vault: Seals and opens.
        app: The app, where there is one.
        wanted: What the file says.
        old: What is set up.
        rows: The connections that are set up.
        said: Connections of which the file says itself what they sign in with.
    """
    if app is None or all(one.code_flow is None for one in app.auth):
        raise SetupError(f"credentials of {wanted.app!r}: there is no such app on whose page people agree")
    kept = opened(vault, old) if old is not None else {}
    if wanted.client_secret is None and kept.get("client_id") != wanted.client_id:
        raise SetupError(f"credentials of {wanted.app!r}: write the client_secret of this client_id, too")
    given = given_by(wanted, kept)
    options = {name: text for name, text in wanted.options.items() if text}
    if old is not None and (kept, old.base_url, dict(old.options)) == (given, wanted.base_url, options):
        return ()
    return changes(vault, wanted, old, [row for row in rows if row.id not in said])


def given_by(wanted: CredentialsFile, kept: Mapping[str, str]) -> dict[str, str]:
    """Return credentials in the clear; a secret that is not named is the one that stands."""
    secret = wanted.client_secret.get_secret_value() if wanted.client_secret is not None else kept["client_secret"]
    return {"client_id": wanted.client_id, "client_secret": secret}


def changes(
    vault: Vault, wanted: CredentialsFile, old: AppCredentials | None, rows: Iterable[Connection]
) -> tuple[Change, ...]:
    """Return the documents of credentials, and of the accounts that came by the same client id; raises `VaultError`."""
    kept = opened(vault, old) if old is not None else {}
    given, place = given_by(wanted, kept), _place(wanted.app)
    row = AppCredentials(
        app=wanted.app,
        secrets={name: vault.seal(text, connection=place, name=name) for name, text in given.items()},
        base_url=wanted.base_url,
        options={name: text for name, text in wanted.options.items() if text},
        version=old.version + 1 if old else 1,
    )
    details = [f"{name}: {'changed' if old else 'entered'}" for name in CLIENT if kept.get(name) != given[name]]
    first = Change(
        key=f"credentials:{wanted.app}",
        doc=SetupDoc(credentials=row),
        sign="~" if old else "+",
        details=tuple(details),
    )
    return (first, *_followed(vault, wanted.app, kept, given, rows))


def _followed(
    vault: Vault, app: str, kept: Mapping[str, str], given: Mapping[str, str], rows: Iterable[Connection]
) -> list[Change]:
    """Return the changes that put the new secret into the accounts of the same client id."""
    if kept.get("client_id") != given["client_id"] or kept.get("client_secret") == given["client_secret"]:
        return []
    found = []
    for row in rows:
        if not _came_by(vault, row, app, kept):
            continue
        sealed = vault.seal(given["client_secret"], connection=row.id, name="client_secret")
        update: dict[str, object] = {"version": row.version + 1}
        update["secrets"] = {**row.secrets, "client_secret": sealed}
        hook = vault.open(row.webhook_secret, connection=row.id, name=HOOK) if row.webhook_secret else ""
        if hook == kept["client_secret"]:
            update["webhook_secret"] = vault.seal(given["client_secret"], connection=row.id, name=HOOK)
        found.append(Change(key=f"connection:{row.id}", doc=SetupDoc(connection=row.model_copy(update=update))))
    return found


def with_followed(
    vault: Vault, wanted: SetupFile, known: Mapping[str, AppCredentials], rows: Mapping[str, Connection]
) -> SetupFile:
    """Return a file whose connections take a new secret of the client that they came by, where they name none."""
    said = {one.app: one for one in wanted.credentials if one.client_secret is not None and one.app in known}
    found = []
    for one in wanted.connections:
        row, new = rows.get(one.id), said.get(one.app)
        if row is not None and new is not None and "client_secret" not in one.secrets and row.auth == one.auth:
            kept = opened(vault, known[one.app])
            if kept["client_id"] == new.client_id and _came_by(vault, row, one.app, kept):
                update: dict[str, object] = {"secrets": {**one.secrets, "client_secret": new.client_secret}}
                hook = vault.open(row.webhook_secret, connection=row.id, name=HOOK) if row.webhook_secret else ""
                if one.webhook_secret is None and hook == kept["client_secret"]:
                    update[HOOK] = new.client_secret
                found.append(one.model_copy(update=update))
                continue
        found.append(one)
    return wanted.model_copy(update={"connections": tuple(found)})


def _came_by(vault: Vault, row: Connection, app: str, kept: Mapping[str, str]) -> bool:
    """Check whether an account came by an app's credentials."""
    if row.app != app or "client_secret" not in row.secrets:
        return False
    own = {name: vault.open(row.secrets[name], connection=row.id, name=name) for name in CLIENT}
    return own == {name: kept[name] for name in CLIENT}


def _place(app: str) -> str:
    """Name what an app's credentials are sealed for; no connection has such an id."""
    return f"app {app}"

"""Takes back what was granted, at the app, before an account is forgotten here: what cannot be done is told."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from services.console.setups.accounts.discovery import Apps
from shared.contract.app import App
from shared.contract.calls import AppError
from shared.contract.sign_in import Auth
from shared.io.calls.vault import VaultError
from shared.io.ports import NotReady, run_blocking
from shared.io.process.service import Service
from shared.model.syncs import Connection

MakeApps: TypeAlias = Callable[[Service, Iterable[Connection]], Apps]
_WAIT_S: Final = 10.0
"""How long an app may let whoever disconnects an account wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """What came of revoking a sign-in."""

    state: Literal["none", "done", "failed"] = "none"
    """`none` where the sign-in has nothing that an app could take back."""
    line: str = ""


def auth_of(app: App, row: Connection) -> Auth | None:
    """Return the way in which a connection signs in; None for one that this version does not know."""
    return next((one for one in app.auth if one.kind == row.auth), None)


def revoke(service: Service, name: str, apps_with: MakeApps = Apps) -> Revoked:
    """Revoke at the app what a connection signs in with; raises `BusUnavailable`.

    Nothing that goes wrong at the app keeps anybody from disconnecting an account.
    """
    row, app = service.setups.connection(name), service.setups.app_of(name)
    auth = auth_of(app, row)
    if auth is None or auth.revoke is None:
        return Revoked()
    try:
        apps = apps_with(service, [row])
        secrets = apps.caller.sign_ins.newest_secrets(apps.caller.sign_ins.open(name))
        run_blocking(apps.caller.run_unsigned(name, auth.revoke(secrets), wait_s=_WAIT_S))
    except (AppError, NotReady, VaultError) as error:
        said = error.message if isinstance(error, AppError) else str(error)
        line = f"{app.title} could not be told to revoke the sign-in ({said}): remove Syncline there, in the account"
        return Revoked(state="failed", line=f"{line}'s connected apps.")
    return Revoked(state="done", line=f"The sign-in is revoked at {app.title}.")

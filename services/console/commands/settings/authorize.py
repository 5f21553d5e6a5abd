"""Connects an account by OAuth: a person agrees in their browser, and what comes of it is stored as `apply` does."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from services.console.commands.printing import ending_on
from services.console.commands.settings.listener import Listener
from services.console.setups import consent
from services.console.setups.accounts.discovery import Apps, discover
from services.console.setups.consent import Consent, ConsentError, NotOurs
from services.console.setups.files import ConnectionFile, SetupError, SetupFile, read
from services.console.setups.planning import draft, plan
from services.console.setups.plans import Current
from services.console.setups.publishing import publish
from services.console.setups.sealing import AGREED, as_file, completed, seal
from shared.contract.app import App
from shared.contract.calls import AppError
from shared.contract.oauth import Code, Tokens
from shared.contract.sign_in import CodeFlow
from shared.io.calls.caller import HttpCaller
from shared.io.calls.vault import Vault, VaultError
from shared.io.ports import BusUnavailable, NotReady, run_blocking
from shared.io.process.service import Service
from shared.model.syncs import Connection

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@ending_on(SetupError, ConsentError, VaultError, BusUnavailable, NotReady, OSError)
def run(service: Service, name: str, path: Path | None, *, redirect: str, objects: Sequence[str], paste: bool) -> int:
    """Connect, or connect again, and return the exit code: 0 connected, 1 refused.

    Args:
        service: The parts of this process.
        name: The connection.
        path: A file that names it; what is set up already when None.
        redirect: Where the app sends the person back to, as registered there.
        objects: The object types to ask for; all when none is named.
        paste: Take the answer from standard input, where no browser of this machine can be sent back.
    """
    wanted = _wanted(service, name, path)
    paste = paste or urlsplit(redirect).hostname not in _LOOPBACK
    lines = _connect(service, wanted, redirect, objects, paste=paste)
    for line in lines:
        sys.stdout.write(f"{line}\n")
    return 0


def _wanted(service: Service, name: str, path: Path | None) -> ConnectionFile:
    """Return the connection to make: out of the file, or as it is set up."""
    if path is not None:
        found = next((row for row in read(path.read_text()).connections if row.id == name), None)
        if found is None:
            raise SetupError(f"{path} names no connection {name!r}")
        old = next((row for row in service.setups.connections() if row.id == name), None)
        return completed(Vault.from_file(service.settings.key_file), found, old)
    row = next((row for row in service.setups.connections() if row.id == name), None)
    if row is None:
        raise SetupError(f"there is no connection {name!r}: name the file that describes it, with --file")
    return as_file(Vault.from_file(service.settings.key_file), row)


def _connect(
    service: Service, wanted: ConnectionFile, redirect: str, objects: Sequence[str], *, paste: bool
) -> list[str]:
    current = Current.of(service.setups, service.jobs)
    vault = Vault.from_file(service.settings.key_file)
    row = draft(current, wanted, seal(vault, wanted, current.connections.get(wanted.id)))
    apps = Apps(service, {**current.connections, row.id: row}.values())
    app = current.apps[row.app]
    flow = _flow(app, wanted)
    scopes = consent.scopes_for(app, objects)
    client_id = wanted.secrets["client_id"].get_secret_value()
    question = Consent(client_id, redirect, scopes, pkce=flow.pkce, now=time.monotonic)
    page = flow.page(apps.setups.session(row.id), question.asked())
    code = _ask(question, [*consent.permissions(app, scopes), "Open this address in a browser:", page], paste=paste)
    began = time.monotonic()
    tokens = _redeemed(apps.caller, flow, row, code)
    granted = tokens.scopes if tokens.scopes is not None else frozenset(scope.name for scope in scopes)
    needed, liked = consent.missing(scopes, granted)
    if needed:
        raise ConsentError(
            f"the account was not connected, because {app.title} did not grant what is needed: "
            f"{consent.spelled(needed)}. Add it to the app there, and start again."
        )
    whole = wanted.model_copy(update={"secrets": {**wanted.secrets, AGREED: SecretStr(tokens.refresh_token)}})
    _store(service, current, whole, granted, lambda apps: _adopt(apps, row.id, tokens, began))
    return [f"connected {wanted.id}", *consent.limits(liked)]


def _adopt(apps: Apps, name: str, tokens: Tokens, began: float) -> None:
    """Use the access token that came with the agreement."""
    apps.caller.sign_ins.adopt(apps.caller.sign_ins.open(name), tokens, began)


def _store(
    service: Service,
    current: Current,
    wanted: ConnectionFile,
    granted: frozenset[str],
    adopt: Callable[[Apps], None],
) -> None:
    """Change a connection to what a person has just agreed to; raises `SetupError`."""
    file = SetupFile(connections=(wanted,))
    drawn = plan(current, file, discover(service, current, file, granted={wanted.id: granted}, adopt=adopt))
    if drawn.errors or drawn.unasked:
        raise SetupError("\n".join((*drawn.errors, *drawn.unasked)))
    if publish(service, drawn.changes):
        raise SetupError(
            f"somebody else changed connection {wanted.id!r} at the same moment, and was first: start again"
        )


def _flow(app: App, wanted: ConnectionFile) -> CodeFlow:
    flow = next((one.code_flow for one in app.auth if one.kind == wanted.auth), None)
    if flow is None:
        raise SetupError(f"connection {wanted.id!r}: {app.title} offers no consent page for {wanted.auth!r}")
    lacking = [key for key in ("client_id", "client_secret") if key not in wanted.secrets]
    if lacking:
        raise SetupError(
            f"connection {wanted.id!r} lacks {', '.join(lacking)}: take them from the app that you registered with "
            f"{app.title}, and name them in the file"
        )
    return flow


def _redeemed(caller: HttpCaller, flow: CodeFlow, row: Connection, code: Code) -> Tokens:
    secrets = caller.sign_ins.open(row.id, partly=True).secrets
    try:
        return run_blocking(caller.run_unsigned(row.id, flow.redeem(secrets, code), wait_s=15.0))
    except AppError as error:
        raise ConsentError(f"the account was not connected: {error.message}") from error


# Asking


def _ask(question: Consent, lines: Sequence[str], *, paste: bool) -> Code:
    """Show the question, and take the answer."""
    if paste:
        return _pasted(question, lines)
    with Listener(question) as listener:  # before anybody is asked: the port may be taken
        _tell(*lines, "Waiting for the browser, ten minutes at most.")
        return listener.wait()


def _pasted(question: Consent, lines: Sequence[str]) -> Code:
    """Read the address that the browser was sent to, as a person copies it."""
    _tell(*lines, "Then paste the whole address to which it is sent afterwards:")
    while True:
        line = sys.stdin.readline()
        if not line:
            raise ConsentError("no answer was given")
        try:
            return question.answer(line.strip())
        except NotOurs as error:
            _tell(str(error))


def _tell(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()

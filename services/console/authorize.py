"""Connects an account by OAuth: a person agrees in their browser, and what comes of it is stored as `apply` does."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from services.console import consent, setup
from services.console.consent import Consent, ConsentError, NotOurs
from services.console.listener import Listener
from shared.core.connector import App, AppError, CodeFlow
from shared.core.oauth import Code, Tokens
from shared.core.syncs import Connection
from shared.io.http import HttpCaller
from shared.io.ports import BusUnavailable, NotReady, run_blocking
from shared.io.service import Service
from shared.io.vault import VaultError

REDIRECT: Final = "http://127.0.0.1:8703/callback"
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def run(service: Service, name: str, path: Path | None, *, redirect: str, objects: Sequence[str], paste: bool) -> int:
    """Connect, or connect again; gives the exit code: 0 connected, 1 refused.

    Args:
        service: The parts of this process.
        name: The connection.
        path: A file that names it; what is set up already when None.
        redirect: Where the app sends the person back to, as registered there.
        objects: The object types to ask for; all when none is named.
        paste: Take the answer from standard input, where no browser of this machine can be sent back.
    """
    try:
        changes = setup.Changes(service)
        wanted = _wanted(service, changes, name, path)
        paste = paste or urlsplit(redirect).hostname not in _LOOPBACK
        lines = _connect(changes, wanted, redirect, objects, paste=paste)
    except (setup.SetupError, ConsentError, VaultError, BusUnavailable, NotReady, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for line in lines:
        sys.stdout.write(f"{line}\n")
    return 0


def _wanted(service: Service, changes: setup.Changes, name: str, path: Path | None) -> setup.ConnectionFile:
    """Give the connection to make: out of the file, or as it is set up."""
    if path is not None:
        found = next((row for row in setup.read(path.read_text()).connections if row.id == name), None)
        if found is None:
            raise setup.SetupError(f"{path} names no connection {name!r}")
        return found
    row = next((row for row in service.setups.connections() if row.id == name), None)
    if row is None:
        raise setup.SetupError(f"there is no connection {name!r}: name the file that describes it, with --file")
    return changes.as_file(row)


def _connect(
    changes: setup.Changes, wanted: setup.ConnectionFile, redirect: str, objects: Sequence[str], *, paste: bool
) -> list[str]:
    row = changes.draft(wanted)
    app, flow = changes.app(wanted), _flow(changes.app(wanted), wanted)
    scopes = consent.scopes_for(app, objects)
    client_id = wanted.secrets["client_id"].get_secret_value()
    question = Consent(client_id, redirect, scopes, pkce=flow.pkce, now=time.monotonic)
    page = flow.page(changes.session(row), question.asked())
    code = _ask(question, [*consent.permissions(app, scopes), "Open this address in a browser:", page], paste=paste)
    began = time.monotonic()
    tokens = _redeemed(changes.caller(), flow, row, code)
    granted = tokens.scopes if tokens.scopes is not None else frozenset(scope.name for scope in scopes)
    needed, liked = consent.missing(scopes, granted)
    if needed:
        raise ConsentError(
            f"the account was not connected, because {app.title} did not grant what is needed: "
            f"{consent.spelled(needed)}. Add it to the app there, and start again."
        )
    whole = wanted.model_copy(update={"secrets": {**wanted.secrets, "refresh_token": SecretStr(tokens.refresh_token)}})
    changes.connect(whole, tokens, granted, began)
    run_blocking(changes.service.bus.publish(changes.messages))
    return [f"connected {wanted.id}", *consent.limits(liked)]


def _flow(app: App, wanted: setup.ConnectionFile) -> CodeFlow:
    flow = next((one.code_flow for one in app.auth if one.kind == wanted.auth), None)
    if flow is None:
        raise setup.SetupError(f"connection {wanted.id!r}: {app.title} offers no consent page for {wanted.auth!r}")
    lacking = [key for key in ("client_id", "client_secret") if key not in wanted.secrets]
    if lacking:
        raise setup.SetupError(
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

"""Prints the link that makes the first admin, when the console starts and there is none."""

import sys
import threading
from typing import Final

from services.console.use.administration.users import Accounts
from shared import logs
from shared.io.redis.once import OnceAway
from shared.settings import Settings

_TURN_S: Final = 0.5
_log = logs.get(__name__)


def offer(accounts: Accounts, settings: Settings, is_read: threading.Event, stop: threading.Event) -> None:
    """Wait until the users are known, and print the link where there is no admin; one console alone prints it."""
    trouble = logs.Trouble(_log, "first_admin_not_offered")
    while not stop.is_set():
        if not is_read.wait(_TURN_S):
            continue
        try:
            secret = accounts.offer_first_admin()
        except OnceAway as error:
            trouble.begun(detail=str(error))
            stop.wait(_TURN_S)
            continue
        trouble.over()
        if secret is not None:
            _tell(f"Make the first admin (works once, within an hour): {address(settings)}/first-admin?token={secret}")
        elif not accounts.people.has_admin():
            _tell("There is no admin yet: a console printed a link to make the first one within the last hour.")
        return


def address(settings: Settings) -> str:
    """Return under which address people call the console."""
    if settings.console_names:
        return f"https://{settings.console_names[0]}"
    return f"http://127.0.0.1:{settings.console_port}"


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()

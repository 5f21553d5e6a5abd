"""Passwords: hashed by Argon2, and the hash sealed, so that a copy of the topic is nothing to guess at."""

import threading
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from services.console.use.problems import Problem
from shared.io.calls.vault import Vault, VaultError

SHORTEST: Final = 12
LONGEST: Final = 256
_AT_ONCE: Final = 2
"""Hashes that are computed at once: each takes 19 MiB."""
HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""What a guess costs; tests may take one that costs less."""
_PLACE: Final = "the console"


class Passwords:
    """Seals and checks passwords."""

    def __init__(self, vault: Vault, hasher: PasswordHasher = HASHER) -> None:
        self._vault, self._hasher = vault, hasher
        self._turn = threading.BoundedSemaphore(_AT_ONCE)
        self._nobodys = hasher.hash("nobody has this password")

    def seal(self, user: str, password: str) -> str:
        """Return a password as it is stored; raises `Problem` where no key is set up."""
        with self._turn:
            hashed = self._hasher.hash(password)
        try:
            return self._vault.seal(hashed, connection=_PLACE, name=_name(user))
        except VaultError as error:
            raise Problem(503, "Passwords cannot be stored", str(error)) from error

    def check(self, user: str, sealed: str | None, password: str) -> bool:
        """Check a password; it takes as long where there is none, so that nobody learns who has an account."""
        hashed = self._nobodys
        if sealed is not None:
            try:
                hashed = self._vault.open(sealed, connection=_PLACE, name=_name(user))
            except VaultError as error:
                raise Problem(503, "Passwords cannot be read", str(error)) from error
        with self._turn:
            try:
                return self._hasher.verify(hashed, password[: LONGEST + 1]) and sealed is not None
            except (VerifyMismatchError, InvalidHashError):
                return False


def fault_of(password: str, *own: str) -> str:
    """Return what is wrong with a new password, as a sentence; empty where nothing is.

    Args:
        password: What somebody chose.
        own: What everybody knows of this person, such as the address.
    """
    if len(password) < SHORTEST:
        return f"Choose at least {SHORTEST} characters; a few words that do not belong together are easy to keep."
    if len(password) > LONGEST:
        return f"Choose at most {LONGEST} characters."
    if len(set(password)) < SHORTEST // 2:
        return "Choose more different characters: one this regular is guessed first."
    if password.casefold() in {text.casefold() for text in own}:
        return "Choose something else than your address or name."
    return ""


def _name(user: str) -> str:
    return f"password of user {user}"

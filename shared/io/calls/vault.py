"""Secrets of connections at rest: sealed with AES-GCM under a key from a file, bound to the place they belong to.

The file holds one key a line (32 bytes in base64), the newest first: new secrets are sealed with the first, old ones
are opened with whichever key sealed them. To rotate, put a new line on top, seal everything again, drop the old line.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORM: Final = "v1"
_NONCE: Final = 12


class VaultError(Exception):
    """A secret cannot be sealed or opened; the message says what to do, and never what the secret is."""


class Vault:
    """Seals and opens secrets.

    Args:
        keys: Keys of 32 bytes, the newest first; without any, nothing can be sealed or opened.
    """

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        if any(len(key) != 32 for key in keys):
            raise VaultError("a key must have 32 bytes: make one with `openssl rand -base64 32`")
        self._keys = {_name(key): AESGCM(key) for key in keys}
        self._newest = _name(keys[0]) if keys else ""

    @classmethod
    def from_file(cls, path: Path | None) -> "Vault":
        """Read the keys; raises `VaultError` with a sentence."""
        if path is None:
            return cls()
        try:
            lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
            keys = [base64.b64decode(line, validate=True) for line in lines]
        except (OSError, UnicodeDecodeError, binascii.Error) as error:
            raise VaultError(f"the key file {path} cannot be read: {error}") from error
        if not keys:
            raise VaultError(f"the key file {path} is empty: fill it with `openssl rand -base64 32`")
        return cls(keys)

    def seal(self, secret: str, *, connection: str, name: str) -> str:
        """Seal a secret for one place: moved to another one, it cannot be opened."""
        if not self._newest:
            raise VaultError("there is no key to seal secrets with: name a key file in SYNCLINE_KEY_FILE")
        nonce = os.urandom(_NONCE)
        sealed = self._keys[self._newest].encrypt(nonce, secret.encode(), _place(connection, name))
        return f"{_FORM}:{self._newest}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, *, connection: str, name: str) -> str:
        """Open a sealed secret; raises `VaultError`."""
        what = f"the secret {name!r} of connection {connection!r}"
        form, _, rest = sealed.partition(":")
        key, _, text = rest.partition(":")
        if form != _FORM or not text:
            raise VaultError(f"{what} is not sealed in a form that this version knows: enter it anew")
        if key not in self._keys:
            raise VaultError(f"{what} was sealed with key {key}, which is not in SYNCLINE_KEY_FILE: add that key again")
        try:
            raw = base64.b64decode(text, validate=True)
            return self._keys[key].decrypt(raw[:_NONCE], raw[_NONCE:], _place(connection, name)).decode()
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise VaultError(f"{what} was changed, or belongs elsewhere: enter it anew") from error

    def is_current(self, sealed: str) -> bool:
        """Check whether a secret was sealed with the newest key."""
        return sealed.startswith(f"{_FORM}:{self._newest}:")


def new_key() -> str:
    """Make a line for the key file."""
    return base64.b64encode(os.urandom(32)).decode()


def _name(key: bytes) -> str:
    return hashlib.sha256(b"syncline key" + key).hexdigest()[:8]


def _place(connection: str, name: str) -> bytes:
    return f"{connection}\x1f{name}".encode()

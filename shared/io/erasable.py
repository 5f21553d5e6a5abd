"""Values that can be made unreadable wherever copies of them lie: sealed under a key that one place alone keeps.

One text under one key and name is always sealed to the same: what is published twice is the same message twice.
"""

import base64
import binascii
import hashlib
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY: Final = 16
_NONCE: Final = 12


class Unsealable(Exception):  # noqa: N818 - names the state of the text
    """The text was sealed under another key or name, or was changed."""


def new_key() -> str:
    """Return a key that nobody else has."""
    return base64.urlsafe_b64encode(os.urandom(_KEY)).decode()


def place(pair: str, rev: int) -> str:
    """Return the name under which the values of a pair's step are sealed."""
    return f"{pair}@{rev}"


def seal(key: str, name: str, text: str) -> str:
    """Seal a text under a key, for one name.

    The nonce is made of all that is sealed, under the key: no two texts share one, and none has to be remembered.
    """
    return seal_bytes(key, name, text.encode("utf-8", "surrogatepass"))


def seal_bytes(key: str, name: str, plain: bytes) -> str:
    """Seal bytes under a key, for one name."""
    raw, place = _raw(key), name.encode()
    nonce = hashlib.blake2b(place + b"\0" + plain, key=raw, digest_size=_NONCE).digest()
    return base64.b64encode(nonce + AESGCM(raw).encrypt(nonce, plain, place)).decode()


def unseal(key: str, name: str, sealed: str) -> str:
    """Return the text that was sealed; raises `Unsealable`."""
    return unseal_bytes(key, name, sealed).decode("utf-8", "surrogatepass")


def unseal_bytes(key: str, name: str, sealed: str) -> bytes:
    """Return the bytes that were sealed; raises `Unsealable`."""
    try:
        raw = base64.b64decode(sealed, validate=True)
        return AESGCM(_raw(key)).decrypt(raw[:_NONCE], raw[_NONCE:], name.encode())
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise Unsealable(f"what was sealed for {name!r} cannot be read") from error


def _raw(key: str) -> bytes:
    return base64.urlsafe_b64decode(key)

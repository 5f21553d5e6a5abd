"""Calls webhooks of others: signed as Standard Webhooks has it, to addresses that the guard lets pass, once a call.

What is signed is the message's id, the second at which it is sent and its body, so that whoever took a call down cannot
send it again later. Redirects are not followed: the guard has seen the address that somebody typed, and no other.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import requests

from shared.io.net.ssrf import AddressGuard, BlockedAddress, BoundedAdapter, blocked
from shared.settings import Settings

_CONNECT_S: Final = 5.0
_READ_S: Final = 10.0
_MOST: Final = 65_536
"""Bytes of an answer, of which the status alone counts."""
_MADE: Final = "whsec_"
"""How a secret begins that is bytes in base64, by the standard; any other is taken as it is."""


class HookError(Exception):
    """A webhook did not take a message; the sentence names its host alone, for the address may be secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCall:
    """One message to a webhook."""

    url: str
    secret: str = field(default="", repr=False)
    """Empty where calls are not signed."""
    id: str
    """The same each time the message is sent."""
    body: bytes
    at_ms: int
    """When it is sent."""


Hook: TypeAlias = Callable[[HookCall], None]
"""Sends a message to a webhook; raises `HookError`."""


def make_hook(settings: Settings) -> Hook:
    """Return what calls webhooks, as the settings say."""
    guard = AddressGuard(settings.allow_private_addresses)
    verify: str | bool = str(settings.http_ca_file) if settings.http_ca_file else True

    def hook(call: HookCall) -> None:
        with requests.Session() as http:
            http.trust_env, http.verify = False, verify
            http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            for scheme in ("https://", "http://"):
                http.mount(scheme, BoundedAdapter(guard, read_s=_READ_S, most=_MOST))
            try:
                answer = http.post(
                    call.url, data=call.body, headers=headers_of(call), timeout=(_CONNECT_S, _READ_S),
                    allow_redirects=False,
                )  # fmt: skip
            except (requests.RequestException, BlockedAddress, OSError, ValueError) as error:
                raise HookError(_said(call.url, error)) from error
        if not 200 <= answer.status_code < 300:
            raise HookError(f"{_host(call.url)} answered {answer.status_code}")

    return hook


def headers_of(call: HookCall) -> dict[str, str]:
    """Return the headers of a call, with its signature where there is a secret."""
    second = str(call.at_ms // 1000)
    found = {
        "Content-Type": "application/json", "User-Agent": "syncline", "webhook-id": call.id,
        "webhook-timestamp": second,
    }  # fmt: skip
    if call.secret:
        signed = b".".join((call.id.encode(), second.encode(), call.body))
        digest = hmac.new(key_of(call.secret), signed, hashlib.sha256).digest()
        found["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return found


def key_of(secret: str) -> bytes:
    """Return the bytes that a secret signs by; raises `ValueError` for one that is said to be base64, and is not."""
    if not secret.startswith(_MADE):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_MADE), validate=True)
    except binascii.Error as error:
        raise ValueError(f"what follows {_MADE} is not base64") from error


def _said(url: str, error: Exception) -> str:
    """Return what became of a call, without the address that a name leads to."""
    cause, host = blocked(error), _host(url)
    if cause is not None:
        return str(cause)
    if isinstance(error, requests.exceptions.SSLError):
        return f"there is no secure connection to {host}: it speaks no TLS, or its certificate does not hold here"
    return f"{host} does not answer"


def _host(url: str) -> str:
    return urlsplit(url).netloc

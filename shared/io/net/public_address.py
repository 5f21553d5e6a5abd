"""Checks whether an app can reach this installation: by the public address, to ingest, which alone can answer.

Ingest answers with what it was asked, sealed by the installation's key, and with the address that it takes for its own,
which the signatures of apps cover. It is asked from here and not from where the app is: what stands between the app and
the public address shows only when the app calls.
"""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import MaxRetryError

ASKED: Final = "check"
"""What the public address is asked with; the answer has it sealed under the same name."""
ADDRESS: Final = "address"
"""Under which name the answer has the address that ingest takes for its own."""
_LONGEST: Final = 200
"""Characters of an address that are told at most."""
_PATIENCE_S: Final = 5.0
"""HubSpot waits as long for an answer."""

Step: TypeAlias = Literal[
    "works", "no_url", "only_here", "not_https", "no_name", "only_inside", "refused", "no_answer", "not_secure",
    "redirected", "another", "other_key", "other_address",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What came of a check."""

    step: Step
    """What failed first."""
    detail: str = ""
    """What the failure says itself."""


def check(url: str, path: str, nonce: str, proves: Callable[[str], bool], *, local: bool, ca_file: str = "") -> Reach:
    """Call ourselves by the public address, as an app would.

    Args:
        url: The public address, as it is set.
        path: Where the app's calls are taken.
        nonce: A text that nobody knows yet.
        proves: Checks that an answer can only be ours.
        local: Whether the app is on this machine or in this network, so that a private address is as good.
        ca_file: Certificates that vouch for apps of one's own.
    """
    wrong = _wrong(url, local=local)
    if wrong is not None:
        return wrong
    try:
        with requests.Session() as http:
            http.trust_env = False
            answer = http.get(
                f"{url.rstrip('/')}{path}",
                params={ASKED: nonce},
                timeout=_PATIENCE_S,
                allow_redirects=False,
                verify=ca_file or True,
            )
    except requests.RequestException as error:
        return Reach(step=_failed(error), detail=_cause(error))
    if 300 <= answer.status_code < 400:
        return Reach(step="redirected", detail=str(answer.status_code))
    told = _told(answer)
    if not told.get(ASKED):
        return Reach(step="another", detail=str(answer.status_code))
    if not proves(told[ASKED]):
        return Reach(step="other_key")
    own = told.get(ADDRESS, url).rstrip("/")  # a version before does not tell it
    return Reach(step="works") if own == url.rstrip("/") else Reach(step="other_address", detail=own[:_LONGEST])


def _wrong(url: str, *, local: bool) -> Reach | None:
    """Return what is wrong with an address, before it is called."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return Reach(step="no_url", detail=url)
    try:
        found = [str(row[4][0]) for row in socket.getaddrinfo(parts.hostname, parts.port or 443)]
    except OSError as error:
        return Reach(step="no_name", detail=str(error))
    private = _private(found)
    if local:
        return None
    if private:
        return Reach(step=private)
    return Reach(step="not_https") if parts.scheme != "https" else None


def _failed(error: requests.RequestException) -> Step:
    if isinstance(error, requests.exceptions.SSLError):
        return "not_secure"
    return "no_answer" if isinstance(error, requests.Timeout) else "refused"


def _private(found: list[str]) -> Literal["", "only_here", "only_inside"]:
    addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in found]
    if all(address.is_loopback for address in addresses):
        return "only_here"
    return "" if any(address.is_global for address in addresses) else "only_inside"


def is_local(url: str) -> bool:
    """Check whether an app's own address is private, so that it may reach private addresses, too."""
    try:
        found = [str(row[4][0]) for row in socket.getaddrinfo(urlsplit(url).hostname, None)]
    except OSError:
        return False
    return bool(_private(found))


def _told(answer: requests.Response) -> dict[str, str]:
    """Return the texts of an answer by name; nothing where it is no answer of ingest."""
    try:
        body: Any = answer.json()
    except ValueError:
        return {}
    return {name: text for name, text in body.items() if isinstance(text, str)} if isinstance(body, dict) else {}


def _cause(error: requests.RequestException) -> str:
    inner: Any = error.args[0] if error.args else error
    if isinstance(inner, MaxRetryError) and inner.reason is not None:
        inner = inner.reason
    return str(inner)

"""Normal forms of what identifies records. All are total (any text in, no exception) and idempotent."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

import idna

from shared.core.records import Value

_ADDRESS: Final = re.compile(r"<([^<>]*)>")
_SPLIT: Final = re.compile(r"[;,\s]+")
_LOCAL: Final = re.compile(r"[^\s@<>()\[\]\\,;:\"]+")
_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_TOP: Final = re.compile(r"[a-z]{2,63}|xn--[a-z0-9-]{1,59}")
_SCHEME: Final = re.compile(r"^[a-z][a-z0-9+.-]*://")
_EDGE: Final = re.compile(r"^[\W_]+|[\W_]+$")

FREE_MAIL: Final = frozenset(
    [
        "gmail.com",
        "googlemail.com",
        "yahoo.com",
        "yahoo.co.uk",
        "yahoo.de",
        "yahoo.fr",
        "yahoo.it",
        "ymail.com",
        "outlook.com",
        "hotmail.com",
        "hotmail.co.uk",
        "hotmail.fr",
        "hotmail.it",
        "hotmail.de",
        "live.com",
        "msn.com",
        "icloud.com",
        "me.com",
        "mac.com",
        "aol.com",
        "gmx.de",
        "gmx.net",
        "gmx.at",
        "gmx.ch",
        "web.de",
        "t-online.de",
        "freenet.de",
        "mail.com",
        "mail.ru",
        "yandex.ru",
        "yandex.com",
        "proton.me",
        "protonmail.com",
        "libero.it",
        "virgilio.it",
        "tiscali.it",
        "orange.fr",
        "wanadoo.fr",
        "free.fr",
        "laposte.net",
        "sfr.fr",
        "qq.com",
        "163.com",
        "126.com",
        "naver.com",
        "zoho.com",
        "fastmail.com",
        "hey.com",
        "tutanota.com",
        "bluewin.ch",
        "telenet.be",
        "skynet.be",
        "ziggo.nl",
        "comcast.net",
        "verizon.net",
    ]
)
"""Hosts of mailboxes for everyone: never the identity of a company."""


@lru_cache(maxsize=65_536)
def email(text: str) -> str | None:
    """Give the one valid address in *text* in normal form; None when there is none.

    Semantics of a valid e-mail: one ``@``, a local part of 1 to 64 in dot-atom form, a domain of two labels or more
    with an alphabetic or IDN top label, 254 in all; no quoted local part, no IP literal. Neither plus tags nor dots
    are folded: two such addresses may be two people.
    """
    found = emails(text)
    return found[0] if found else None


@lru_cache(maxsize=65_536)
def emails(text: str) -> tuple[str, ...]:
    """List the valid addresses in *text*, which may hold several separated by ``;``, ``,`` or white space."""
    normal = unicodedata.normalize("NFC", text).strip()
    bracketed = _ADDRESS.findall(normal)
    parts = bracketed or _SPLIT.split(normal)
    found = dict.fromkeys(address for part in parts if (address := _one_email(part)) is not None)
    return tuple(found)


def _one_email(part: str) -> str | None:
    text = part.strip().lower().removeprefix("mailto:")
    local, at, host = text.partition("@")
    if not at or "@" in host or not 1 <= len(local) <= 64:
        return None
    if not _LOCAL.fullmatch(local) or local[0] == "." or local[-1] == "." or ".." in local:
        return None
    domain_ = _host(host)
    if domain_ is None:
        return None
    address = f"{local}@{domain_}"
    # Lower-casing may change how text composes; the normal form must be stable.
    address = unicodedata.normalize("NFC", address)
    return address if len(address) <= 254 else None


@lru_cache(maxsize=65_536)
def _host(text: str) -> str | None:
    """Give a host name in its ASCII form; None when it is none."""
    host = text.strip().lower().rstrip(".")
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True, transitional=False).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    labels = host.split(".")
    if len(labels) < 2 or len(host) > 253:
        return None
    if not all(_LABEL.fullmatch(label) for label in labels) or not _TOP.fullmatch(labels[-1]):
        return None
    return host


@lru_cache(maxsize=65_536)
def domain(text: str) -> str | None:
    """Give the host of a web address or domain that can identify a company; None for free-mail hosts and nonsense.

    Lower case, without scheme, user, port, path, ``www.`` and final dot; sub-domains stay different.
    """
    bare = _SCHEME.sub("", text.strip().lower())
    bare = re.split(r"[/?#\\]", bare, maxsplit=1)[0].rpartition("@")[2]
    bare = re.sub(r":\d*$", "", bare)
    host = _host(bare)
    while host is not None and host.startswith("www.") and host.count(".") > 1:
        host = host[4:]
    return None if host is None or host in FREE_MAIL else host


@lru_cache(maxsize=65_536)
def company_name(text: str) -> str | None:
    """Give a company's name for comparing: NFKC, case folded, spaces collapsed, punctuation off the edges.

    Legal forms stay: "Acme" is not "Acme Inc".
    """
    return _folded(text)


@lru_cache(maxsize=65_536)
def person_name(text: str) -> str | None:
    """Give a person's name for comparing."""
    return _folded(text)


def _folded(text: str) -> str | None:
    before = None
    folded = text
    while folded != before:  # folding, composing and trimming can each make room for another
        before = folded
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold())
        folded = _EDGE.sub("", " ".join(folded.split()))
    return folded or None


def texts(value: Value | None) -> tuple[str, ...]:
    """Give a value as texts: none, one, or several."""
    if isinstance(value, str):
        return (value,)
    return value if isinstance(value, tuple) else ()

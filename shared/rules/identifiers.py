"""Normal forms of what identifies records. All are total (any text in, no exception) and idempotent."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

import idna

from shared.model.records import Value

_BRACKETED: Final = re.compile(r"<([^<>]*)>")
_ENTRY: Final = re.compile(r"[^;,]+")
_TOKEN: Final = re.compile(r"([^;,\s<>]+)")
_WRAPPED: Final = frozenset(('""', "''", "()", "[]"))
_LOCAL: Final = re.compile(r"[^\s\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff@<>()\[\]\\,;:\"]+")
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


def email(text: str) -> str | None:
    """Return the one valid address in *text* in normal form; None when there is none.

    Semantics of a valid e-mail: one ``@``, a local part of 1 to 64 in dot-atom form, a domain of two labels or more
    with an alphabetic or IDN top label, 254 in all; no quoted local part, no IP literal. Neither plus tags nor dots
    are folded: two such addresses may be two people.
    """
    found = emails(text)
    return found[0] if found else None


def emails(text: str) -> tuple[str, ...]:
    """List the valid addresses in *text*, which may hold several separated by ``;``, ``,`` or white space."""
    return tuple(dict.fromkeys(found.normal for found in _addresses(text)))


def email_spellings(address: str) -> tuple[str, ...]:
    """Return the ways to write an address in normal form: with its host in ASCII, and in letters where these differ."""
    local, _, host = address.rpartition("@")
    try:
        return tuple(dict.fromkeys((address, f"{local}@{idna.decode(host)}")))
    except (idna.IDNAError, UnicodeError):
        return (address,)


def written_email(text: str) -> str | None:
    """Return the address that `email` found as its source has it: bare, and with a host that every app can send to."""
    found = _addresses(text)
    return found[0].written if found else None


def with_email(text: str, address: str) -> str:
    """Return *text* with *address* in the place of its first valid one; what stands beside it stays.

    An address that stands further back in the text already changes places with the first one.
    """
    found = _addresses(text)
    if not found:
        return address
    normal = unicodedata.normalize("NFC", text)
    changes = [(found[0], address)]
    wanted = email(address)
    twin = next((one for one in found[1:] if one.normal == wanted), None)
    if twin is not None and found[0].normal != wanted:
        changes.append((twin, found[0].written))
    for one, put in reversed(changes):
        normal = normal[: one.start] + put + normal[one.end :]
    return normal


@dataclass(frozen=True, slots=True)
class _Address:
    """A valid address within a text."""

    start: int
    end: int
    written: str
    normal: str


@lru_cache(maxsize=4096)
def _addresses(text: str) -> tuple[_Address, ...]:
    """Find the valid addresses in the composed form of *text*; one in angle brackets has a name before it."""
    composed = unicodedata.normalize("NFC", text)
    found: list[_Address] = []
    for entry in _ENTRY.finditer(composed):
        for pattern in (_BRACKETED, _TOKEN):
            spans = [one.span(1) for one in pattern.finditer(composed, *entry.span())]
            valid = [one for span in spans if (one := _address(composed, *span)) is not None]
            if valid:
                found += valid
                break
    return tuple(found)


def _address(text: str, start: int, end: int) -> _Address | None:
    part = text[start:end]
    bare = part.strip()
    if len(bare) > 2 and bare[0] + bare[-1] in _WRAPPED:
        bare = bare[1:-1]
    if bare[:7].lower() == "mailto:":
        bare = unquote(bare[7:].partition("?")[0])
    local, at, host = bare.partition("@")
    if not at or "@" in host or not 1 <= len(local) <= 64:
        return None
    if not _LOCAL.fullmatch(local) or local[0] == "." or local[-1] == "." or ".." in local:
        return None
    named = _host(host)
    if named is None:
        return None
    # Lower-casing may change how text composes; the normal form must be stable.
    normal = unicodedata.normalize("NFC", f"{local.lower()}@{named}")
    if len(normal) > 254:
        return None
    return _Address(start, end, f"{local}@{host.rstrip('.') if host.isascii() else named}", normal)


@lru_cache(maxsize=4096)
def _host(text: str) -> str | None:
    """Return a host name in its ASCII form; None when it is none."""
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


def domain(text: str) -> str | None:
    """Return the host of a web address or domain that can identify a company; None for free-mail hosts and nonsense."""
    host = web_host(text)
    return None if host in FREE_MAIL else host


@lru_cache(maxsize=4096)
def web_host(text: str) -> str | None:
    """Return the host of a web address or domain in normal form; None for nonsense.

    Lower case, in its ASCII form, without scheme, user, port, path, ``www.`` and final dot; sub-domains stay different.
    """
    bare = _SCHEME.sub("", text.strip().lower())
    bare = re.split(r"[/?#\\]", bare, maxsplit=1)[0].rpartition("@")[2]
    bare = re.sub(r":\d*$", "", bare)
    host = _host(bare)
    while host is not None and host.startswith("www.") and host.count(".") > 1:
        host = host[4:]
    return host


@lru_cache(maxsize=4096)
def company_name(text: str) -> str | None:
    """Return a company's name for comparing: NFKC, case folded, spaces collapsed, punctuation off the edges.

    Legal forms stay: "Acme" is not "Acme Inc".
    """
    return _folded(text)


@lru_cache(maxsize=4096)
def person_name(text: str) -> str | None:
    """Return a person's name for comparing."""
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
    """Return a value as texts: none, one, or several."""
    if isinstance(value, str):
        return (value,)
    return value if isinstance(value, tuple) else ()

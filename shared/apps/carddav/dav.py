"""CardDAV as requests and answers (RFC 6352, RFC 4918, RFC 6578): what to send, and what the XML that came says."""

import posixpath
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote, urlsplit
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from shared.apps.carddav.errors import row_for
from shared.apps.kit.refusals import error
from shared.contract.calls import AppError, Exchange, HttpRequest, HttpResponse, Method, Session
from shared.rules.texts import single_line

DAV: Final = "{DAV:}"
CARD: Final = "{urn:ietf:params:xml:ns:carddav}"
_XML: Final = {"Content-Type": "application/xml; charset=utf-8"}
_REFERENCE: Final = re.compile("&#(?:x([0-9a-f]{1,6})|([0-9]{1,7}));", re.IGNORECASE)
_NAMESPACES: Final = 'xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav"'

_PRINTED: Final = 32
"""Signs below this one are not printed."""
_LONGEST: Final = 1_000
"""Characters of a card's id at most."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a multistatus answer says of one resource."""

    href: str
    status: int
    etag: str
    data: str | None
    properties: Mapping[str, Element]


@dataclass(frozen=True, slots=True)
class Multistatus:
    """A 207 answer."""

    entries: tuple[Entry, ...]
    sync_token: str


def book_of(session: Session) -> str:
    """Return the address book's path or URL, ending in a slash.

    Raises:
        AppError: the connection names none.
    """
    book = session.options.get("book", "")
    if not book:
        raise AppError("invalid_value", "this connection names no address book; fill in its path", retry="setup")
    return book if book.endswith("/") else f"{book}/"


def href_of(session: Session, record: str) -> str:
    """Return the path of a card."""
    return book_of(session) + quote(record, safe="/-._~!$&'()*+,;=:@")


def id_of(session: Session, href: str) -> str:
    """Return the id of the card at *href*: its path below the book, unquoted; empty for the book itself."""
    book = unquote(urlsplit(book_of(session)).path)
    path = unquote(urlsplit(href).path)
    return path[len(book) :] if path.startswith(book) else posixpath.basename(path)


def id_in(session: Session, text: str) -> str:
    """Return the id of the card that a text may name, by its path or by its name in the book; else nothing.

    One outside of the book is none of its cards, whatever else the sign-in may read on that server. Several words
    without a path are the name of a person, not of a card.
    """
    book = unquote(urlsplit(book_of(session)).path)
    name = text.removeprefix(book)
    strange = any(ord(sign) < _PRINTED or (name == text and sign.isspace()) for sign in name)
    return "" if strange or {"", ".", ".."} & {*name.split("/")} or len(name) > _LONGEST else name


def propfind(path: str, properties: Iterable[str], depth: int) -> HttpRequest:
    """Ask for properties of a collection (depth 0) or of what is in it (depth 1)."""
    body = f"<propfind {_NAMESPACES}><prop>{''.join(f'<{name}/>' for name in properties)}</prop></propfind>"
    return _asking("PROPFIND", path, body, {"Depth": str(depth)})


def sync_collection(path: str, token: str) -> HttpRequest:
    """Ask what changed since *token*; everything when it is empty."""
    body = (
        f"<sync-collection {_NAMESPACES}><sync-token>{escape(token)}</sync-token>"
        "<sync-level>1</sync-level><prop><getetag/></prop></sync-collection>"
    )
    return _asking("REPORT", path, body)


def multiget(path: str, hrefs: Sequence[str]) -> HttpRequest:
    """Ask for several cards."""
    wanted = "".join(f"<href>{escape(urlsplit(href).path)}</href>" for href in hrefs)
    prop = "<prop><getetag/><c:address-data/></prop>"
    body = f"<c:addressbook-multiget {_NAMESPACES}>{prop}{wanted}</c:addressbook-multiget>"
    return _asking("REPORT", path, body, {"Depth": "1"})


def by_uid(path: str, uid: str) -> HttpRequest:
    """Ask for the cards that carry a UID."""
    match = f'<c:text-match collation="i;octet" match-type="equals">{escape(uid)}</c:text-match>'
    body = (
        f"<c:addressbook-query {_NAMESPACES}><prop><getetag/><c:address-data/></prop>"
        f'<c:filter><c:prop-filter name="UID">{match}</c:prop-filter></c:filter></c:addressbook-query>'
    )
    return _asking("REPORT", path, body, {"Depth": "1"})


def by_email(path: str, texts: Iterable[str]) -> HttpRequest:
    """Ask which cards have an e-mail address that contains one of these texts, in whatever case."""
    found = "".join(
        '<c:prop-filter name="EMAIL"><c:text-match collation="i;unicode-casemap" match-type="contains">'
        f"{escape(text)}</c:text-match></c:prop-filter>"
        for text in texts
    )
    body = (
        f"<c:addressbook-query {_NAMESPACES}><prop><getetag/></prop>"
        f'<c:filter test="anyof">{found}</c:filter></c:addressbook-query>'
    )
    return _asking("REPORT", path, body, {"Depth": "1"})


def _asking(method: Method, path: str, body: str, headers: Mapping[str, str] | None = None) -> HttpRequest:
    text = f'<?xml version="1.0" encoding="utf-8"?>{body}'
    return HttpRequest(method=method, path=path, headers={**_XML, **(headers or {})}, body=text.encode(), safe=True)


def ask(request: HttpRequest) -> Exchange[Multistatus]:
    """Send a request that is answered by a multistatus, and read it."""
    response = yield request
    if response.status != 207:
        raise refusal(request, response)
    return multistatus(response)


def multistatus(response: HttpResponse) -> Multistatus:
    """Read a 207 answer.

    Raises:
        AppError: it is no multistatus.
    """
    root = xml_of(response)
    if root is None or root.tag != f"{DAV}multistatus":
        raise AppError(
            "app_unavailable", "the server answered 207 with something else than a multistatus", retry="outage"
        )
    entries = tuple(_entry(node) for node in root.iter(f"{DAV}response"))
    return Multistatus(entries, (root.findtext(f"{DAV}sync-token") or "").strip())


def _entry(node: Element) -> Entry:
    status = _status(node.findtext(f"{DAV}status"))
    properties: dict[str, Element] = {}
    for propstat in node.iter(f"{DAV}propstat"):
        answered = _status(propstat.findtext(f"{DAV}status"))
        if answered == 200:
            properties.update({prop.tag: prop for found in propstat.iter(f"{DAV}prop") for prop in found})
        status = status or (200 if properties else answered)
    if properties:
        status = 200
    etag = properties.get(f"{DAV}getetag")
    data = properties.get(f"{CARD}address-data")
    return Entry(
        href=(node.findtext(f"{DAV}href") or "").strip(),
        status=status,
        etag=(etag.text or "").strip() if etag is not None else "",
        data=data.text if data is not None else None,
        properties=properties,
    )


def _status(line: str | None) -> int:
    parts = (line or "").split()
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0


def xml_of(response: HttpResponse) -> Element | None:
    """Read an XML body; None when it is none. A document type is refused, so no entity is ever expanded.

    Servers put the text of cards into it as it is: a character that XML forbids, in one card, must not keep the others
    from being read.
    """
    root = _parsed(response.body)
    if root is None and response.body.lstrip().startswith(b"<"):
        text = _REFERENCE.sub(_allowed, response.body.decode("utf-8", errors="replace"))
        root = _parsed(single_line(text).encode())
    return root


def _allowed(reference: re.Match[str]) -> str:
    """Return a character reference as it is, or a space where XML has no place for the character."""
    number = int(reference[1], 16) if reference[1] else int(reference[2])
    text = chr(number) if number <= sys.maxunicode else "\0"
    return reference[0] if single_line(text) == text else " "


def _parsed(body: bytes) -> Element | None:
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None
    return root


def precondition(response: HttpResponse, name: str) -> bool:
    """Check whether an error body names this precondition, such as ``valid-sync-token``."""
    root = xml_of(response)
    return root is not None and any(node.tag.rpartition("}")[2] == name for node in root.iter())


def refusal(request: HttpRequest, response: HttpResponse) -> AppError:
    """Return what an answer means that no branch of an exchange expected."""
    root = xml_of(response)
    names = frozenset(node.tag.rpartition("}")[2] for node in root) if root is not None else frozenset[str]()
    row = row_for(response.status, names)
    listed = f": {', '.join(sorted(names))}" if names else ""
    return error(request, response, row, f"{row.said} ({request.method} answered {response.status}{listed})")

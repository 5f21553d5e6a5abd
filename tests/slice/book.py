"""An address book as the program of a person uses it."""

import uuid
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import requests

from deploy.local.servers.real import RadicaleServer

_MKCOL = (
    '<?xml version="1.0"?><mkcol xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype>'
    "<collection/><c:addressbook/></resourcetype></prop></set></mkcol>"
)


@dataclass(kw_only=True)
class Book:
    """One address book, and the person who owns it."""

    url: str
    secrets: dict[str, str]
    _http: requests.Session = field(default_factory=requests.Session)

    @classmethod
    def made(cls, server: RadicaleServer) -> "Book":
        """Make an empty address book on a server that other tests use, too."""
        url = urljoin(server.book_url, f"../{uuid.uuid4().hex[:12]}/")
        book = cls(url=url, secrets={"user": server.user, "password": server.password})
        book._call("MKCOL", url, _MKCOL, content="application/xml")
        return book

    @property
    def server(self) -> str:
        """Return the address of the server."""
        return urljoin(self.url, "/")

    @property
    def path(self) -> str:
        """Return the path of the book."""
        return urlsplit(self.url).path

    def put(self, name: str, *lines: str) -> None:
        """Store a card of these lines, between BEGIN and END, whatever stood there."""
        self.store(name, "\r\n".join(("BEGIN:VCARD", *lines, "END:VCARD", "")))

    def store(self, name: str, text: str) -> None:
        """Store a whole file."""
        self._call("PUT", self.url + name, text, content="text/vcard; charset=utf-8")

    def get(self, name: str) -> str:
        """Return a card as it is stored."""
        return self._call("GET", self.url + name)

    def delete(self, name: str) -> None:
        """Remove a card."""
        self._call("DELETE", self.url + name)

    def names(self) -> list[str]:
        """List the files of the book."""
        text = self._call("PROPFIND", self.url, content="application/xml", depth="1")
        hrefs = [part.partition("</")[0].partition("<")[0] for part in text.split("href>")[1::2]]
        return sorted(href.rsplit("/", 1)[-1] for href in hrefs if href.startswith(self.path) and href != self.path)

    def cards(self) -> dict[str, str]:
        """Return all cards, by file."""
        return {name: self.get(name) for name in self.names()}

    def _call(self, method: str, url: str, body: str = "", *, content: str = "text/plain", depth: str = "0") -> str:
        self._http.trust_env = False
        reply = self._http.request(
            method, url, data=body.encode(), auth=(self.secrets["user"], self.secrets["password"]),
            headers={"Content-Type": content, "Depth": depth}, timeout=10,
        )  # fmt: skip
        reply.raise_for_status()
        return reply.content.decode()

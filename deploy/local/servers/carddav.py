"""Real CardDAV servers: Radicale, with a user and an address book, and Xandikos, which knows no users."""

import secrets
import sys
from pathlib import Path

import requests

from deploy.local.servers.base import Server, ServerError

_MKCOL = """<?xml version="1.0" encoding="utf-8"?>
<mkcol xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav"><set><prop>
<resourcetype><collection/><c:addressbook/></resourcetype><displayname>Contacts</displayname>
</prop></set></mkcol>"""


class RadicaleServer(Server):
    """Radicale with one user and one address book, which a start creates when it is missing.

    Args:
        folder: Data, settings and log.
        port: 0 picks a free one.
        user: Who may read and write the book.
        book: Last part of the address book's path.
        password: Chosen at random at the first start, and kept in the folder, when absent.
    """

    name = "radicale"

    def __init__(
        self, folder: Path, port: int = 0, *, user: str = "ann", book: str = "contacts", password: str | None = None
    ) -> None:
        super().__init__(folder, port)
        self.user = user
        self._book = book
        self._password = password

    @property
    def book_url(self) -> str:
        """Return the address of the address book, ending in a slash."""
        return f"http://127.0.0.1:{self.port}/{self.user}/{self._book}/"

    @property
    def password(self) -> str:
        """Return the user's password."""
        kept = self.folder / "password"
        if self._password is None and kept.exists():
            self._password = kept.read_text()
        if self._password is None:
            self._password = secrets.token_urlsafe(12)
            self.folder.mkdir(parents=True, exist_ok=True)
            kept.touch(mode=0o600)
            kept.write_text(self._password)
        return self._password

    def prepare(self) -> None:
        """Write the settings and the list of users."""
        users = self.folder / "users"
        users.touch(mode=0o600)
        users.write_text(f"{self.user}:{self.password}\n")
        (self.folder / "radicale.conf").write_text(
            f"[server]\nhosts = 127.0.0.1:{self.port}\n"
            f"[auth]\ntype = htpasswd\nhtpasswd_filename = {users}\nhtpasswd_encryption = plain\n"
            f"[storage]\nfilesystem_folder = {self.folder / 'collections'}\n"
            "[web]\ntype = none\n",
        )

    def argv(self) -> list[str]:
        """Return Radicale with its settings file."""
        return [sys.executable, "-m", "radicale", "--config", str(self.folder / "radicale.conf")]

    def serves(self) -> bool:
        """Check whether it answers the user's requests."""
        return _answers(self._request("OPTIONS"))

    def start(self) -> None:
        """Start, and create the address book when it is missing."""
        super().start()
        known = self._must("PROPFIND", headers={"Depth": "0"}, good=(207, 404))
        if known.status_code == 404:
            self._must("MKCOL", data=_MKCOL, headers={"Content-Type": "application/xml"}, good=(201,))

    def _must(
        self, method: str, *, good: tuple[int, ...], headers: dict[str, str], data: str = ""
    ) -> requests.Response:
        reply = self._request(method, headers=headers, data=data)
        if reply is None or reply.status_code not in good:
            self.stop()
            said = "nothing" if reply is None else f"{reply.status_code} {reply.text[:200]}"
            raise ServerError(f"radicale answered {said} to {method} {self.book_url}:\n{self.log_tail()}")
        return reply

    def _request(
        self, method: str, *, headers: dict[str, str] | None = None, data: str = ""
    ) -> requests.Response | None:
        return _request(method, self.book_url, (self.user, self.password), headers, data)


class XandikosServer(Server):
    """Xandikos, without authentication, with the address book it creates by itself.

    Args:
        folder: Data and log.
        port: 0 picks a free one.
    """

    name = "xandikos"

    @property
    def book_url(self) -> str:
        """Return the address of the address book, ending in a slash."""
        return f"http://127.0.0.1:{self.port}/user/contacts/addressbook/"

    def prepare(self) -> None:
        """Do nothing: Xandikos is set up by its arguments and fills its folder itself."""

    def argv(self) -> list[str]:
        """Return Xandikos on our port, with its own defaults created in the folder."""
        data, state = self.folder / "data", self.folder / "state"
        where = ["-d", str(data), "--state-dir", str(state), "-l", "127.0.0.1", "-p", str(self.port)]
        return [sys.executable, "-m", "xandikos", "serve", *where, "--no-detect-systemd", "--defaults"]

    def serves(self) -> bool:
        """Check whether its address book is there: it listens before it has created it."""
        reply = _request("PROPFIND", self.book_url, None, {"Depth": "0"}, "")
        return reply is not None and reply.status_code == 207


def _answers(reply: requests.Response | None) -> bool:
    return reply is not None and reply.ok


def _request(
    method: str, url: str, auth: tuple[str, str] | None, headers: dict[str, str] | None, data: str
) -> requests.Response | None:
    """Send one request to a server of this machine, past any proxy; return nothing when nobody listens."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.request(method, url, auth=auth, headers=headers, data=data.encode(), timeout=5)
        except requests.ConnectionError:
            return None

"""Mail that the console sends: by which server, and the first one to see whether that works."""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from services.console.use.activity import Did
from services.console.use.administration.users import EMAIL, Accounts
from services.console.use.problems import Problem, Refused
from services.console.use.sealing import sealed
from services.console.use.versions import Standing, check_seen, version_of
from shared.io.calls.vault import Vault, VaultError
from shared.io.net.mail import Mail, MailError, Post
from shared.wire.access import AccessDoc, MailServer

LONGEST: Final = 500
_PLACE: Final = "mail"
_PARTS: Final = ("host", "port", "security", "user", "sender", "console_url")


class MailServerWanted(BaseModel):
    """A mail server (SMTP) by which the console sends mail."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "host": "smtp.example.com",
                    "user": "syncline",
                    "password": "a long text",
                    "sender": "Syncline <syncline@example.com>",
                    "console_url": "https://syncline.example.com",
                }
            ]
        },
    )

    host: str = Field(max_length=LONGEST, description="Its name.", examples=["smtp.example.com"])
    port: int = Field(default=587, ge=1, le=65_535, description="Where it listens.", examples=[465])
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="TLS after a first word (mostly port 587), from the first byte (465), or none.",
        examples=["tls"],
    )
    user: str = Field(
        default="", max_length=LONGEST, description="As whom to sign in; empty for nobody.", examples=["syncline"]
    )
    password: SecretStr = Field(
        default=SecretStr(""),
        max_length=LONGEST,
        description="Left out, the one that stands stays, for the same server and user.",
        examples=["a long text"],
    )
    sender: str = Field(
        max_length=LONGEST, description="From whom mail comes.", examples=["Syncline <syncline@example.com>"]
    )
    console_url: str = Field(
        max_length=LONGEST,
        description="Address of the console, for links in mails.",
        examples=["https://syncline.example.com"],
    )


class Mailing:
    """The mail server of an installation.

    Args:
        accounts: The users, beside whom it is kept.
        vault: Seals its password.
        post: Hands in a mail.
    """

    def __init__(self, accounts: Accounts, vault: Vault, post: Post) -> None:
        self.accounts = accounts
        self._vault = vault
        self.post = post

    @property
    def server(self) -> MailServer | None:
        """Return the mail server, if one is set up."""
        return self.accounts.people.mail_server()

    def row(self) -> dict[str, Any]:
        """Show the mail server, without its password; raises `Problem`."""
        found = self._found()
        return {**{name: getattr(found, name) for name in _PARTS}, "has_password": bool(found.password)}

    def _found(self) -> MailServer:
        if self.server is None:
            raise Problem(404, "No mail server", "No mail is sent: name a mail server under Settings > Mail.")
        return self.server

    def change(self, wanted: MailServerWanted) -> MailServer:
        """Send mail by a server from now on; raises `Refused`."""
        read_to, old = self.accounts.people.offset, self.server
        new = self.drawn(old, wanted)
        check_seen(self._standing(old))
        if new != old:
            did = Did(what="mail.changed", about=f"mail:{new.host}", changes=changes(old, new))
            self.accounts.replace(did, read_to, (KEY, AccessDoc(mail=new)), now=self.standing)
        return new

    def drawn(self, old: MailServer | None, wanted: MailServerWanted) -> MailServer:
        """Return the mail server as somebody wants it in place of the one that stands; raises `Refused`."""
        wrong = _faults(wanted)
        if wrong:
            raise Refused(wrong)
        given = {name: str(getattr(wanted, name)).strip() for name in _PARTS}
        new = MailServer.model_validate({**given, "console_url": given["console_url"].rstrip("/")})
        same = ("host", "port", "security", "user")  # to no other server is a password sent that was meant for this one
        stays = old is not None and all(getattr(old, name) == getattr(new, name) for name in same)
        kept, secret = old.password if old is not None and stays else "", wanted.password.get_secret_value()
        if secret:
            kept = sealed(self._vault, secret, kept, place=_PLACE, name=_secret_of(new))
        if new.user and not kept:
            raise Refused({"password": "Enter the password of this user at this server."})
        return new.model_copy(update={"password": kept if new.user else ""})

    def standing(self) -> Standing:
        """Return how the mail server stands; it has a version where none is set up, too."""
        return self._standing(self.server)

    @staticmethod
    def _standing(found: MailServer | None) -> Standing:
        shown = {name: str(getattr(found, name, "")) for name in _PARTS}
        return Standing(version_of(found), shown, f"mail:{found.host}" if found else "")

    def remove(self) -> None:
        """Send no mail any more."""
        read_to, old = self.accounts.people.offset, self._found()
        check_seen(self._standing(old))
        did = Did(what="mail.removed", about=f"mail:{old.host}")
        self.accounts.replace(did, read_to, (KEY, AccessDoc()), now=self.standing)

    def test(self, to: str) -> None:
        """Send a mail that says that mail works; raises `Problem` with what the server says."""
        server = self._found()
        if not EMAIL.fullmatch(to.strip()):
            raise Refused({"to": "Write an e-mail address, such as ann@example.com."})
        text = f"Syncline can send mail.\n\n{server.console_url}\n"
        try:
            self.send(to.strip(), "Mail from Syncline works", text)
        except MailError as error:
            raise Problem(409, "Not sent", f"{error}.") from error

    def send(self, to: str, subject: str, text: str) -> None:
        """Send a mail; raises `MailError`."""
        server = self.server
        if server is None:
            raise MailError("no mail server is set up")
        try:
            password = ""
            if server.password:
                password = self._vault.open(server.password, connection=_PLACE, name=_secret_of(server))
        except VaultError as error:
            raise MailError(str(error)) from error
        self.post(server, password, Mail(to=to, subject=subject, text=text, at_ms=self.accounts.outside.clock.now_ms()))


KEY: Final = "mail:server"


def changes(old: MailServer | None, new: MailServer) -> list[tuple[str, str, str]]:
    """List what changes of a mail server; of its password only that it does."""
    rows = [(name, str(getattr(old, name, "")), str(getattr(new, name))) for name in _PARTS]
    is_other = new.password and new.password != (old.password if old is not None else "")
    return [*rows, *([("password", "kept", "changed")] if is_other else [])]


def _secret_of(server: MailServer) -> str:
    """Name what a password is sealed for: no other server ever gets it."""
    return f"password of {server.user} at {server.host}:{server.port} {server.security}"


def _faults(wanted: MailServerWanted) -> dict[str, str]:
    found: dict[str, str] = {}
    host, sender, url = wanted.host.strip(), wanted.sender.strip(), wanted.console_url.strip()
    if not host or any(sign in host for sign in " /@:\r\n\t"):
        found["host"] = "Write the name of a server, such as smtp.example.com."
    if not EMAIL.fullmatch(_address_of(sender)) or not sender.isprintable():
        found["sender"] = "Write an address, such as syncline@example.com or Syncline <syncline@example.com>."
    if not url.startswith(("https://", "http://")) or not url.isprintable() or " " in url:
        found["console_url"] = "Write the address of this console, such as https://syncline.example.com."
    if wanted.user.strip() and wanted.security == "none":
        found["security"] = "A password is sent over TLS alone: choose one of the two ways."
    return found


def _address_of(sender: str) -> str:
    return sender.rpartition("<")[2].removesuffix(">") if sender.endswith(">") else sender

"""Sending mail by SMTP, over TLS wherever a password is sent, to servers that the guard lets pass."""

import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Final, Literal, Protocol, TypeAlias

from shared.io.net.ssrf import AddressGuard, BlockedAddress
from shared.settings import Settings

Security: TypeAlias = Literal["starttls", "tls", "none"]
_TIMEOUT_S: Final = 20.0


class MailError(Exception):
    """A mail was not taken; the message says why, in the server's words where it has some."""


class Server(Protocol):
    """Where mail is handed in."""

    @property
    def host(self) -> str:
        """Return its name."""
        ...

    @property
    def port(self) -> int:
        """Return its port."""
        ...

    @property
    def security(self) -> Security:
        """Return how it speaks TLS."""
        ...

    @property
    def user(self) -> str:
        """Return as whom to sign in; empty for nobody."""
        ...

    @property
    def sender(self) -> str:
        """Return from whom mail comes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail to one person, in plain text."""

    to: str
    subject: str
    text: str
    at_ms: int


Post: TypeAlias = Callable[[Server, str, Mail], None]
"""Hands in a mail at a server, with the password; raises `MailError`."""


def make_post(settings: Settings) -> Post:
    """Return what sends mail, as the settings say."""
    guard = AddressGuard(settings.allow_private_addresses)
    ca_file = str(settings.http_ca_file) if settings.http_ca_file else None

    def post(server: Server, password: str, mail: Mail) -> None:
        context = ssl.create_default_context(cafile=ca_file)
        try:
            _hand_in(_connected(server, guard, context), context, server, password, mail)
        except smtplib.SMTPResponseException as error:
            raise MailError(f"{server.host} answered {error.smtp_code} {_words(error.smtp_error)}") from error
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise MailError(f"{server.host} refuses {mail.to}: {code} {_words(text)}") from error
        except (BlockedAddress, smtplib.SMTPException, OSError, ValueError) as error:
            raise MailError(f"{server.host}:{server.port} took no mail: {error}") from error

    return post


def _hand_in(client: smtplib.SMTP, context: ssl.SSLContext, server: Server, password: str, mail: Mail) -> None:
    try:
        if server.security == "starttls":
            client.starttls(context=context)
        if server.user:
            client.login(server.user, password)
        client.send_message(_message(server, mail))
        # The mail is taken: how the server parts does not matter any more.
        with suppress(smtplib.SMTPException, OSError):
            client.quit()
    finally:
        # Not by `with`, which says goodbye first: a server that failed in the middle of TLS would be waited for.
        client.close()


def _connected(server: Server, guard: AddressGuard, context: ssl.SSLContext) -> smtplib.SMTP:
    def connect(host: str, port: int) -> socket.socket:
        """Connect to an address that was checked, whatever the name leads to a moment later."""
        failed: OSError = OSError("its name leads nowhere")
        for address in guard.resolve(host, port):
            try:
                return socket.create_connection((address, port), _TIMEOUT_S)
            except OSError as error:
                failed = error
        raise failed

    class Plain(smtplib.SMTP):
        """A connection to a checked address."""

        def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
            del timeout
            return connect(host, port)

    class Secure(smtplib.SMTP_SSL):
        """The same over TLS; the certificate is checked against the name."""

        def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
            del timeout
            return context.wrap_socket(connect(host, port), server_hostname=host)

    # Our own name is nobody's business, and looking it up can take long.
    if server.security == "tls":
        return Secure(server.host, server.port, "localhost", timeout=_TIMEOUT_S, context=context)
    return Plain(server.host, server.port, "localhost", _TIMEOUT_S)


def _message(server: Server, mail: Mail) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = server.sender, mail.to
    message["Subject"] = " ".join(mail.subject.split())
    message["Date"] = format_datetime(datetime.fromtimestamp(mail.at_ms / 1000, UTC))
    message["Message-ID"] = make_msgid(domain=server.sender.rpartition("@")[2].strip("> ") or "localhost")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    return message


def _words(text: bytes | str) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text

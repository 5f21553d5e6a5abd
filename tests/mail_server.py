"""A real SMTP server for tests: with or without TLS and a password, and it refuses when it is told to."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

PASSWORD: Final = "opens the door"


@dataclass
class MailServer:
    """What came in, and how to answer."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    refuses: str = ""
    """What it answers instead of taking a mail."""
    over_tls: list[bool] = field(default_factory=list)
    signed_in: list[bool] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        """Take a mail."""
        if self.refuses:
            return self.refuses
        self.over_tls.append(session.ssl is not None or server._over_ssl)
        self.signed_in.append(session.authenticated)
        found: Any = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append(found)
        return "250 taken"


def _allowed(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
    return AuthResult(
        handled=False,
        success=isinstance(given, LoginPassword) and (given.login, given.password) == (b"syncline", PASSWORD.encode()),
    )


@contextmanager
def mail_server(kind: str = "none", certificate: tuple[Path, Path] | None = None) -> Iterator[MailServer]:
    """Run a server that speaks TLS as a kind says: `none`, `starttls` or `tls`; over TLS one can sign in."""
    taken, context = MailServer(), None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*map(str, certificate))
    more: dict[str, Any] = {"authenticator": _allowed} if context else {}
    if kind == "starttls":
        more |= {"tls_context": context, "require_starttls": True, "auth_required": True}
    if kind == "tls":
        more |= {"ssl_context": context, "auth_require_tls": False}
    with socket.create_server(("127.0.0.1", 0)) as free:
        taken.port = free.getsockname()[1]
    controller = Controller(taken, hostname="127.0.0.1", port=taken.port, **more)
    controller.start()
    try:
        taken.port = controller.server.sockets[0].getsockname()[1]
        yield taken
    finally:
        controller.stop()

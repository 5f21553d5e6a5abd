"""Who is signed in: a signed cookie, so that any replica knows the session that another one began.

Its key comes from the installation's token: whoever changes that ends all sessions. A session names a person and a
role, and nothing here knows how the person proved it.
"""

import base64
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Final

from pydantic import TypeAdapter, ValidationError

from services.console.roles import Role

LASTS_MS: Final = 12 * 3_600_000
"""How long a session lasts that is not used; one that is used is renewed at half of that."""
_PAD: Final = 16


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who signed in."""

    who: str
    role: Role
    id: str
    until_ms: int


_Session: Final = TypeAdapter(Session)


class Sessions:
    """Begins sessions and recognises them.

    Args:
        secret: What only the installation knows.
    """

    def __init__(self, secret: str, now_ms: Callable[[], int]) -> None:
        self._key = hmac.digest(secret.encode(), b"syncline console session", "sha256")
        self._now_ms = now_ms

    def begin(self, who: str, role: Role) -> Session:
        """Return a new session; its id is nobody's before."""
        return Session(who, role, secrets.token_urlsafe(12), self._now_ms() + LASTS_MS)

    def cookie(self, session: Session) -> str:
        """Return a session as its cookie holds it."""
        body = base64.urlsafe_b64encode(json.dumps(asdict(session)).encode()).decode()
        return f"{body}.{self._mark('cookie', body)}"

    def read(self, cookie: str) -> Session | None:
        """Return the session of a cookie; None when it has ended, or was not made here."""
        body, _, mark = cookie.partition(".")
        if not hmac.compare_digest(mark.encode(), self._mark("cookie", body).encode()):
            return None
        try:
            session = _Session.validate_json(base64.urlsafe_b64decode(body))
        except (ValueError, ValidationError):
            return None  # of another version, which signs alike
        return session if self._now_ms() < session.until_ms else None

    def renewed(self, session: Session) -> Session | None:
        """Return a session with a new end when half of its time is over, or None."""
        if session.until_ms - self._now_ms() > LASTS_MS // 2:
            return None
        return Session(session.who, session.role, session.id, self._now_ms() + LASTS_MS)

    def form_token(self, session: Session) -> str:
        """Return what the forms of a session carry, so that no other page can send them.

        It reads otherwise each time, because a packed page would tell its length, letter by letter, to whoever can have
        it repeat what is asked.
        """
        pad = secrets.token_bytes(_PAD)
        return base64.urlsafe_b64encode(pad + _xor(pad, self._form(session))).decode()

    def fits(self, session: Session, token: str) -> bool:
        """Check that a form was made for a session."""
        try:
            given = base64.urlsafe_b64decode(token)
        except ValueError:
            return False
        return hmac.compare_digest(_xor(given[:_PAD], given[_PAD:]), self._form(session))

    def _form(self, session: Session) -> bytes:
        return hmac.digest(self._key, f"form:{session.id}".encode(), "sha256")[:_PAD]

    def _mark(self, use: str, text: str) -> str:
        return hmac.new(self._key, f"{use}:{text}".encode(), sha256).hexdigest()


def _xor(one: bytes, two: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, two, strict=False))

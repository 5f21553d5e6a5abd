"""Who is signed in: a signed cookie, so that any replica knows the session that another one began.

Its key comes from the installation's token: whoever changes that ends all sessions. A session names a person; which
role that person has, and whether the session has ended, is looked up each time (`access.people`). Nothing
here knows how the person proved who he is.
"""

import base64
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Final

from pydantic import TypeAdapter, ValidationError

from services.console.access.people import INSTALLATION, People
from services.console.use.administration.users import LONGEST_SESSION_MS
from services.console.use.callers import Caller
from shared.wire.messages import Role, User

LASTS_MS: Final = 12 * 3_600_000
"""How long a session lasts that is not used; one that is used is renewed at half of that."""
_ADMIN: Final[Role] = "admin"
_PAD: Final = 16


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who signed in."""

    who: str
    role: Role
    id: str
    until_ms: int
    user: str = ""
    """The user's id; empty for the installation itself."""
    began_ms: int = 0
    issuer: str = ""
    """The provider by which it began; it ends when that is no longer the one."""

    @property
    def caller(self) -> Caller:
        """Return who asks."""
        return Caller(self.who, self.role, user=self.user)


_Session: Final = TypeAdapter(Session)


class Sessions:
    """Begins sessions and recognises them.

    Args:
        secret: What only the installation knows.
        now_ms: Tells the time.
        people: Who may sign in, and which sessions have ended.
    """

    def __init__(self, secret: str, now_ms: Callable[[], int], people: People) -> None:
        self.people = people
        self._key = hmac.digest(secret.encode(), b"syncline console session", "sha256")
        self._now_ms = now_ms

    def begin(self, user: User | None, issuer: str = "") -> Session:
        """Return a new session of a user, None for the installation itself; its id is nobody's before.

        Args:
            user: Who signed in.
            issuer: The provider that said so, if one did.
        """
        ended = self.people.ended_until(user.id if user else INSTALLATION)
        began = max(self._now_ms(), ended + 1)
        who, role, name = (user.email, user.role, user.id) if user else (INSTALLATION, _ADMIN, "")
        return Session(who, role, secrets.token_urlsafe(12), self._now_ms() + LASTS_MS, name, began, issuer)

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
        return self._standing(session) if self._now_ms() < session.until_ms else None

    def _standing(self, session: Session) -> Session | None:
        """Return a session with the role that its user has now; None when it has ended."""
        user = self.people.user(session.user) if session.user else None
        if self.people.has_ended(session.id) or session.began_ms <= self.people.ended_until(
            session.user or INSTALLATION
        ):
            return None
        if session.began_ms and self._now_ms() - session.began_ms > LONGEST_SESSION_MS:
            return None
        if not session.user:
            return session
        provider = self.people.provider()
        if session.issuer and (provider is None or provider.issuer != session.issuer):
            return None
        if self.people.link(session.user) is not None:
            return None  # of whoever is another user since
        return None if user is None or user.disabled else replace(session, who=user.email, role=user.role)

    def renewed(self, session: Session) -> Session | None:
        """Return a session with a new end when half of its time is over, or None.

        One that began by the provider is not renewed: whoever was shut out there comes in no longer once it has ended.
        """
        if session.issuer or session.until_ms - self._now_ms() > LASTS_MS // 2:
            return None
        now = self._now_ms()
        return replace(session, until_ms=now + LASTS_MS, began_ms=session.began_ms or now)

    def browser(self, user: str) -> str:
        """Return a cookie that tells a browser in which a user has signed in from all others."""
        body = f"{user}:{secrets.token_urlsafe(12)}"
        return f"{body}.{self._mark('browser', body)}"

    def browser_of(self, cookie: str, user: str) -> str:
        """Return the name of a browser; empty where this user has not signed in before."""
        body, _, mark = cookie.partition(".")
        is_ours = hmac.compare_digest(mark.encode(), self._mark("browser", body).encode())
        return body.partition(":")[2] if is_ours and body.partition(":")[0] == user else ""

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

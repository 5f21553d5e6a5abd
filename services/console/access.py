"""Who may ask this installation: those who send its token, as long as they do not guess."""

import hmac
from dataclasses import dataclass

from services.console.guard import WrongTokens
from services.console.roles import Role
from services.console.use.problems import Problem
from shared.io.ports import Clock


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever has proved who he is."""

    who: str
    role: Role


class Access:
    """Checks the token of an installation, for its API and for its sign-in page.

    Args:
        token: The token; it must not be empty.
    """

    def __init__(self, token: str, clock: Clock) -> None:
        self.token = token
        self.clock = clock
        self._wrong = WrongTokens()

    def now_ms(self) -> int:
        """Return the time by which wrong tokens and sessions are judged."""
        return self.clock.now_ms()

    def check(self, client: str, token: str | None) -> Caller:
        """Refuse a client that sends no token or a wrong one, and for a while one that has sent many wrong ones."""
        now = self.now_ms()
        wait_s = self._wrong.wait_s(client, now)
        if wait_s:
            raise Problem(
                429,
                "Too many wrong tokens",
                f"This client sent too many wrong tokens: it is heard again in {wait_s} s.",
                {"Retry-After": str(wait_s)},
            )
        if token is None or not hmac.compare_digest(token.encode(), self.token.encode()):
            if token is not None:
                self._wrong.note(client, now)
            raise Problem(
                401,
                "Sign in",
                "Send `Authorization: Bearer …` with SYNCLINE_CONSOLE_TOKEN.",
                {"WWW-Authenticate": "Bearer"},
            )
        return Caller("admin", "admin")

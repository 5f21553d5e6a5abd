"""One request as a screen sees it, and what a screen answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from htpy import Element
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.console.access.authentication import Access
from services.console.access.roles import needed_at, reaches
from services.console.use.administration.users import Accounts
from services.console.use.callers import Caller
from services.console.use.standing.installation import Installation
from services.console.web.sessions import Session, Sessions
from shared.wire.messages import User

SESSION_COOKIE: Final = "syncline"
LOOK_COOKIE: Final = "syncline-look"
SIGNING_COOKIE: Final = "syncline-signing"
BROWSER_COOKIE: Final = "syncline-browser"
ZONE_COOKIE: Final = "syncline-zone"
"""The time zone of the browser, which script tells."""
_LOCAL: Final = ("localhost", "127.0.0.1", "[::1]")
_YEAR_S: Final = 365 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the pages are made from."""

    console: Installation
    access: Access
    sessions: Sessions

    @property
    def accounts(self) -> Accounts:
        """Return what is done with users."""
        return self.access.accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How somebody wants the pages to look."""

    theme: str = ""
    """`light` or `dark`; as the system has it when empty."""
    keys: bool = True
    """Whether single keys do something."""

    @classmethod
    def read(cls, text: str) -> "Look":
        """Read a cookie; what it does not say is as it is by default."""
        parts = text.split("+")
        theme = next((part for part in parts if part in ("light", "dark")), "")
        return cls(theme=theme, keys="quiet" not in parts)

    def text(self) -> str:
        """Return it as a cookie holds it."""
        return "+".join((self.theme or "system", "keys" if self.keys else "quiet"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, with everything that a screen may use of it."""

    site: Site
    session: Session | None
    path: str
    host: str
    is_https: bool
    """Whether the browser is known to have come by https."""
    client: str
    look: Look = Look()
    browser: str = ""
    """The cookie of a browser in which somebody has signed in before."""
    signing: str = ""
    """What a browser keeps while somebody signs in at the provider."""
    query: Mapping[str, str]
    form: Mapping[str, str]
    params: Mapping[str, str]
    """Parts of the path."""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_late: bool = False
    """Whether what was changed just now does not count here yet."""

    @property
    def console(self) -> Installation:
        """Return the installation."""
        return self.site.console

    @property
    def caller(self) -> Caller:
        """Return who asks; only those who are signed in come to where this is asked."""
        assert self.session is not None  # noqa: S101 - see above
        return self.session.caller

    @property
    def origin(self) -> str:
        """Return under which address the console was called."""
        return f"{'https' if self.is_https else 'http'}://{self.host}"

    @property
    def now_ms(self) -> int:
        """Return the time."""
        return self.site.console.clock.now_ms()

    @property
    def is_local(self) -> bool:
        """Whether the console is called on this very machine, where browsers keep secure cookies without https."""
        name = self.host.rpartition(":")[0] if ":" in self.host.rpartition("]")[2] else self.host
        return name.lower() in _LOCAL

    def may(self, method: str, path: str) -> bool:
        """Check whether whoever asks may do what an address does: nobody is offered what would be refused."""
        needed = needed_at(method, path)
        return needed is None or (self.session is not None and reaches(self.session.role, needed))

    def form_token(self) -> str:
        """Return what a form must carry."""
        return self.site.sessions.form_token(self.session) if self.session else ""

    def keep(self, answer: Response, session: Session) -> None:
        """Set the cookie of a session."""
        answer.set_cookie(
            SESSION_COOKIE,
            self.site.sessions.cookie(session),
            path="/",
            httponly=True,
            samesite="lax",
            secure=not self.is_local,
        )

    def keep_signing(self, answer: Response, secret: str, lasts_s: int) -> None:
        """Set the cookie by which a browser is known that comes back from the provider."""
        answer.set_cookie(
            SIGNING_COOKIE,
            secret,
            max_age=lasts_s,
            path="/sign-in",
            httponly=True,
            samesite="lax",
            secure=not self.is_local,
        )

    def known_browser(self, email: str) -> str:
        """Return the name of this browser, where the user with an address has signed in before; empty where not."""
        user = self.site.accounts.people.by_email(email.strip().lower())
        return self.site.sessions.browser_of(self.browser, user.id) if user else ""

    def know_browser(self, answer: Response, user: User) -> None:
        """Set the cookie of a browser in which a user has signed in."""
        answer.set_cookie(
            BROWSER_COOKIE,
            self.site.sessions.browser(user.id),
            max_age=_YEAR_S,
            path="/",
            httponly=True,
            samesite="lax",
            secure=not self.is_local,
        )

    def keep_look(self, answer: Response, look: Look) -> None:
        """Set the cookie of how the pages look."""
        answer.set_cookie(
            LOOK_COOKIE, look.text(), max_age=_YEAR_S, httponly=True, samesite="lax", secure=not self.is_local
        )


def html(page: Element, status: int = 200) -> Response:
    """Return a page."""
    return HTMLResponse(str(page), status)


def see_other(url: str) -> Response:
    """Send the browser to another page after something was done."""
    return RedirectResponse(url, 303)


def inside(url: str) -> str:
    """Return an address if it leads into this console, else the first page: no link to us sends people elsewhere."""
    unsafe = not url.startswith("/") or url.startswith("//") or "\\" in url or any(ord(sign) < 33 for sign in url)
    return "/" if unsafe else url

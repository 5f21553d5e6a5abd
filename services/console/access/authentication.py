"""Who may ask this installation: users by password or by the provider, tokens of the API, and the installation's own.

Whoever is wrong too often waits, longer each time: by account and address, so that nobody can lock another one out. A
browser in which somebody has signed in before is judged by itself, whatever others try from the same address.
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Final

from services.console.access.rates import Limits
from services.console.use.administration.alerts import Alerts
from services.console.use.administration.mailing import Mailing
from services.console.use.administration.retention import Keeping
from services.console.use.administration.single_sign_on import Arrived, SingleSignOn
from services.console.use.administration.tokens import Tokens
from services.console.use.administration.users import Accounts
from services.console.use.callers import Caller
from services.console.use.problems import Problem
from shared.io.ports import Clock
from shared.io.redis.attempts import Attempts, Lane
from shared.wire.messages import User

FREE_AT_ACCOUNT: Final = 5
"""Wrong passwords for one account from one address, or one browser, before one has to wait."""
FREE_AT_ADDRESS: Final = 20
"""The same for all that comes from one address, be it tokens or passwords of many accounts."""


class Access:
    """Checks tokens and passwords, for the API and for the pages.

    Args:
        token: The installation's own token; it must not be empty.
        clock: By which sessions end.
        accounts: Who has a password.
        attempts: Counts who was wrong.
        single_sign_on: Who comes by the provider.
        mailing: By which mail is sent.
        alerts: What admins are told of.
        limits: How often somebody may ask.
        keeping: How long things are kept.
    """

    def __init__(
        self,
        token: str,
        clock: Clock,
        accounts: Accounts,
        attempts: Attempts,
        single_sign_on: SingleSignOn,
        mailing: Mailing,
        alerts: Alerts,
        limits: Limits,
        keeping: Keeping,
    ) -> None:
        self.token = token
        self.clock = clock
        self.accounts = accounts
        self.tokens = Tokens(accounts)
        self.attempts = attempts
        self.single_sign_on = single_sign_on
        self.mailing = mailing
        self.alerts = alerts
        self.limits = limits
        self.keeping = keeping

    def now_ms(self) -> int:
        """Return the time by which sessions are judged."""
        return self.clock.now_ms()

    def check(self, client: str, token: str | None) -> Caller:
        """Return who sends a token; refuses a wrong one, and for a while an address that has sent many."""
        lanes = self._heard(client)
        caller = None if token is None else self._caller(token)
        if caller is None:
            if token is not None:
                self.attempts.begin(lanes)
            raise Problem(
                401, "Sign in", "Send `Authorization: Bearer …` with a token of the API.",
                {"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        if caller.token:
            self.accounts.note_seen(caller.token)
        return caller

    def counts(self, token: str) -> bool:
        """Check whether a token still counts; without any, one that has ended counts for nothing."""
        return self._caller(token) is not None

    def check_own(self, client: str, token: str) -> None:
        """Refuse whoever does not send the installation's own token; raises `Problem`."""
        lanes = self._heard(client)
        if not self._is_own(token):
            self.attempts.begin(lanes)
            raise Problem(401, "Not signed in", "This is not the token of this installation.")

    def _heard(self, client: str) -> Sequence[Lane]:
        lanes = (Lane(f"address:{network(client)}", FREE_AT_ADDRESS),)
        _refuse_while(self.attempts.wait_ms(lanes))
        return lanes

    def _is_own(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.token.encode())

    def _caller(self, token: str) -> Caller | None:
        if self._is_own(token):
            return Caller("installation", "admin")
        return self.tokens.recognise(token)

    def sign_in(self, client: str, email: str, password: str, browser: str = "") -> User:
        """Return the user with an address and a password; raises `Problem`, and says nothing of what was wrong.

        Args:
            client: The address that asks.
            email: Whose account it is said to be.
            password: What is tried.
            browser: Names the browser, where this user has signed in before.
        """
        account = f"account:{hashlib.sha256(email.strip().lower().encode()).hexdigest()[:32]}"
        lanes: Sequence[Lane] = (
            Lane(f"{account}:{network(client)}", FREE_AT_ACCOUNT),
            Lane(f"address:{network(client)}", FREE_AT_ADDRESS),
        )
        if browser:
            lanes = (Lane(f"{account}:browser:{browser}", FREE_AT_ACCOUNT),)
        _refuse_while(self.attempts.begin(lanes))
        user = self.accounts.holds(email, password)
        if user is None:
            raise Problem(401, "Not signed in", "The address or the password is wrong.")
        self.attempts.forgive(lanes[:1])
        self.attempts.take_back(lanes[1:])
        return user

    def begin_at_provider(self, client: str, browser: str, redirect: str, wanted: str) -> str:
        """Return where somebody signs in by the provider; refuses for a while an address that was wrong too often."""
        self._heard(client)
        return self.single_sign_on.begin(browser, redirect, wanted)

    def come_from_provider(self, client: str, browser: str, query: Mapping[str, str]) -> Arrived:
        """Return who came back from the provider; raises `Problem`, and counts who was wrong."""
        lanes = self._heard(client)
        try:
            return self.single_sign_on.finish(query, browser)
        except Problem as problem:
            if problem.status < 500:
                self.attempts.begin(lanes)
            raise

    def change_password(self, by: Caller, old: str, new: str) -> User:
        """Set another password for whoever asks and knows the old one, which nobody may guess with a stolen session."""
        lanes = (Lane(f"change:{by.user}", FREE_AT_ACCOUNT),)
        _refuse_while(self.attempts.begin(lanes))
        user = self.accounts.change_password(by, old, new)
        self.attempts.forgive(lanes)
        return user


def _refuse_while(wait_ms: int) -> None:
    if wait_ms > 0:
        seconds = -(-wait_ms // 1000)
        raise Problem(
            429,
            "Too many wrong tries",
            f"Too many wrong tries came from here: wait for {seconds} s, then try again.",
            {"Retry-After": str(seconds)},
        )


def network(client: str) -> str:
    """Return what counts as one address: of IPv6 the network, of which everybody has as many addresses as he likes."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)

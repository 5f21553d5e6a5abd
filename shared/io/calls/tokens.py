"""What all processes share of a connection's sign-in: its access token, who renews it, and whether the app refused it.

A cache: Kafka holds what must last (`shared.io.calls.grants`), and a Redis that forgot all costs one more renewal.
Tokens are sealed before they come here. Time is the store's own, so that no two machines' clocks matter.

A connection whose sign-in was refused is *paused*: once a minute one call is let through, of whichever process asks
first, until one of them succeeds or the connection is set up anew.
"""

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from shared.io.ports import NotReady
from shared.model.syncs import Connection

PROBE_MS: Final = 60_000
"""How often a paused connection is tried."""
LOCK_MS: Final = 60_000
"""Longest time for which one renewal keeps out the others; longer than a call and its wait for budget take."""
FORGET_MS: Final = 86_400_000
KEEP_UNSAVED_MS: Final = 7 * 86_400_000


class TokensAway(NotReady):
    """The shared tokens cannot be read: stop in place, as when the links are away."""

    def __init__(self) -> None:
        super().__init__("*")
        self.args = ("the shared tokens cannot be read: Redis does not answer",)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Which sign-in is meant."""

    connection: str
    stamp: str = ""
    """Names the connection as it is set up now: a pause holds for that alone."""
    grant: str = ""
    """Names the refresh token that a person entered: tokens of another one are of no use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """The app refused the sign-in."""

    code: str
    message: str
    again_ms: int
    """Until the next try is let through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is shared of a sign-in at this moment."""

    name: str = ""
    """Names the access token; empty when there is none."""
    sealed: str = ""
    ends_ms: int = 0
    """Time it has left."""
    renew_ms: int = 0
    """Time until it should be renewed."""
    age_ms: int = 0
    unsaved: str = ""
    """A refresh token, sealed, that Kafka may not have yet."""
    paused: Paused | None = None
    probe: bool = False
    """The sign-in was refused, and whoever got this is the one to try it again."""


class TokenCache(Protocol):
    """Every method raises `TokensAway`."""

    def look(self, sign_in: SignIn, *, enter: bool = False) -> Held:
        """Return what is shared; to *enter* is to take the one try of the minute where there is a pause."""
        ...

    def claim(self, connection: str, holder: str) -> bool:
        """Become the one who renews."""
        ...

    def release(self, connection: str, holder: str, after_ms: int = 0) -> None:
        """Release the lease, so that others may renew at once or a little later."""
        ...

    def store(self, sign_in: SignIn, holder: str, *, sealed: str, lives_ms: int, renew_ms: int) -> bool:
        """Share a new access token and let go; False, and nothing shared, when another one renews meanwhile."""
        ...

    def remember(self, sign_in: SignIn, holder: str, sealed: str) -> bool:
        """Keep a refresh token that Kafka does not have yet; False when another one renews meanwhile."""
        ...

    def pause(self, sign_in: SignIn, code: str, message: str) -> None:
        """Publish that the app refused the sign-in."""
        ...

    def resume(self, connection: str) -> None:
        """Publish that the sign-in works."""
        ...


def sign_in_of(row: Connection, grant: str = "") -> SignIn:
    """Name a connection's sign-in; what we merely learned of the account does not count as another setup."""
    told = row.model_dump(mode="json", exclude={"account", "zone", "version", "label", "scopes"}, exclude_defaults=True)
    return SignIn(connection=row.id, stamp=digest(json.dumps(told, sort_keys=True)), grant=grant)


def digest(text: str) -> str:
    """Name a text without telling it."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(slots=True)
class _Pause:
    stamp: str
    code: str
    message: str
    until_ms: int


@dataclass(slots=True)
class _Token:
    grant: str
    name: str = ""
    sealed: str = ""
    ends_ms: int = 0
    renew_ms: int = 0
    born_ms: int = 0
    unsaved: str = ""


@dataclass(slots=True)
class MemoryTokens:
    """The tokens of one process, by its own clock."""

    now_ms: Callable[[], int]
    _tokens: dict[str, _Token] = field(default_factory=dict)
    _pauses: dict[str, _Pause] = field(default_factory=dict)
    _locks: dict[str, tuple[str, int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, sign_in: SignIn, *, enter: bool = False) -> Held:
        """Return what is shared."""
        with self._lock:
            now = self.now_ms()
            paused, probe = self._paused(sign_in, now, enter=enter)
            held = Held(paused=paused, probe=probe)
            token = self._tokens.get(sign_in.connection)
            if token is None or token.grant != sign_in.grant:
                return held
            held = replace(held, unsaved=token.unsaved)
            if not token.name or token.ends_ms <= now:
                return held
            return replace(
                held,
                name=token.name,
                sealed=token.sealed,
                ends_ms=token.ends_ms - now,
                renew_ms=max(0, token.renew_ms - now),
                age_ms=now - token.born_ms,
            )

    def _paused(self, sign_in: SignIn, now: int, *, enter: bool) -> tuple[Paused | None, bool]:
        pause = self._pauses.get(sign_in.connection)
        if pause is None or pause.stamp != sign_in.stamp:
            return None, False
        if now >= pause.until_ms and enter:
            pause.until_ms = now + PROBE_MS
            return None, True
        return Paused(code=pause.code, message=pause.message, again_ms=max(0, pause.until_ms - now)), False

    def claim(self, connection: str, holder: str) -> bool:
        """Become the one who renews."""
        with self._lock:
            now = self.now_ms()
            if self._locks.get(connection, ("", 0))[1] > now:
                return False
            self._locks[connection] = (holder, now + LOCK_MS)
            return True

    def release(self, connection: str, holder: str, after_ms: int = 0) -> None:
        """Release the lease, so that others may renew."""
        with self._lock:
            if self._holds(connection, holder):
                self._locks[connection] = (holder, self.now_ms() + after_ms)

    def store(self, sign_in: SignIn, holder: str, *, sealed: str, lives_ms: int, renew_ms: int) -> bool:
        """Share a new access token and let go."""
        with self._lock:
            if not self._holds(sign_in.connection, holder):
                return False
            now = self.now_ms()
            self._tokens[sign_in.connection] = _Token(
                sign_in.grant, holder, sealed, now + lives_ms, now + renew_ms, born_ms=now
            )
            del self._locks[sign_in.connection]
            return True

    def _holds(self, connection: str, holder: str) -> bool:
        held, until = self._locks.get(connection, ("", 0))
        return held == holder and until > self.now_ms()

    def remember(self, sign_in: SignIn, holder: str, sealed: str) -> bool:
        """Keep a refresh token that Kafka does not have yet."""
        with self._lock:
            if not self._holds(sign_in.connection, holder):
                return False
            token = self._tokens.get(sign_in.connection)
            if token is None or token.grant != sign_in.grant:
                token = self._tokens[sign_in.connection] = _Token(sign_in.grant)
            token.unsaved = sealed
            return True

    def pause(self, sign_in: SignIn, code: str, message: str) -> None:
        """Publish that the app refused the sign-in."""
        with self._lock:
            self._pauses[sign_in.connection] = _Pause(sign_in.stamp, code, message, self.now_ms() + PROBE_MS)

    def resume(self, connection: str) -> None:
        """Publish that the sign-in works."""
        with self._lock:
            self._pauses.pop(connection, None)

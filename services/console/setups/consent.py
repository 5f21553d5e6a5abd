"""A person's agreement to a connection: what is asked, the proof that the answer is theirs, and what was granted.

The proof (``state``) is used once and for ten minutes, and lives in this process alone. Where the app takes a PKCE
challenge, a code that was seen by somebody else is of no use to them.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlsplit

from shared.contract.app import App
from shared.contract.demands import OWN_OBJECTS, Scope
from shared.contract.oauth import Asked, Code

LIFE_S: Final = 600.0


class ConsentError(Exception):
    """The answer brings no connection; the message says why, and what to do."""


class NotOurs(ConsentError):  # noqa: N818 - a fact about the answer
    """The answer belongs to no question of this process; whoever waits for one waits on."""


@dataclass(slots=True)
class Consent:
    """One question, answered once at most.

    Args:
        client_id: Which app of the vendor asks.
        redirect_uri: Where the vendor sends the person back to.
        scopes: What is asked for.
        pkce: Whether the app takes a challenge.
        now: Seconds of a clock that only goes forward.
    """

    client_id: str
    redirect_uri: str
    scopes: Sequence[Scope]
    pkce: bool
    now: Callable[[], float]
    _state: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    _until: float = 0.0
    _used: bool = False

    def __post_init__(self) -> None:
        self._until = self.now() + LIFE_S

    def __repr__(self) -> str:
        return f"Consent({self.redirect_uri!r})"

    def asked(self) -> Asked:
        """Return what people are asked."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self._verifier.encode()).digest()).rstrip(b"=").decode()
        return Asked(
            client_id=self.client_id,
            redirect_uri=self.redirect_uri,
            state=self._state,
            challenge=challenge if self.pkce else "",
            required=tuple(scope.name for scope in self.scopes if scope.required),
            optional=tuple(scope.name for scope in self.scopes if not scope.required),
        )

    def left_s(self) -> float:
        """Return the seconds in which an answer still counts."""
        return max(0.0, self._until - self.now())

    def answer(self, address: str) -> Code:
        """Take the address (or its query) to which the person was sent back.

        Raises:
            NotOurs: it answers another question, or none.
            ConsentError: the person did not agree, or the question was answered already, or too late.
        """
        query = parse_qs(urlsplit(address).query or address)
        state = query.get("state", [""])[-1]
        if not hmac.compare_digest(state.encode(), self._state.encode()):
            raise NotOurs(
                "this is not the answer to the question that was asked here: open the address above, and give the "
                "whole address to which the browser is sent afterwards"
            )
        if self._used:
            raise ConsentError("this answer was taken already: start again")
        self._used = True
        if self.left_s() <= 0:
            raise ConsentError("the answer came after more than ten minutes: start again")
        code = query.get("code", [""])[-1]
        if not code:
            why = query.get("error_description", query.get("error", ["the app gave no code"]))[-1]
            raise ConsentError(f"the account was not connected: {why[:200]}")
        return Code(code=code, redirect_uri=self.redirect_uri, verifier=self._verifier if self.pkce else "")


def scopes_for(app: App, objects: Sequence[str]) -> tuple[Scope, ...]:
    """List what must and may be asked for, for some object types, or for all when none is named."""
    wanted = {_in_scopes(app, one) for one in objects or app.objects}
    return tuple(scope for scope in app.scopes if wanted & {*scope.objects})


def _in_scopes(app: App, object_: str) -> str:
    return object_ if object_ in app.objects else OWN_OBJECTS


def missing(scopes: Sequence[Scope], granted: frozenset[str]) -> tuple[list[Scope], list[Scope]]:
    """Return what was not granted: what is required, and what is not."""
    lacking = [scope for scope in scopes if scope.name not in granted]
    return [scope for scope in lacking if scope.required], [scope for scope in lacking if not scope.required]


def permissions(app: App, scopes: Sequence[Scope]) -> list[str]:
    """Return what will be asked for, for people to read before they agree."""
    lines = [f"{app.title} will ask you to allow:"]
    for title, required in (("needed", True), ("optional", False)):
        lines += [f"  {title}: {one.name} - {one.reason}" for one in scopes if one.required is required]
    return lines


def limits(scopes: Sequence[Scope]) -> list[str]:
    """Return what a connection cannot do for want of scopes that were not granted."""
    return [f"not granted: {one.name} ({', '.join(one.objects)}). {one.reason}" for one in scopes]


def lacking_for(app: App, object_: str, granted: Sequence[str], *, writes: bool) -> list[Scope]:
    """List the scopes without which a sync cannot read an object type, or write to it."""
    return [
        scope
        for scope in app.scopes
        if _in_scopes(app, object_) in scope.objects
        and scope.name not in granted
        and (scope.required or (writes and scope.access == "write"))
    ]


def spelled(scopes: Sequence[Scope]) -> str:
    """Name scopes in a sentence."""
    return ", ".join(scope.name for scope in scopes)

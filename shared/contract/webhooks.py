"""How an app calls us: what a signature proves, and what a call says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from shared.contract.calls import Session
from shared.contract.feeds import Hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one call of an app says."""

    hints: tuple[Hint, ...]
    unread: tuple[str, ...] = ()
    """A sentence about each event that could not be read; the others count all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCall:
    """One call of an app, as it came."""

    method: str
    url: str
    """The public one, as the app called it."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    at_ms: int
    """When it came."""


Proof: TypeAlias = Literal["genuine", "old_signature", "forged"]
"""What a signature proves: the app made this call, and just now; the app made it, but whoever has seen it may send it
again, and its connection does not take such calls; or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """How an app calls us."""

    path: str
    verify: Callable[[Session, WebhookCall, str], Proof]
    """(connection, call, secret) -> what the call's signature proves."""
    read: Callable[[bytes], Heard]
    """What the body says; raises ValueError with a sentence when nothing of it is what the app sends."""

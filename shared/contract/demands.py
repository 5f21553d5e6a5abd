"""What an app demands of those who connect it: what they fill in, what they allow, and how many calls they make."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionField:
    """Something a user fills in when connecting."""

    name: str
    label: str
    kind: Literal["url", "text"]
    required: bool = True
    choices: tuple[str, ...] = ()
    """What a text may be, the default first; anything when empty."""


OWN_OBJECTS: Final = "own objects"
"""Stands, among the objects of a scope, for all those that accounts have of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One of several that a sign-in opens, of which a connection takes one, such as an address book."""

    title: str
    """What people call it there."""
    options: Mapping[str, str]
    """What a connection to it must hold, by the names of the app's connection fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A permission to ask for."""

    name: str
    objects: tuple[str, ...]
    access: Literal["read", "write"]
    required: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit that the app puts on calls."""

    name: str
    kind: Literal["window", "rolling", "concurrency", "execution_time", "daily", "none"]
    scope: Literal["user", "token", "account"]
    """Who is counted together; an account's limit is used up by its other apps, too."""
    amount: int
    window_s: float
    told: tuple[str, str] | None = None
    """Headers of answers, in lower case, that say its amount and what is left of it, where the app says so."""

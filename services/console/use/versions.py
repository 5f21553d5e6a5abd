"""Which version of a thing somebody has seen who changes it: who saw an old one overwrites nothing.

A version is a tag of what can be changed of a thing. Programs send the one they have seen as `If-Match`, and forms
carry it. It is compared with what a change is made from; and what is published counts only where nobody else was
faster, as those who read the topic see it (`shared.config.setups`, `services.console.access.people`).
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from services.console.use.problems import Problem

_TAG: Final = re.compile(r'(W/)?"([^"]*)"')
_seen: ContextVar[frozenset[str] | None] = ContextVar("seen", default=None)


class Standing(NamedTuple):
    """How a thing stands that is changed."""

    version: str
    shown: Mapping[str, str]
    """What can be changed of it, as forms name it, without secrets."""
    about: str
    """What the activity log calls it."""


class Stale(Problem):
    """Somebody else has changed what this change was made from.

    Args:
        now: How it stands now.
    """

    def __init__(self, now: Standing) -> None:
        detail = "Somebody else has changed this since you have looked: look again, and decide what is to stand."
        super().__init__(412, "Changed meanwhile", detail)
        self.now = now


@contextmanager
def seeing(versions: frozenset[str] | None) -> Iterator[None]:
    """Accept changes made within only from who has seen one of these versions; None: any."""
    token = _seen.set(versions)
    try:
        yield
    finally:
        _seen.reset(token)


def is_seen() -> bool:
    """Check whether whoever asks has said which version he has seen."""
    return _seen.get() is not None


def check_seen(now: Standing) -> None:
    """Refuse a change of what stands so by somebody who has seen another version; raises `Stale`."""
    versions = _seen.get()
    if versions is not None and now.version not in versions:
        raise Stale(now)


def overtaken(now: Standing) -> Problem:
    """Return what is said where somebody else was faster, of two who changed one thing at the same moment."""
    if is_seen():
        return Stale(now)
    return Problem(409, "Changed meanwhile", "Somebody else changed this at the same moment: look again.")


def version_of(*parts: object) -> str:
    """Return the version of what consists of these parts: another one as soon as one of them is another one."""
    text = json.dumps([_plain(part) for part in parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def tags_in(header: str) -> frozenset[str]:
    """Return the versions that a header names; a weak one is none, for nothing can be changed by it."""
    return frozenset(tag for weak, tag in _TAG.findall(header) if not weak)


def _plain(part: object) -> Any:
    return part.model_dump(mode="json") if isinstance(part, BaseModel) else part

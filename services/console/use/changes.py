"""What a request has changed, so that the next one sees it, whichever replica answers that.

Changes are places on topics that every replica follows. A page carries them in its address, and a program in a header.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

PATIENCE_S: Final = 2.0
"""How long a request waits for what another one has changed."""
HEADER: Final = "Syncline-Change"
_EVERY_S: Final = 0.03
_MOST: Final = 8
"""Topics that one request changes at most."""
_noted: ContextVar[dict[str, int]] = ContextVar("changes")


@contextmanager
def noting() -> Iterator[dict[str, int]]:
    """Note what is published meanwhile, here and in threads that are started from here: topic to offset."""
    found: dict[str, int] = {}
    token = _noted.set(found)
    try:
        yield found
    finally:
        _noted.reset(token)


def note(topic: str, offset: int) -> None:
    """Note what was published to a topic of a single partition, if somebody wants to know."""
    found = _noted.get(None)
    if found is not None:
        found[topic] = max(found.get(topic, -1), offset)


def spell(changes: Mapping[str, int]) -> str:
    """Return changes as an address carries them."""
    return "~".join(f"{topic}.{offset}" for topic, offset in sorted(changes.items()))


def read(text: str) -> dict[str, int]:
    """Return the changes that an address carries, without what is no place on a topic."""
    found: dict[str, int] = {}
    for part in text.split("~")[:_MOST]:
        topic, _, offset = part.rpartition(".")
        if topic and offset.isascii() and offset.isdigit() and len(offset) < 16:
            found[topic] = int(offset)
    return found


def wait_for(changes: Mapping[str, int], reached: Callable[[str], int | None], within_s: float = PATIENCE_S) -> bool:
    """Wait until changes count here; returns whether they do.

    Args:
        changes: Topic to offset.
        reached: Returns up to which offset a topic was taken here; None for one that nobody follows.
        within_s: Most seconds to wait.
    """
    until = time.monotonic() + within_s
    while True:
        if all((at := reached(topic)) is None or at >= offset for topic, offset in changes.items()):
            return True
        if time.monotonic() > until:
            return False
        time.sleep(_EVERY_S)

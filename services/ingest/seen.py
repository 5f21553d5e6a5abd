"""Which versions each feed has told already.

A round of a feed begins well before the last one ended, because an index may show a change late. What is read a second
time that way need not become a notice again: Kafka has the first one. This is memory of one process alone, so after a
restart, or at another worker, some notices come twice, and the hydrator drops them.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from shared.contract.feeds import Hint

MOST: Final = 50_000
"""Records remembered of each feed: more than an app changes between the beginnings of two rounds."""


class SeenVersions:
    """Remembers by feed what Kafka has acknowledged; each feed is asked by one thread at a time."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._feeds: dict[str, OrderedDict[str, int]] = {}

    def unseen(self, feed: str, hints: Sequence[Hint]) -> Sequence[Hint]:
        """Leave out the hints that were told already, in the same version; deletes and merges always stay."""
        known = self._feeds.get(feed)
        if not known:
            return hints
        return [hint for hint in hints if _order(hint) is None or known.get(hint.id) != _order(hint)]

    def remember(self, feed: str, hints: Sequence[Hint]) -> None:
        """Remember hints whose notices Kafka has acknowledged."""
        known = self._feeds.setdefault(feed, OrderedDict())
        for hint in hints:
            order = _order(hint)
            if order is not None:
                known[hint.id] = order
                known.move_to_end(hint.id)
        while len(known) > self._most:
            known.popitem(last=False)

    def forget(self, feed: str) -> None:
        """Forget what a feed has shown, so that all of it becomes notices again: the work of the first may be lost."""
        self._feeds.pop(feed, None)


def _order(hint: Hint) -> int | None:
    if hint.kind != "changed" or hint.version is None:
        return None
    return hint.version.order

"""The pairs that were stepped last, so that a state which comes back unchanged from Redis is not parsed again."""

from collections import OrderedDict

from shared.model.pairs import Pair


class StateCache:
    """Remembers pairs by the text of their state; a text that differs in anything is parsed.

    Args:
        most: How many pairs to remember.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, Pair] = OrderedDict()

    def read(self, text: str) -> Pair:
        """Return the pair of a text, and forget it, since its step makes a new one; raises ValidationError."""
        return self._kept.pop(text, None) or Pair.read(text)

    def keep(self, text: str, pair: Pair) -> None:
        """Remember the pair of a text."""
        self._kept[text] = pair
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

"""Characters that not every app can store: what is sent, and compared, in their place."""

import re
from typing import Final

_BREAKS: Final = re.compile("[\x0b\x0c]")
"""Line breaks of word processors, which come along when people paste."""
_FOREIGN: Final = re.compile("[\x00-\x08\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 has no place for (§2.2), and halves of surrogate pairs, which no encoding has a place for."""


def storable(text: str) -> str:
    """Return *text* with a line break or a space in the place of each character that an app cannot store."""
    return _FOREIGN.sub(" ", _BREAKS.sub("\n", text))


def single_line(text: str) -> str:
    """Return *text* with a space in the place of each character that an app cannot store."""
    return _FOREIGN.sub(" ", _BREAKS.sub(" ", text))

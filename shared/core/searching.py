"""What a record is found by: its name and its addresses, written alike however people write them."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from shared.core.pairs import Pair
from shared.core.records import Value

_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"]{1,64}@[^\s@<>,;:\"]{1,255}")
_MOST: Final = 8
"""Addresses of one pair that are kept."""
_LENGTH: Final = 500
"""Characters of a name that are searched."""
_MADE: Final = ("marker", "create", "surplus")
"""Ways of being linked that no identifier stands for."""


def folded(text: str) -> str:
    """Return a text without capitals, accents, runs of spaces, and signs that nobody can see."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    seen = (sign if sign.isprintable() else " " for sign in plain if not unicodedata.combining(sign))
    return " ".join("".join(seen).split())


def identifiers(pair: Pair) -> list[str]:
    """List the addresses of a pair's records, and what they were matched by, each once."""
    found: dict[str, None] = {}
    for side in (pair.L, pair.R):
        for value in side.fields.values() if side else ():
            for text in _texts(value):
                if "@" in text:
                    found |= dict.fromkeys(one.casefold() for one in _ADDRESS.findall(text[:_LENGTH]))
    if pair.match is not None and pair.match.key and pair.match.by not in _MADE:
        found.setdefault(pair.match.key, None)
    return list(found)[:_MOST]


def words_of(pair: Pair, found: list[str]) -> str:
    """Return what a pair is searched by, folded.

    Args:
        pair: The pair.
        found: Its identifiers.
    """
    return folded(" ".join((pair.label[:_LENGTH], *found)))


def is_found(pair: Pair, text: str) -> bool:
    """Check whether a text finds a pair: by all of its words, or as the id of one of its records."""
    words, known = folded(text).split(), words_of(pair, identifiers(pair))
    by_id = any(end is not None and end.id == text for end in (pair.L, pair.R))
    return by_id or (bool(words) and all(word in known for word in words))


def _texts(value: Value | None) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)

"""What a record is found by: words of its name, addresses, ids and reason, written alike however people write them."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Protocol

from shared.model.words import Status, Wait
from shared.rules.errors import CODES, EXCLUDED

_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"]{1,64}@[^\s@<>,;:\"]{1,255}")
_WORD: Final = re.compile(r"[^\W_]+")
_MOST: Final = 8
"""Addresses of one pair that are kept."""
_LENGTH: Final = 500
"""Characters of a name, or of an id, that are searched."""
_WORD_LENGTH: Final = 40
"""Characters of a word: what two words differ in beyond that tells them apart for nobody."""
_MADE: Final = ("marker", "create", "surplus")
"""Ways of being linked that no identifier stands for."""


class End(Protocol):
    """What is searched of a side."""

    @property
    def id(self) -> str:
        """The record's id in its app."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """Its values."""


class Known(Protocol):
    """How the two records were found to be the same."""

    @property
    def by(self) -> str:
        """The kind of key."""

    @property
    def key(self) -> str:
        """The key."""


class Searched(Protocol):
    """What is searched of a pair: of its whole state, or of as much of it as a list needs."""

    @property
    def status(self) -> str:
        """Where it stands."""

    @property
    def reason(self) -> str:
        """Why."""

    @property
    def label(self) -> str:
        """What people call it."""

    @property
    def L(self) -> End | None:  # noqa: N802 - the name of a side
        """The left side."""

    @property
    def R(self) -> End | None:  # noqa: N802 - the name of a side
        """The right side."""

    @property
    def match(self) -> Known | None:
        """How its records were found to be the same."""


def folded(text: str) -> str:
    """Return a text without capitals, accents, runs of spaces, and signs that nobody can see."""
    if text.isascii() and text.isprintable():
        return " ".join(text.lower().split())
    plain = unicodedata.normalize("NFKD", text).casefold()
    return " ".join(plain.translate(_SEEN).split())


class _Seen(dict[int, str | None]):
    """What becomes of a sign: nothing of an accent, and a space of what nobody can see."""

    def __missing__(self, code: int) -> str | None:
        sign = chr(code)
        seen = None if unicodedata.combining(sign) else sign if sign.isprintable() else " "
        if len(self) < _KNOWN_SIGNS:
            self[code] = seen
        return seen


_KNOWN_SIGNS: Final = 4096
_SEEN: Final = _Seen()


def words(text: str) -> list[str]:
    """Return the words of a text, folded: runs of letters and digits, each once."""
    return list(dict.fromkeys(word[:_WORD_LENGTH] for word in _WORD.findall(folded(text))))


def identifiers(pair: Searched) -> list[str]:
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


def words_of(pair: Searched, found: list[str]) -> list[str]:
    """Return the words that a pair is found by, each once.

    Args:
        pair: The pair.
        found: Its identifiers.
    """
    ids = (end.id[:_LENGTH] for end in (pair.L, pair.R) if end is not None)
    named = words(" ".join((pair.label[:_LENGTH], *found, *ids)))
    told = _reason_words(pair.status, pair.reason) if pair.reason else ()
    return list(dict.fromkeys((*named, *told))) if told else named


@lru_cache(maxsize=512)
def _reason_words(status: str, reason: str) -> tuple[str, ...]:
    """Return the words of a reason: those that its title has, and those of its name."""
    return tuple(words(f"{title_of(status, reason)} {reason.replace('_', ' ')}"))


def title_of(status: str, reason: str) -> str:
    """Return what the reason of a status is called; empty for one that only a newer version knows."""
    if status == Status.PENDING and reason in frozenset(Wait):
        return Wait(reason).sentence.removesuffix(".")
    if status == Status.EXCLUDED and reason in EXCLUDED:
        return EXCLUDED[reason].title
    row = CODES.get(reason)
    return row.title if row is not None else ""


def is_found(pair: Searched, text: str) -> bool:
    """Check whether a text finds a pair: each of its words begins one of the pair's."""
    asked, known = words(text), words_of(pair, identifiers(pair))
    return bool(asked) and all(any(word.startswith(one) for word in known) for one in asked)


def _texts(value: object) -> Sequence[str]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple):
        return [text for one in value for text in _texts(one)]
    return ()

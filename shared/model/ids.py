"""Deterministic ids: the same facts give the same id in every worker, however often a step is repeated."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from shared.model.records import LEFT, RIGHT, SIDES, LinkWrite, Side, Value, Version

_PLAIN: Final = re.compile(r"(?=.*[0-9A-Za-z])[0-9A-Za-z._~:-]{1,200}")


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=10).hexdigest()


def record_key(connection: str, object_: str, record: str) -> str:
    """Name a record as the key of its messages: under one key they stay in order."""
    return f"{connection}/{object_}/{record}"


def plain_id(text: str) -> str:
    """Return a text that may be the id of a record: one word, which leads nowhere else in a path; else nothing."""
    return text if _PLAIN.fullmatch(text) else ""


def pair_id(sync: str, side: Side, record: str) -> str:
    """Name the pair whose first claimant is *record*; the name never changes afterwards."""
    return _digest("pair", sync, side, record)


def create_id(sync: str, pair: str, side: Side, generation: int) -> str:
    """Name the one create that a pair may ever execute on a side in a generation.

    It is also the marker that the created record carries, so it tells sync and pair. It must not depend on the
    values: a create that is recomputed after an edit is still the same create.
    """
    return f"{sync}.{pair}.{side.lower()}{generation}"


def read_marker(marker: str | None, sync: str) -> tuple[str, Side] | None:
    """Return pair and side of a marker that *sync* made; None for any other text."""
    if not marker or not marker.startswith(f"{sync}."):
        return None
    rest = marker[len(sync) + 1 :].split(".")
    if len(rest) != 2 or len(rest[0]) != 20 or rest[1][:1].upper() not in SIDES or not rest[1][1:].isdigit():
        return None
    return rest[0], LEFT if rest[1][0] == LEFT.lower() else RIGHT


def update_id(
    pair: str,
    side: Side,
    expected: Version,
    fields: Mapping[str, Value | None],
    links: Mapping[str, LinkWrite],
    n: int,
) -> str:
    """Name one update: another version, other values or a later try give another name."""
    return _digest(
        pair,
        side,
        str(expected.order),
        expected.token,
        repr(sorted(fields.items())),
        repr(sorted(links.items())),
        str(n),
    )


def second_read_token(pair: str, side: Side, rev: int, place: int) -> str:
    """Name one request to read a record again; a later request has another name."""
    return _digest("ask", pair, side, str(rev), str(place))

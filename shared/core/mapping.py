"""The mapping of one field on each side, as settings."""

from typing import Literal

from shared.core.records import Frozen


class FieldMapping(Frozen):
    """A left field, a right field, a lens between them."""

    key: str
    """Stable name of the mapping within its sync."""
    left: str
    right: str
    lens: str = "text"
    zone: str = ""
    """Where a day begins, when a date meets a time; the zone of the account that holds the time when empty."""
    direction: Literal["two_way", "to_left", "to_right"] = "two_way"
    policy: Literal["inherit", "left", "right", "most_recent", "manual"] = "inherit"
    clears: Literal["keep", "propagate"] = "keep"
    on: bool = True
    origin: Literal["default", "custom"] = "default"
    required: bool = False
    since: int = 0
    """Settings version in which it became what it is: a pair that was settled before that has no base for it."""

"""Cursors of feeds."""

from shared.contract.feeds import FeedExpired


def number(cursor: str) -> int:
    """Return the number that a cursor is.

    Raises:
        FeedExpired: it is none, so it is no cursor of this feed.
    """
    if not (cursor.isascii() and cursor.isdigit()):
        raise FeedExpired("the stored cursor is not one of this feed")
    return int(cursor)

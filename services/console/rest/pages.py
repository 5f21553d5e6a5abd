"""Pages of lists: where the next one begins, whatever has come or gone since."""

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

from pydantic import TypeAdapter

from services.console.rest.shapes.common import At
from services.console.use.cursors import not_a_page, opened, spelled

Place: TypeAlias = tuple[int | str, ...]
"""Where a row stands in its list; no two rows stand at one place."""
_PLACE: Final[TypeAdapter[Place]] = TypeAdapter(tuple[int | str, ...])
_NUMBER: Final[TypeAdapter[int]] = TypeAdapter(At)


def page(
    name: str, rows: Iterable[dict[str, Any]], place: Callable[[dict[str, Any]], Place], cursor: str, limit: int
) -> dict[str, Any]:
    """Return one page of a list that is known whole; raises `Problem` for a cursor of another list.

    Args:
        name: What the rows are called in the answer.
        rows: All of them, in any order.
        place: Returns where a row stands.
        cursor: `next` of the page before; empty for the first one.
        limit: Rows of this page at most.
    """
    every, after = sorted(rows, key=place), opened(cursor, _PLACE) if cursor else ()
    try:
        left = [row for row in every if place(row) > after]
    except TypeError as error:
        raise not_a_page() from error
    shown = left[:limit]
    return {
        name: shown,
        "total": {"number": len(every), "exact": True},
        "next": spelled(place(shown[-1])) if len(left) > limit else None,
    }


def after_of(cursor: str) -> int:
    """Return the place on a topic behind which a page begins; 0 for the first page; raises `Problem`."""
    return opened(cursor, _NUMBER) if cursor else 0


def page_of_topic(name: str, rows: list[dict[str, Any]], limit: int, total: int | None = None) -> dict[str, Any]:
    """Return one page of messages, named by their places on a topic.

    Args:
        name: What the rows are called in the answer.
        rows: Those of the page, and one more where there is one.
        limit: Rows of this page at most.
        total: How many there are in all, where that is known.
    """
    shown = [named(row) for row in rows[:limit]]
    return {
        name: shown,
        "total": None if total is None else {"number": total, "exact": True},
        "next": spelled(shown[-1]["id"]) if len(rows) > limit else None,
    }


def named(row: dict[str, Any]) -> dict[str, Any]:
    """Return a message of a topic with its place there as its id."""
    return {"id": row["at"], **{name: value for name, value in row.items() if name != "at"}}

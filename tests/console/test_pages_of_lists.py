"""Pages of lists of the API: each row once, whatever comes or goes between two pages."""

from typing import Any

import pytest

from services.console.rest.pages import after_of, page, page_of_topic
from services.console.use.cursors import spelled
from services.console.use.problems import Problem


def rows(*names: str) -> list[dict[str, Any]]:
    return [{"id": name, "number": len(name)} for name in names]


def part(found: list[dict[str, Any]], cursor: str, limit: int = 2) -> tuple[list[str], str | None]:
    shown = page("rows", found, lambda row: (row["number"], row["id"]), cursor, limit)
    assert shown["total"] == {"number": len(found), "exact": True}
    return [row["id"] for row in shown["rows"]], shown["next"]


def test_a_list_is_read_page_by_page() -> None:
    found = rows("ccc", "a", "bb", "aa", "b")
    first, cursor = part(found, "")
    assert (first, cursor is None) == (["a", "b"], False)
    second, cursor = part(found, cursor or "")
    assert second == ["aa", "bb"]
    assert part(found, cursor or "") == (["ccc"], None)
    assert part(found, "", limit=5) == (["a", "b", "aa", "bb", "ccc"], None)
    assert part([], "") == ([], None)


def test_rows_that_come_or_go_move_no_other() -> None:
    """Also where the last row of the page before is no more."""
    _, cursor = part(rows("a", "b", "aa", "bb"), "")
    assert part(rows("a", "0", "bb", "aa"), cursor or "") == (["aa", "bb"], None)


@pytest.mark.parametrize("cursor", ["!", "é", "W10", spelled("a"), spelled(["a", 1]), spelled([[]]), spelled({"a": 1})])
def test_a_cursor_of_another_list_is_refused(cursor: str) -> None:
    with pytest.raises(Problem, match="`next` of the page before"):
        part(rows("a"), cursor)
    with pytest.raises(Problem, match="`next` of the page before"):
        after_of(cursor)


def test_messages_of_a_topic_are_named_by_their_places() -> None:
    found = page_of_topic("rows", [{"at": 9, "x": 1}, {"at": 7}, {"at": 3}], 2, 8)
    assert (found["rows"], found["total"]) == ([{"id": 9, "x": 1}, {"id": 7}], {"number": 8, "exact": True})
    assert after_of(found["next"]) == 7
    assert page_of_topic("rows", [{"at": 9}], 2) == {"rows": [{"id": 9}], "total": None, "next": None}
    assert after_of("") == 0

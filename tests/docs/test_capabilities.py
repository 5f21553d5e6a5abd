"""What Syncline does of HubSpot's data sync is true: each row names code and a test that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ITEMS = 53
_ROW = re.compile(
    r"\| (\d+) \| ([^|]+) \| (works|partly|not yet)(?:\. ([^|]+))? \| (?:`([^`]+)`)? ?\| (?:`([^`]+)`)? ?\|"
)


def rows() -> list[tuple[str, ...]]:
    """Return the table: number, what, state, what is missing, where, and the test."""
    text = (ROOT / "docs" / "reference" / "capabilities.md").read_text()
    lines = [line for line in text.splitlines() if re.match(r"\| \d", line)]
    found = [_ROW.fullmatch(line) for line in lines]
    assert None not in found, [line for line, row in zip(lines, found, strict=True) if row is None]
    return [tuple(value or "" for value in row.groups()) for row in found if row is not None]


def test_every_item_has_its_row() -> None:
    assert [number for number, *_ in rows()] == [str(number) for number in range(1, ITEMS + 1)]


def test_what_works_is_shown_by_a_test_and_what_does_not_says_so() -> None:
    for number, _, state, missing, where, test in rows():
        assert bool(where) == bool(test) == (state != "not yet"), number
        assert missing or state != "partly", f"{number} does not say what is missing"
        assert not missing or state != "works", f"{number} works, and something is missing"


def test_the_code_and_the_tests_that_are_named_are_there() -> None:
    for number, *_, where, test in rows():
        if not test:
            continue
        path, _, name = test.partition("::")
        assert (ROOT / where).is_file(), number
        assert re.search(rf"\bdef {name}\(", (ROOT / path).read_text()), f"{number}: {test}"

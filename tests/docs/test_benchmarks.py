"""The benchmarks on paper are those that were measured."""

import json

from tests.bench.figures import PAGE, RESULTS, page, table


def test_the_table_is_the_one_of_the_results() -> None:
    """Each figure stands there with the commit that it was measured at."""
    found = json.loads(RESULTS.read_text())
    assert page(PAGE.read_text(), table(found)) == PAGE.read_text()
    assert all(row["commit"] and "dirty" not in row["commit"] for row in found["figures"])

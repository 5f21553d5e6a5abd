"""Each test has a writer of its own."""

import pytest

from tests.services.writer.counter import Counter


@pytest.fixture(name="counter")
def _counter() -> Counter:
    return Counter()

"""Each test has a writer of its own."""

import pytest

from tests.services.writer.harness import WriterHarness


@pytest.fixture(name="harness")
def _harness() -> WriterHarness:
    return WriterHarness()

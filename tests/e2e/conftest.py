"""When a test on a running installation fails, its report tells how the installation stood: logs end with the test."""

from collections.abc import Generator

import pytest

from tests.e2e.live import Live


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the installation's own words to the first failure: those after it often follow from the same cause."""
    report = yield
    live = getattr(item, "funcargs", {}).get("live")
    if report.failed and isinstance(live, Live) and not live.described:
        live.described = True
        report.sections.append(("The installation", live.describe()))
    return report

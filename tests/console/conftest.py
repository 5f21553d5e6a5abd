"""What tests of the console share besides the console itself."""

from collections.abc import Iterator

import pytest

from tests.console.planner import Planner
from tests.services.console.provider import ProviderServer


@pytest.fixture(name="planner")
def _planner() -> Planner:
    return Planner()


@pytest.fixture(name="provider", scope="session")
def _provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderServer]:
    """Offer a provider of OpenID Connect."""
    with ProviderServer(tmp_path_factory.mktemp("provider")) as server:
        yield server

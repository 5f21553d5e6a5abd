"""A HubSpot and an address book of its own for each test."""

from collections.abc import Iterator

import pytest

from deploy.local.hubspot import HubSpotServer
from deploy.local.servers.real import RadicaleServer
from tests.slice.book import Book


@pytest.fixture(name="server")
def _server() -> Iterator[HubSpotServer]:
    """Offer an empty HubSpot."""
    with HubSpotServer(data=None, seed=1) as server:
        yield server


@pytest.fixture(name="book")
def _book(radicale: RadicaleServer) -> Book:
    """Offer an empty address book on the session's Radicale."""
    return Book.made(radicale)

"""The pages over an installation in memory: the same that the API's tests use."""

import pytest

from tests.console.web.visitor import Visitor
from tests.services.console.conftest import (  # noqa: F401 - fixtures are found by being here
    _served,
    _window,
)
from tests.services.console.window import TOKEN, Window


@pytest.fixture(name="stranger")
def _stranger(window: Window) -> Visitor:
    """Offer a browser that is not signed in."""
    return Visitor(window.address)


@pytest.fixture(name="visitor")
def _visitor(window: Window) -> Visitor:
    """Offer a browser that is signed in."""
    visitor = Visitor(window.address)
    visitor.sign_in(TOKEN)
    return visitor

"""One API server for all tests; each gives it an installation of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.console.api import Api, make_app
from services.console.projection import Views
from shared.io.budgets import MemoryBudgets
from tests.services.console.window import TOKEN, Window
from tests.services.desk import Desk, serving


@pytest.fixture(name="served", scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, str]]:
    """One server for all; each test gives it an installation of its own."""
    desk, views = Desk(), Views(tmp_path_factory.mktemp("first") / "views.sqlite")
    api = Api(
        views,
        desk.setups,
        desk.bus,
        desk.clock,
        token=TOKEN,
        ready=lambda: True,
        refused=lambda _: None,
        webhooks=lambda _: None,
        budgets=MemoryBudgets(now_ms=desk.clock.now_ms),
    )
    with serving(make_app(api)) as address:
        yield api, address
    views.close()


@pytest.fixture(name="window")
def _window(served: tuple[Api, str], tmp_path: Path) -> Iterator[Window]:
    api, address = served
    desk, views = Desk(), Views(tmp_path / "views.sqlite")
    window = Window(desk, views, address)
    api.views, api.setups, api.bus, api.clock = views, desk.setups, desk.bus, desk.clock
    api._ready = lambda: window.ready
    api._webhooks = lambda row: window.refused.get(row.id)
    yield window
    views.close()

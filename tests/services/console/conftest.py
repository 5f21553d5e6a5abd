"""One API server for all tests; each gives it an installation of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.hubspot import HubSpotServer
from services.console.access import Access
from services.console.api import make_app
from services.console.guard import WrongTokens
from services.console.projection import Views
from services.console.use.installation import Installation
from shared.io.budgets import MemoryBudgets
from tests.services.console.bench import PORTALS, Bench
from tests.services.console.window import TOKEN, Window
from tests.services.desk import Desk, serving


@pytest.fixture(name="served", scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Access, str]]:
    """One server for all; each test gives it an installation of its own."""
    desk, views = Desk(), Views(tmp_path_factory.mktemp("first") / "views.sqlite")
    installation = Installation(
        views,
        desk.setups,
        desk.bus,
        desk.clock,
        ready=lambda: True,
        refused=lambda _: None,
        webhooks=lambda _: None,
        budgets=MemoryBudgets(now_ms=desk.clock.now_ms),
    )
    access = Access(TOKEN, desk.clock)
    with serving(make_app(installation, access)) as address:
        yield installation, access, address
    views.close()


@pytest.fixture(name="window")
def _window(served: tuple[Installation, Access, str], tmp_path: Path) -> Iterator[Window]:
    installation, access, address = served
    desk, views = Desk(), Views(tmp_path / "views.sqlite")
    window = Window(desk, views, address)
    installation.views, installation.setups = views, desk.setups
    installation.bus, installation.clock = desk.bus, desk.clock
    installation._ready = lambda: window.ready
    installation._webhooks = lambda row: window.refused.get(row.id)
    access.clock, access._wrong = desk.clock, WrongTokens()  # wrong tokens of one test must not shut out the next
    yield window
    views.close()


@pytest.fixture(name="hubspot", scope="module")
def _hubspot() -> Iterator[HubSpotServer]:
    with HubSpotServer(data=None, seed=1) as server:
        admin = server.admin()
        for number in PORTALS.values():
            admin.add_account(number, token=f"pat-{number}", settings={})
        admin.close()
        yield server


@pytest.fixture(name="bench")
def _bench(hubspot: HubSpotServer, redis_url: str, tmp_path: Path) -> Bench:
    return Bench(hubspot, redis_url, tmp_path)


@pytest.fixture(name="applied")
def _applied(bench: Bench) -> Bench:
    """Offer a console whose file was applied once."""
    assert bench.run("apply", bench.whole()) == 0
    bench.follow()
    return bench

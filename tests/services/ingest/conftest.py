"""One webhook server for all tests of a file, which each finds as if nothing had come yet; feeds for each test."""

from collections.abc import Iterator
from typing import Any

import pytest

from services.ingest.noting import Noting
from services.ingest.strangers import Strangers
from services.ingest.webhooks import Webhooks, make_app
from shared.apps import APPS
from shared.io.memory import MemoryBus
from tests.services.environment import serving
from tests.services.ingest.feeds_harness import FeedsHarness
from tests.services.ingest.webhook_server import PUBLIC, WebhookServer


@pytest.fixture(name="harness")
def _harness() -> FeedsHarness:
    return FeedsHarness()


@pytest.fixture(name="server")
def _server(web: WebhookServer) -> WebhookServer:
    web.reset()
    web.webhooks._strangers = Strangers(web.clock)
    return web


@pytest.fixture(name="web", scope="module")
def _web() -> Iterator[WebhookServer]:
    server = WebhookServer()

    class Bus:
        """The bus of whichever broker the test has."""

        async def publish(self, messages: Any) -> Any:
            return await MemoryBus(server.broker).publish(messages)

    webhooks = Webhooks(
        server.setups, server.vault, Bus(), server.clock, metrics=server.metrics, public_url=f"{PUBLIC}/",
        refused=server.note, noting=Noting(server.notes, server.clock),
    )  # fmt: skip
    with serving(make_app(webhooks, APPS)) as address:
        server.address, server.webhooks = address, webhooks
        yield server

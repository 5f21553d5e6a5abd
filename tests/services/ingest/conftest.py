"""One webhook server for all tests of a file, which each finds as if nothing had come yet; feeds for each test."""

from collections.abc import Iterator
from typing import Any

import pytest

from services.ingest.noting import Noting
from services.ingest.strangers import Strangers
from services.ingest.webhooks import Webhooks, make_app
from shared.apps import APPS
from shared.io.memory import MemoryBus
from tests.services.desk import serving
from tests.services.ingest.door import PUBLIC, Door
from tests.services.ingest.station import Station


@pytest.fixture(name="station")
def _station() -> Station:
    return Station()


@pytest.fixture(name="door")
def _door(web: Door) -> Door:
    web.reset()
    web.webhooks._strangers = Strangers(web.clock)
    return web


@pytest.fixture(name="web", scope="module")
def _web() -> Iterator[Door]:
    door = Door()

    class Bus:
        """The bus of whichever broker the test has."""

        async def publish(self, messages: Any) -> Any:
            return await MemoryBus(door.broker).publish(messages)

    webhooks = Webhooks(
        door.setups, door.vault, Bus(), door.clock, metrics=door.metrics, public_url=f"{PUBLIC}/", refused=door.note,
        noting=Noting(door.notes, door.clock),
    )  # fmt: skip
    with serving(make_app(webhooks, APPS)) as address:
        door.address, door.webhooks = address, webhooks
        yield door

"""Drives the connecting of real accounts (HubSpot simulator, address book) over a real Redis."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.console.use.connections.connections import Connections
from shared.apps import APPS
from shared.io.calls.budgets_redis import RedisBudgets
from shared.io.calls.grants import Grants
from shared.io.calls.tokens import sign_in_of
from shared.io.calls.tokens_redis import RedisTokens
from shared.io.calls.vault import Vault
from shared.io.calls.webhook_refusals import WebhookRefusals
from shared.io.envelope import Stored
from shared.io.memory import MemoryBroker, MemoryReader
from shared.io.process.service import Service
from shared.io.redis.client import connect_by
from shared.io.redis.feed_notes import RedisFeedNotes
from shared.io.redis.once import RedisOnce
from shared.settings import Settings
from shared.wire import topics
from shared.wire.topics import Topic
from tests.services.console.accounts import Heard
from tests.services.console.harness import ConsoleHarness


@dataclass
class ConnectingHarness:
    """Holds a console over Kafka in memory that may call apps on this machine."""

    console: ConsoleHarness
    service: Service
    vault: Vault
    broker: MemoryBroker

    def stored(self, topic: Topic[Any]) -> Sequence[Stored[Any]]:
        """Return what was written to a topic."""
        return list(MemoryReader(self.broker, topic).read_to_end())

    def opened(self, name: str) -> dict[str, str]:
        """Return what a connection signs in with, in the clear."""
        row = self.service.setups.connection(name)
        return {key: self.vault.open(sealed, connection=name, name=key) for key, sealed in row.secrets.items()}


def equip(
    console: ConsoleHarness, folder: Path, redis_url: str, *, allowed: tuple[str, ...] = ("127.0.0.1",)
) -> ConnectingHarness:
    """Equip a console to connect real accounts."""
    key = folder / "key"
    key.write_text(base64.b64encode(b"k" * 32).decode())
    given: Any = {"redis_url": redis_url, "key_file": key, "allow_private_addresses": allowed}
    service = Service("console", Settings(**given))
    broker = MemoryBroker(topics.catalogue(tuple(APPS)))
    bus = Heard(broker, service.setups)
    service.bus = bus  # type: ignore[assignment]  # the same in memory
    service.grants = Grants(bus, service.setups, end=lambda: service.setups.offset + 1)
    installation, client = console.installation, connect_by(service.settings)
    tokens = RedisTokens(client)
    installation.setups, installation.jobs, installation.bus = service.setups, service.jobs, bus
    installation.clock, installation.budgets = service.clock, RedisBudgets(client)
    installation.refused = lambda row: tokens.look(sign_in_of(row)).paused
    installation.feed_notes = RedisFeedNotes(client)
    installation._webhooks = WebhookRefusals(client).of
    installation.connections = Connections(
        service, lambda topic: MemoryReader(broker, topic).read_to_end(), RedisOnce(client)
    )
    return ConnectingHarness(console, service, Vault.from_file(key), broker)

"""What can be done with the accounts of an installation in memory."""

from collections.abc import Iterable, Sequence
from typing import Any

from services.console.setups.accounts.discovery import Apps
from services.console.use.connections.connections import Connections
from shared.config.setups import Setups
from shared.io.memory import MemoryBroker, MemoryBus, MemoryReader
from shared.io.ports import Outbound
from shared.io.process.service import Service
from shared.io.redis.once import MemoryOnce
from shared.model.syncs import Connection
from shared.settings import Settings
from shared.wire import topics
from shared.wire.messages import SetupDoc
from tests.services.environment import Environment


class Heard(MemoryBus):
    """Applies published settings at once, as a follower of the topic does a moment later."""

    def __init__(self, broker: MemoryBroker, setups: Setups) -> None:
        super().__init__(broker)
        self._settings = setups

    async def publish(self, messages: Sequence[Outbound]) -> Sequence[int]:
        """Publish, and take."""
        offsets = await super().publish(messages)
        for row in messages:
            if row.topic is topics.SETUPS:
                doc: Any = row.message
                self._settings.apply(self._settings.offset + 1, row.key, doc)
        return offsets


def connections_of(env: Environment) -> Connections:
    """Make what can be done with the accounts of an installation in memory."""
    service = Service("console", Settings(apps=tuple(env.setups.apps)))
    service.setups, service.jobs, service.bus = env.setups, env.jobs, Heard(env.broker, env.setups)  # type: ignore[assignment]  # in memory
    service.clock = env.clock  # type: ignore[assignment]  # moved by hand
    env.answers.setdefault("read", lambda *_: [])

    def apps_with(_: Service, rows: Iterable[Connection]) -> Apps:
        found = Apps.__new__(Apps)
        found.setups, found.caller = Setups(env.setups.apps), env.caller  # type: ignore[assignment]  # answers as the environment says
        for number, row in enumerate(rows):
            found.setups.apply(number, f"connection:{row.id}", SetupDoc(connection=row))
        return found

    return Connections(
        service, lambda topic: MemoryReader(env.broker, topic).read_to_end(), MemoryOnce(env.clock), apps_with
    )

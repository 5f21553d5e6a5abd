"""The console beside a slice: its views of what Kafka in memory holds, and what can be done with them."""

from collections.abc import Generator, Iterable
from pathlib import Path

from services.console.exports.known import Exports
from services.console.setups.accounts.discovery import Apps
from services.console.use.asking import Asking
from services.console.use.connections.connections import Connections
from services.console.use.standing.exports import Exporting
from services.console.use.standing.installation import Installation
from services.console.views.projection import FOLLOWED, Views
from shared.config.jobs import Jobs
from shared.io.calls.budgets import MemoryBudgets
from shared.io.calls.call_notes import MemoryCallNotes
from shared.io.calls.vault import Vault
from shared.io.envelope import Stored
from shared.io.memory import MemoryReader
from shared.io.process.service import Service
from shared.io.redis.feed_notes import MemoryFeedNotes
from shared.io.redis.once import MemoryOnce
from shared.io.redis.rates import MemoryRates
from shared.model.syncs import Connection
from shared.settings import Settings
from shared.wire import topics
from shared.wire.messages import Parked
from tests.slice.harness import Slice


class _Apps(Apps):
    """Calls the apps of a slice, as its workers do."""

    def __init__(self, world: Slice, rows: Iterable[Connection]) -> None:
        del rows
        self.setups, self.caller = world.setups, world.caller  # type: ignore[assignment]  # without budgets


class Console(Installation):
    """A console of a slice, which follows when it is asked to."""

    def __init__(self, world: Slice, folder: Path) -> None:
        self._world = world
        service = Service("console", Settings())
        service.setups, service.bus = world.setups, world.bus  # type: ignore[assignment]  # the same in memory
        super().__init__(
            Views(folder / "views.sqlite"),
            world.setups,
            Jobs(world.setups),
            world.bus,
            world.clock,
            budgets=MemoryBudgets(now_ms=world.clock.now_ms),
            states_from=lambda start: MemoryReader(world.broker, topics.PAIR_STATE, start=start).read_to_end(),
            feed_notes=MemoryFeedNotes(),
            call_notes=MemoryCallNotes(world.clock),
            ready=lambda: True,
            refused=lambda _: None,
            webhooks=lambda _: None,
            parked_from=self._parked_from,
            exports=Exporting(service, Exports(), Vault(), lambda _: (_ for _ in ())),
            connections=Connections(
                service,
                lambda topic: MemoryReader(world.broker, topic).read_to_end(),
                MemoryOnce(world.clock),
                lambda _, rows: _Apps(world, rows),
            ),
            asking=Asking(MemoryRates(world.clock)),
        )

    def _parked_from(self, at: int) -> Generator[Stored[Parked], None, None]:
        yield from MemoryReader(self._world.broker, topics.PARKED, start={0: at}).read_to_end()

    def follow(self) -> None:
        """Take all that was published since."""
        for topic in FOLLOWED:
            reader = MemoryReader(self._world.broker, topic, start=self.views.positions(topic.name))
            self.views.take(topic.name, list(reader.poll(0.0)), reader.positions)

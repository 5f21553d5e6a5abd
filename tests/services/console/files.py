"""Lists as files, of an installation in memory: each console follows the broker, and makes files when asked."""

import threading
from collections.abc import Generator
from typing import Final

from services.console.exports.known import ExportRow, Exports
from services.console.exports.making import Exporter
from services.console.use.administration.mailing import Mailing
from services.console.use.standing.exports import Exporting
from services.console.use.standing.installation import Installation
from shared.io.calls.vault import Vault
from shared.io.envelope import Stored
from shared.io.memory import MemoryReader
from shared.io.net.mail import make_post
from shared.io.redis.once import MemoryOnce, Once
from shared.settings import Settings
from shared.wire import topics
from shared.wire.exports import ExportChunk
from shared.wire.topics import DAY_MS
from tests.services.environment import Environment

VAULT: Final = Vault([b"k" * 32])
POST: Final = make_post(Settings(allow_private_addresses=("127.0.0.1",)))


class FollowedExports(Exports):
    """Reads the broker whenever it is asked, as a follower does a moment after something was published."""

    def __init__(self, env: Environment) -> None:
        super().__init__()
        self._env = env
        self._reader = MemoryReader(env.broker, topics.EXPORTS)
        self._turn = threading.Lock()  # whoever makes files asks, too

    def follow(self) -> None:
        """Apply what was published."""
        with self._turn:
            if self._env.broker.available:
                for stored in self._reader.poll(0):
                    self.apply(stored.offset, stored.key, stored.message)

    def get(self, name: str) -> ExportRow | None:
        """Return a file by its id."""
        self.follow()
        return super().get(name)

    def rows(self) -> list[ExportRow]:
        """List all files."""
        self.follow()
        return super().rows()


def exports_of(env: Environment) -> Exporting:
    """Make what can be done with the files of an installation in memory."""

    def chunks_from(at: int) -> Generator[Stored[ExportChunk], None, None]:
        yield from MemoryReader(env.broker, topics.EXPORT_CHUNKS, start={0: at}).read_to_end()

    return Exporting(env, FollowedExports(env), VAULT, chunks_from)


def exporter_of(console: Installation, mailing: Mailing, once: Once | None = None, name: str = "console") -> Exporter:
    """Make what makes the files of an installation, with leases of its own where none are given."""
    return Exporter(
        console,
        once or MemoryOnce(console.clock),
        ready=lambda: True,
        name=name,
        mailing=mailing,
        kept_ms=lambda: DAY_MS,
    )

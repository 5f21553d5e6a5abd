"""Drives the commands that plan and apply files: real portals, a real Redis, Kafka in memory."""

import base64
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.local.hubspot import HubSpotServer
from services.console.access.people import People
from services.console.commands.settings import setup
from shared.io.memory import MemoryBroker, MemoryBus, MemoryReader
from shared.io.process.service import Service
from shared.settings import Settings
from shared.wire import topics
from shared.wire.access import AccessDoc
from shared.wire.topics import Topic

_BROKERS: Final[dict[int, MemoryBroker]] = {}
"""By the settings of each console, its Kafka."""
PORTALS: Final = {"one": 8801, "two": 8802, "three": 8803}


class SetupHarness:
    """Plans and applies files against real portals and a real Redis."""

    def __init__(self, hubspot: HubSpotServer, redis_url: str, folder: Path) -> None:
        key = folder / "key"
        key.write_text(base64.b64encode(b"k" * 32).decode())
        self.file = folder / "setup.yaml"
        self.base_url = hubspot.url
        self.settings = Settings(redis_url=redis_url, key_file=key, allow_private_addresses=("127.0.0.1",))  # type: ignore[arg-type]  # a secret as text
        self.broker = MemoryBroker(topics.catalogue(("hubspot",)))
        _BROKERS[id(self.settings)] = self.broker
        self.service = self.person()
        self.reader = MemoryReader(self.broker, topics.SETUPS)
        self.jobs_reader = MemoryReader(self.broker, topics.JOBS)

    def person(self) -> Service:
        """Return the service of another person's command on the same Kafka."""
        service = Service("console", self.settings)
        service.bus = MemoryBus(self.broker)  # type: ignore[assignment]  # the same in memory
        reader, jobs = MemoryReader(self.broker, topics.SETUPS), MemoryReader(self.broker, topics.JOBS)

        def follow(seconds: float) -> None:
            for stored in reader.poll(seconds):
                service.setups.apply(stored.offset, stored.key, stored.message)

        def read_jobs() -> None:
            for stored in jobs.poll(0) if self.broker.available else ():
                service.jobs.apply(stored.offset, stored.key, stored.message)

        service.follow = follow  # type: ignore[method-assign]  # reads the same log
        service.read_jobs = read_jobs  # type: ignore[method-assign]  # as above
        follow(0)
        return service

    def connection(self, name: str, **more: Any) -> dict[str, Any]:
        return {
            "id": name, "app": "hubspot", "label": name.title(), "base_url": self.base_url, "auth": "api_key",
            "secrets": {"access_token": f"pat-{PORTALS[name]}"}, **more,
        }  # fmt: skip

    def run(self, command: str, file: Any) -> int:
        """Plan or apply."""
        if isinstance(file, bytes):
            self.file.write_bytes(file)
        else:
            self.file.write_text(file if isinstance(file, str) else yaml.safe_dump(file))
        return setup.run(self.service, command, self.file)

    def follow(self) -> list[Any]:
        """Return what was published since the last call."""
        return [*self.reader.poll(0), *self.jobs_reader.poll(0)]

    def whole(self, **sync: Any) -> dict[str, Any]:
        """Return a file of two connections and a sync."""
        connections = [self.connection("one"), self.connection("two", webhook_secret="hook")]
        return {"connections": connections, "syncs": [between("one", "two", **sync)]}


class AccessFollower:
    """Follows the topic `access` of the console whose settings are given."""

    def __init__(self, settings: Settings, _topic: Topic[AccessDoc], people: People) -> None:
        self._reader, self._people = MemoryReader(_BROKERS[id(settings)], topics.ACCESS), people

    def poll(self, _timeout_s: float) -> None:
        """Apply what was published."""
        for stored in self._reader.poll(0):
            self._people.apply(stored.offset, stored.key, stored.message)

    def catch_up(self) -> None:
        """Apply everything that is published so far."""
        self.poll(0)

    def close(self) -> None:
        """Hold nothing."""


def between(one: str, other: str, name: str = "people", object_: str = "contact", **more: Any) -> dict[str, Any]:
    ends = {side: {"connection": at, "object": object_} for side, at in (("left", one), ("right", other))}
    return {"id": name, **ends, **more}

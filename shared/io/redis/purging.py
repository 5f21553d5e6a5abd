"""Removes from Redis all that it holds of one sync."""

from typing import Final

from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import TimeoutError as RedisSlow

from shared.io.ports import NotReady
from shared.io.redis.client import connect
from shared.settings import Settings

_CHUNK: Final = 1000


def purge_links(settings: Settings, sync: str) -> int:
    """Remove the links of a sync that is not set up any more, and return how many keys they were.

    The epoch goes first, so that nobody takes what is left for whole. Raises `NotReady` while Redis is away.
    """
    try:
        with connect(settings.redis_url.get_secret_value()) as client:
            gone = int(client.unlink(f"{{{sync}}}e"))
            keys = client.scan_iter(match=f"{{{sync}}}*", count=_CHUNK)
            chunk: list[str] = []
            for key in keys:
                chunk.append(key)
                if len(chunk) >= _CHUNK:
                    gone += int(client.unlink(*chunk))
                    chunk = []
            return gone + (int(client.unlink(*chunk)) if chunk else 0)
    except (RedisAway, RedisSlow) as error:
        raise NotReady(sync) from error

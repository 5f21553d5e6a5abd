"""Runs the store's scripts on a real Redis, blocking or in an event loop."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from shared.io.links.scripts import Call, ScriptName, load_scripts
from shared.io.ports import NotReady
from shared.io.redis.versions import warning_of
from shared.settings import Settings

_TIMEOUT_S: Final = 5.0
"""Longest wait for an answer where no settings say; a script of the store takes a few milliseconds."""


class UnsafeRedis(Exception):  # noqa: N818 - names the state of the world
    """This Redis may forget keys by itself, so no worker may start on it."""


def connect(url: str, *, timeout_s: float = _TIMEOUT_S) -> "redis.Redis":
    """Open a blocking client; no command is ever repeated by the client, since not every script may run twice."""
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **_options(timeout_s))


def connect_async(url: str, *, timeout_s: float = _TIMEOUT_S) -> "redis.asyncio.Redis":
    """Open a client for an event loop, under the same rules."""
    return redis.asyncio.Redis.from_url(url, retry=AsyncRetry(NoBackoff(), 0), **_options(timeout_s))


def _options(timeout_s: float) -> dict[str, Any]:
    return {"socket_timeout": timeout_s, "socket_connect_timeout": min(2.0, timeout_s), "decode_responses": True}


def connect_by(settings: Settings) -> "redis.Redis":
    """Open a blocking client of the installation's Redis."""
    return connect(settings.redis_url.get_secret_value(), timeout_s=settings.redis_timeout_s)


def connect_async_by(settings: Settings) -> "redis.asyncio.Redis":
    """Open a client of the installation's Redis for an event loop."""
    return connect_async(settings.redis_url.get_secret_value(), timeout_s=settings.redis_timeout_s)


def check_policy(client: "redis.Redis") -> str:
    """Refuse a Redis that evicts keys, or is too old; raises `UnsafeRedis`. Returns a warning of its version."""
    info: Any = client.info()
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise UnsafeRedis(f"Redis evicts keys ({policy}): set maxmemory-policy to noeviction; links must not vanish")
    version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    if version < (6, 2):
        raise UnsafeRedis(f"Redis {info['redis_version']} is too old: 6.2 or newer is needed")
    return warning_of(info)


class _Hashes:
    """The scripts' digests, as Redis computed them."""

    def __init__(self) -> None:
        self.texts: Mapping[ScriptName, str] = load_scripts()
        self.known: dict[ScriptName, str] = {}

    def missing(self) -> list[ScriptName]:
        return [name for name in self.texts if name not in self.known]


def _parts(call: Call, sha: str) -> tuple[Any, ...]:
    return sha, 1, "{" + call.sync + "}e", *call.args()


def _raise(answers: Sequence[Any], calls: Sequence[Call]) -> None:
    for call, answer in zip(calls, answers, strict=True):
        if isinstance(answer, NoScriptError):
            raise answer
        if isinstance(answer, RedisError):
            if "LOADING" in str(answer) or "READONLY" in str(answer) or "MASTERDOWN" in str(answer):
                raise NotReady(call.sync) from answer
            raise answer


class BlockingScripts:
    """Scripts on a blocking client: completes without suspending."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._hashes = _Hashes()

    async def run(self, calls: Sequence[Call]) -> list[list[list[str]]]:
        """Run all calls in one round trip."""
        if not calls:
            return []
        try:
            for name in self._hashes.missing():
                self._hashes.known[name] = str(self._client.script_load(self._hashes.texts[name]))
            try:
                return self._once(calls)
            except NoScriptError:  # Redis was restarted or flushed: its script cache is empty
                for name, text in self._hashes.texts.items():
                    self._hashes.known[name] = str(self._client.script_load(text))
                return self._once(calls)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise NotReady(calls[0].sync) from error

    def _once(self, calls: Sequence[Call]) -> list[list[list[str]]]:
        pipeline = self._client.pipeline(transaction=False)
        for call in calls:
            pipeline.evalsha(*_parts(call, self._hashes.known[call.script]))
        answers: list[Any] = pipeline.execute(raise_on_error=False)
        _raise(answers, calls)
        return answers


class AsyncScripts:
    """Scripts on a client of an event loop."""

    def __init__(self, client: "redis.asyncio.Redis") -> None:
        self._client = client
        self._hashes = _Hashes()

    async def run(self, calls: Sequence[Call]) -> list[list[list[str]]]:
        """Run all calls in one round trip."""
        if not calls:
            return []
        try:
            for name in self._hashes.missing():
                self._hashes.known[name] = str(await self._client.script_load(self._hashes.texts[name]))
            try:
                return await self._once(calls)
            except NoScriptError:  # Redis was restarted or flushed: its script cache is empty
                for name, text in self._hashes.texts.items():
                    self._hashes.known[name] = str(await self._client.script_load(text))
                return await self._once(calls)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise NotReady(calls[0].sync) from error

    async def _once(self, calls: Sequence[Call]) -> list[list[list[str]]]:
        pipeline = self._client.pipeline(transaction=False)
        for call in calls:
            pipeline.evalsha(*_parts(call, self._hashes.known[call.script]))
        answers: list[Any] = await pipeline.execute(raise_on_error=False)
        _raise(answers, calls)
        return answers


def text_of(value: object) -> str:
    """Return what Redis answered as text, whether the client decodes its answers or not."""
    return value.decode() if isinstance(value, bytes) else str(value)

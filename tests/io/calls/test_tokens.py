"""What processes share of a sign-in: one suite for the one in memory and for the one in Redis."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from shared.io.calls import tokens
from shared.io.calls.tokens import MemoryTokens, SignIn, TokenCache, TokensAway, sign_in_of
from shared.model.syncs import Connection
from tests.io.process.installation import Watch

HERE = SignIn(connection="c", stamp="s1", grant="g1")


@dataclass
class World:
    """A cache, and how to let time pass for it; a real one takes its time from Redis."""

    cache: TokenCache
    passes: Callable[[float], object]
    """Let so many seconds pass."""

    def renew(self, holder: str, sealed: str = "x", *, lives_ms: int = 60_000, renew_ms: int = 50_000) -> bool:
        assert self.cache.claim("c", holder)
        return self.cache.store(HERE, holder, sealed=sealed, lives_ms=lives_ms, renew_ms=renew_ms)


@pytest.fixture(name="quick", autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a minute last half a second."""
    monkeypatch.setattr(tokens, "PROBE_MS", 500)
    monkeypatch.setattr("shared.io.calls.tokens_redis.PROBE_MS", 500)


@pytest.fixture(name="memory_world")
def _memory_world() -> World:
    watch = Watch()
    return World(MemoryTokens(watch), lambda seconds: watch.advance(int(seconds * 1000)))


@pytest.fixture(name="redis_world")
def _redis_world(redis_url: str) -> Iterator[World]:
    from shared.io.calls.tokens_redis import RedisTokens  # noqa: PLC0415 - as above
    from shared.io.redis.client import connect  # noqa: PLC0415 - only where a server runs

    client = connect(redis_url)
    yield World(RedisTokens(client), time.sleep)
    client.close()


@pytest.fixture(name="world", params=["memory_world", pytest.param("redis_world", marks=pytest.mark.server)])
def _world(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def test_a_token_is_shared_until_it_ends(world: World) -> None:
    assert world.cache.look(HERE).name == ""
    assert world.renew("one", "sealed", lives_ms=800, renew_ms=300)
    held = world.cache.look(HERE)
    assert (held.name, held.sealed) == ("one", "sealed")
    assert 300 < held.ends_ms <= 800
    assert 0 < held.renew_ms <= 300
    world.passes(0.35)
    held = world.cache.look(HERE)
    assert (held.name, held.renew_ms) == ("one", 0)
    assert held.age_ms >= 300
    world.passes(0.5)
    assert world.cache.look(HERE).name == ""


def test_a_token_of_another_grant_is_none(world: World) -> None:
    world.renew("one")
    assert world.cache.look(SignIn(connection="c", stamp="s1", grant="g2")).name == ""


def test_one_renews_at_a_time(world: World) -> None:
    cache = world.cache
    assert cache.claim("c", "one")
    assert not cache.claim("c", "two")
    assert cache.claim("d", "two"), "another connection has a lock of its own"
    cache.release("c", "two")
    assert not cache.claim("c", "three"), "nobody frees another one's lock"
    cache.release("c", "one", after_ms=400)
    assert not cache.claim("c", "three")
    world.passes(0.45)
    assert cache.claim("c", "three")


def test_who_lost_the_lock_shares_nothing(world: World) -> None:
    cache = world.cache
    assert cache.claim("c", "zombie")
    cache.release("c", "zombie")
    assert cache.claim("c", "two")
    assert not cache.remember(HERE, "zombie", "old")
    assert not cache.store(HERE, "zombie", sealed="old", lives_ms=1000, renew_ms=1000)
    assert cache.look(HERE).unsaved == ""
    assert cache.remember(HERE, "two", "new")
    assert cache.look(HERE).unsaved == "new"
    assert cache.store(HERE, "two", sealed="t", lives_ms=1000, renew_ms=1000)
    held = cache.look(HERE)
    assert (held.name, held.unsaved) == ("two", ""), "what was shared was saved before"


def test_a_paused_connection_lets_one_try_through_a_minute(world: World) -> None:
    cache = world.cache
    cache.pause(HERE, "auth_expired", "revoked")
    held = cache.look(HERE, enter=True)
    assert held.paused is not None
    assert (held.paused.code, held.paused.message, held.probe) == ("auth_expired", "revoked", False)
    assert 0 < held.paused.again_ms <= 500
    world.passes(0.55)
    assert cache.look(HERE).paused is not None, "to look is not to try"
    tries = [cache.look(HERE, enter=True) for _ in range(3)]
    assert [held.probe for held in tries] == [True, False, False]
    assert [held.paused is None for held in tries] == [True, False, False]
    cache.resume("c")
    assert cache.look(HERE, enter=True) == tokens.Held()


def test_a_connection_that_is_set_up_anew_is_not_paused(world: World) -> None:
    world.cache.pause(HERE, "auth_expired", "revoked")
    assert world.cache.look(SignIn(connection="c", stamp="s2", grant="g1"), enter=True).paused is None


def test_a_place_changes_with_what_a_person_entered_alone() -> None:
    row = Connection(id="c", app="crm", label="", account="", base_url="http://x", auth="none", secrets={"k": "v"})
    assert sign_in_of(row) == sign_in_of(row.model_copy(update={"account": "7", "zone": "Europe/Rome", "version": 4}))
    assert sign_in_of(row) != sign_in_of(row.model_copy(update={"secrets": {"k": "w"}}))


def test_without_redis_nothing_is_known() -> None:
    from shared.io.calls.tokens_redis import RedisTokens  # noqa: PLC0415 - as above
    from shared.io.redis.client import connect  # noqa: PLC0415 - only where a server runs

    cache = RedisTokens(connect("redis://127.0.0.1:9/0"))
    for call in (lambda: cache.look(HERE), lambda: cache.claim("c", "x"), lambda: cache.resume("c")):
        with pytest.raises(TokensAway, match="Redis does not answer"):
            call()

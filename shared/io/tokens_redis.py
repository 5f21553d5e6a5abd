"""The shared sign-ins in Redis: one script a question, by Redis' own clock."""

from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import RedisError

from shared.io.tokens import FORGET_MS, KEEP_UNSAVED_MS, LOCK_MS, PROBE_MS, Held, Paused, Place, TokensAway

if TYPE_CHECKING:
    from redis import Redis

_NOW: Final = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"

_LOOK: Final = (
    _NOW
    + """
local stamp, grant, enter, every, forget = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local code, message, again, probe = '', '', 0, 0
local p = redis.call('HMGET', KEYS[2], 'stamp', 'code', 'message', 'until')
if p[1] == stamp then
  if now >= tonumber(p[4]) and enter == '1' then
    redis.call('HSET', KEYS[2], 'until', now + every)
    redis.call('PEXPIRE', KEYS[2], forget)
    probe = 1
  else
    code, message, again = p[2], p[3], math.max(0, tonumber(p[4]) - now)
  end
end
local h = redis.call('HMGET', KEYS[1], 'grant', 'name', 'sealed', 'ends', 'renew', 'born', 'unsaved')
local unsaved = ''
if h[1] == grant then
  unsaved = h[7] or ''
  if h[2] and tonumber(h[4]) > now then
    local renew = math.max(0, tonumber(h[5]) - now)
    return {code, message, again, probe, unsaved, h[2], h[3], tonumber(h[4]) - now, renew, now - tonumber(h[6])}
  end
end
return {code, message, again, probe, unsaved, '', '', 0, 0, 0}
"""
)

_RELEASE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
"""

_STORE: Final = (
    _NOW
    + """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
local lives, renew = tonumber(ARGV[4]), tonumber(ARGV[5])
redis.call('HSET', KEYS[1], 'grant', ARGV[2], 'name', ARGV[1], 'sealed', ARGV[3],
  'ends', now + lives, 'renew', now + renew, 'born', now)
redis.call('PEXPIRE', KEYS[1], lives + 1)
return 1
"""
)

_REMEMBER: Final = """
if redis.call('GET', KEYS[2]) ~= ARGV[4] then return 0 end
if redis.call('HGET', KEYS[1], 'grant') ~= ARGV[1] then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'grant', ARGV[1], 'unsaved', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""

_PAUSE: Final = (
    _NOW
    + """
redis.call('HSET', KEYS[1], 'stamp', ARGV[1], 'code', ARGV[2], 'message', ARGV[3], 'until', now + tonumber(ARGV[4]))
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
"""
)


class RedisTokens:
    """The sign-ins of all processes that share a Redis. Safe to use from several threads.

    Args:
        client: A client that repeats no command by itself.
    """

    def __init__(self, client: "Redis") -> None:
        self._client: Any = client

    def look(self, place: Place, *, enter: bool = False) -> Held:
        """Give what is shared."""
        keys = [_key(place.connection), _key(place.connection, "paused")]
        found = self._run(_LOOK, keys, place.stamp, place.grant, int(enter), PROBE_MS, FORGET_MS)
        code, message, again, probe, unsaved, name, sealed, ends, renew, age = found
        return Held(
            name=name,
            sealed=sealed,
            ends_ms=int(ends),
            renew_ms=int(renew),
            age_ms=int(age),
            unsaved=unsaved,
            paused=Paused(code=code, message=message, again_ms=int(again)) if code else None,
            probe=bool(probe),
        )

    def claim(self, connection: str, holder: str) -> bool:
        """Become the one who renews."""
        try:
            return bool(self._client.set(_key(connection, "lock"), holder, nx=True, px=LOCK_MS))
        except RedisError as error:
            raise TokensAway from error

    def release(self, connection: str, holder: str, after_ms: int = 0) -> None:
        """Let others renew."""
        self._run(_RELEASE, [_key(connection, "lock")], holder, after_ms)

    def store(self, place: Place, holder: str, *, sealed: str, lives_ms: int, renew_ms: int) -> bool:
        """Share a new access token and let go."""
        keys = [_key(place.connection), _key(place.connection, "lock")]
        return bool(self._run(_STORE, keys, holder, place.grant, sealed, lives_ms, renew_ms))

    def remember(self, place: Place, holder: str, sealed: str) -> bool:
        """Keep a refresh token that Kafka does not have yet."""
        keys = [_key(place.connection), _key(place.connection, "lock")]
        return bool(self._run(_REMEMBER, keys, place.grant, sealed, KEEP_UNSAVED_MS, holder))

    def pause(self, place: Place, code: str, message: str) -> None:
        """Tell everybody that the app refused the sign-in."""
        self._run(_PAUSE, [_key(place.connection, "paused")], place.stamp, code, message, PROBE_MS, FORGET_MS)

    def resume(self, connection: str) -> None:
        """Tell everybody that the sign-in works."""
        try:
            self._client.delete(_key(connection, "paused"))
        except RedisError as error:
            raise TokensAway from error

    def _run(self, script: str, keys: list[str], *arguments: str | int) -> Any:
        try:
            return self._client.eval(script, len(keys), *keys, *arguments)
        except RedisError as error:
            raise TokensAway from error


def _key(connection: str, what: str = "token") -> str:
    return f"signin:{{{connection}}}:{what}"

"""The shared sign-ins in Redis: one script a question, by Redis' own clock."""

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from redis.exceptions import RedisError

from shared.io.calls.tokens import FORGET_MS, KEEP_UNSAVED_MS, LOCK_MS, PROBE_MS, Held, Paused, SignIn, TokensAway
from shared.io.redis.inline import NOW, Args, Inline, Keys, Nothing, OneKey

if TYPE_CHECKING:
    from redis import Redis


class _Shared(NamedTuple):
    token: str
    paused: str


class _Renewed(NamedTuple):
    token: str
    lock: str


class _Look(NamedTuple):
    stamp: str
    grant: str
    enter: bool
    every: int
    forget: int


class _Release(NamedTuple):
    holder: str
    after: int


class _Store(NamedTuple):
    holder: str
    grant: str
    sealed: str
    lives: int
    renew: int


class _Remember(NamedTuple):
    holder: str
    grant: str
    sealed: str
    keep: int


class _Pause(NamedTuple):
    stamp: str
    code: str
    message: str
    every: int
    forget: int


_LOOK: Final = Inline(
    NOW
    + """
local code, message, again, probe = '', '', 0, 0
local p = redis.call('HMGET', paused, 'stamp', 'code', 'message', 'until')
if p[1] == stamp then
  if now >= tonumber(p[4]) and enter then
    redis.call('HSET', paused, 'until', now + every)
    redis.call('PEXPIRE', paused, forget)
    probe = 1
  else
    code, message, again = p[2], p[3], math.max(0, tonumber(p[4]) - now)
  end
end
local h = redis.call('HMGET', token, 'grant', 'name', 'sealed', 'ends', 'renew', 'born', 'unsaved')
local unsaved = ''
if h[1] == grant then
  unsaved = h[7] or ''
  if h[2] and tonumber(h[4]) > now then
    local renew = math.max(0, tonumber(h[5]) - now)
    return {code, message, again, probe, unsaved, h[2], h[3], tonumber(h[4]) - now, renew, now - tonumber(h[6])}
  end
end
return {code, message, again, probe, unsaved, '', '', 0, 0, 0}
""",
    keys=_Shared,
    args=_Look,
    item=Nothing,
)

_RELEASE: Final = Inline(
    """
if redis.call('GET', key) ~= holder then return 0 end
if after == 0 then redis.call('DEL', key) else redis.call('PEXPIRE', key, after) end
return 1
""",
    keys=OneKey,
    args=_Release,
    item=Nothing,
)

_STORE: Final = Inline(
    NOW
    + """
if redis.call('GET', lock) ~= holder then return 0 end
redis.call('DEL', token, lock)
redis.call('HSET', token, 'grant', grant, 'name', holder, 'sealed', sealed,
  'ends', now + lives, 'renew', now + renew, 'born', now)
redis.call('PEXPIRE', token, lives + 1)
return 1
""",
    keys=_Renewed,
    args=_Store,
    item=Nothing,
)

_REMEMBER: Final = Inline(
    """
if redis.call('GET', lock) ~= holder then return 0 end
if redis.call('HGET', token, 'grant') ~= grant then redis.call('DEL', token) end
redis.call('HSET', token, 'grant', grant, 'unsaved', sealed)
redis.call('PEXPIRE', token, keep)
return 1
""",
    keys=_Renewed,
    args=_Remember,
    item=Nothing,
)

_PAUSE: Final = Inline(
    NOW
    + """
redis.call('HSET', key, 'stamp', stamp, 'code', code, 'message', message, 'until', now + every)
redis.call('PEXPIRE', key, forget)
return 1
""",
    keys=OneKey,
    args=_Pause,
    item=Nothing,
)


class RedisTokens:
    """The sign-ins of all processes that share a Redis. Safe to use from several threads.

    Args:
        client: A client that repeats no command by itself.
    """

    def __init__(self, client: "Redis") -> None:
        self._client: Any = client

    def look(self, sign_in: SignIn, *, enter: bool = False) -> Held:
        """Return what is shared."""
        keys = _Shared(_key(sign_in.connection), _key(sign_in.connection, "paused"))
        found = self._run(_LOOK, keys, _Look(sign_in.stamp, sign_in.grant, enter, PROBE_MS, FORGET_MS))
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
        """Release the lease, so that others may renew."""
        self._run(_RELEASE, OneKey(_key(connection, "lock")), _Release(holder, after_ms))

    def store(self, sign_in: SignIn, holder: str, *, sealed: str, lives_ms: int, renew_ms: int) -> bool:
        """Share a new access token and let go."""
        keys = _Renewed(_key(sign_in.connection), _key(sign_in.connection, "lock"))
        return bool(self._run(_STORE, keys, _Store(holder, sign_in.grant, sealed, lives_ms, renew_ms)))

    def remember(self, sign_in: SignIn, holder: str, sealed: str) -> bool:
        """Keep a refresh token that Kafka does not have yet."""
        keys = _Renewed(_key(sign_in.connection), _key(sign_in.connection, "lock"))
        return bool(self._run(_REMEMBER, keys, _Remember(holder, sign_in.grant, sealed, KEEP_UNSAVED_MS)))

    def pause(self, sign_in: SignIn, code: str, message: str) -> None:
        """Publish that the app refused the sign-in."""
        self._run(
            _PAUSE,
            OneKey(_key(sign_in.connection, "paused")),
            _Pause(sign_in.stamp, code, message, PROBE_MS, FORGET_MS),
        )

    def resume(self, connection: str) -> None:
        """Publish that the sign-in works."""
        try:
            self._client.delete(_key(connection, "paused"))
        except RedisError as error:
            raise TokensAway from error

    def _run(self, script: Inline[Keys, Args, Nothing], keys: Keys, args: Args) -> Any:
        try:
            return script.run(self._client, keys, args)
        except RedisError as error:
            raise TokensAway from error


def _key(connection: str, what: str = "token") -> str:
    return f"signin:{{{connection}}}:{what}"

"""Which connections' webhooks are refused although their apps signed them: ingest notes it, the console shows it.

A cache in Redis: a note is forgotten after a day without another one, and holds for a connection as it was set up then.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from redis.exceptions import RedisError

from shared.io.calls.tokens import TokensAway, sign_in_of
from shared.io.redis.inline import Inline, Nothing, OneKey
from shared.model.syncs import Connection

if TYPE_CHECKING:
    from redis import Redis

_KEEP_MS: Final = 86_400_000


class _Note(NamedTuple):
    stamp: str
    reason: str
    at: int
    keep: int


_NOTE: Final = Inline(
    """
if redis.call('HGET', key, 'stamp') ~= stamp then
  redis.call('DEL', key)
  redis.call('HSET', key, 'stamp', stamp, 'since', at)
end
redis.call('HSET', key, 'reason', reason, 'last', at)
redis.call('HINCRBY', key, 'calls', 1)
redis.call('PEXPIRE', key, keep)
return 1
""",
    keys=OneKey,
    args=_Note,
    item=Nothing,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """The calls of one connection's app that were refused."""

    reason: str
    calls: int
    since_ms: int
    last_ms: int


class WebhookRefusals:
    """The notes of all processes that share a Redis. Safe to use from several threads; raises `TokensAway`."""

    def __init__(self, client: "Redis") -> None:
        self._client: Any = client

    def note(self, row: Connection, reason: str, now_ms: int) -> None:
        """Count one refused call."""
        try:
            _NOTE.run(self._client, OneKey(_key(row)), _Note(sign_in_of(row).stamp, reason, now_ms, _KEEP_MS))
        except RedisError as error:
            raise TokensAway from error

    def of(self, row: Connection) -> Refusals | None:
        """Return what was refused lately under the connection's present settings."""
        try:
            stamp, reason, calls, since, last = self._client.hmget(
                _key(row), "stamp", "reason", "calls", "since", "last"
            )
        except RedisError as error:
            raise TokensAway from error
        if stamp is None or stamp != sign_in_of(row).stamp:
            return None
        return Refusals(reason=reason, calls=int(calls), since_ms=int(since), last_ms=int(last))


def _key(row: Connection) -> str:
    return f"webhooks:{{{row.id}}}:refused"

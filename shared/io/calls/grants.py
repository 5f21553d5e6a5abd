"""Refresh tokens that an app replaced: kept, sealed, on the `setups` topic.

Some apps give a new refresh token with each access token and forget the one before. The new one is then the only way
into the account, so the order is: the app answers; Redis holds the new token, sealed (a millisecond); Kafka
acknowledges it; only now is the new access token used. The connection's own document, which people write, is never
touched: what it holds stays the root from which the newest token descends (`Rotated.grant`), so that applying the same
file again changes nothing, and entering a new refresh token begins anew. After a change of keys a token is sealed with
the newest one as soon as it rotates again, which is within the life of an access token.

What remains: if the app forgets the old token at once, and the process ends (or its network breaks) after the app has
decided and before Redis has the answer, the new token is lost. The next renewal is refused, the connection pauses with
`auth_expired`, and a person signs in again. Apps that keep the old token until the new access token is first used lose
nothing even then. When Kafka is away, what Redis holds is saved by whoever renews next; if Redis loses it, too, before
Kafka came back, it is the same as above.
"""

import time
from collections.abc import Callable
from typing import Final

from shared.config.setups import Setups
from shared.io.ports import Bus, BusUnavailable, Outbound, run_blocking
from shared.wire import topics
from shared.wire.messages import Rotated, SetupDoc

_PATIENCE_S: Final = 5.0


class Grants:
    """Reads and writes the newest refresh tokens.

    Args:
        bus: Where they are published.
        setups: The settings, followed by another thread.
        end: Gives the offset that the next message on `setups` will have; raises `BusUnavailable`.
        sleep: Waits.
    """

    def __init__(
        self,
        bus: Bus,
        setups: Setups,
        *,
        end: Callable[[], int],
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._bus = bus
        self._setups = setups
        self._end = end
        self._sleep = sleep

    def newest(self, connection: str, grant: str) -> Rotated | None:
        """Return the newest descendant of a refresh token, as Kafka knows it at this moment; None when there is none.

        Raises:
            BusUnavailable: Kafka is away: an older token might be one that the app has forgotten.
        """
        end = self._end()
        deadline = time.monotonic() + _PATIENCE_S
        while self._setups.offset < end - 1:
            if time.monotonic() > deadline:
                raise BusUnavailable(f"the settings were not read to their end within {_PATIENCE_S:.0f} s")
            self._sleep(0.01)
        found = self._setups.rotated(connection)
        return found if found is not None and found.grant == grant else None

    def save(self, rotated: Rotated) -> None:
        """Return once Kafka has acknowledged the token; raises `BusUnavailable`."""
        key = f"rotated:{rotated.connection}"
        run_blocking(self._bus.publish([Outbound(topic=topics.SETUPS, key=key, message=SetupDoc(rotated=rotated))]))

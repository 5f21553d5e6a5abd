"""Who calls without the signature of any account: after many such calls of a minute, an address is not listened to.

An address from which a genuine call came within the hour is always listened to: behind a proxy, apps and strangers come
from the same one. Each process counts for itself.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from shared.io.ports import Clock

FREE: Final = 60
"""Forged calls of an address that are answered in `WITHIN_MS`."""
WITHIN_MS: Final = 60_000
KNOWN_MS: Final = 3_600_000
_ADDRESSES: Final = 10_000
"""Addresses that are remembered; whoever was quiet longest is forgotten first."""


@dataclass(slots=True)
class _Address:
    since_ms: int
    forged: int = 0
    genuine_ms: int = -KNOWN_MS


class Strangers:
    """What is known of the addresses that call. Safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: OrderedDict[str, _Address] = OrderedDict()
        self._lock = threading.Lock()

    def wait_ms(self, address: str) -> int:
        """Return for how long an address is not listened to; 0 for one that is."""
        now = self._clock.now_ms()
        with self._lock:
            row = self._rows.get(address)
            if row is None or row.forged < FREE or now < row.genuine_ms + KNOWN_MS:
                return 0
            return max(0, row.since_ms + WITHIN_MS - now)

    def heard(self, address: str, *, genuine: bool) -> None:
        """Note that an address called."""
        now = self._clock.now_ms()
        with self._lock:
            row = self._rows.setdefault(address, _Address(now))
            self._rows.move_to_end(address)
            if genuine:
                row.genuine_ms = now
            elif now >= row.since_ms + WITHIN_MS:
                row.since_ms, row.forged = now, 1
            else:
                row.forged += 1
            if len(self._rows) > _ADDRESSES:
                self._rows.popitem(last=False)

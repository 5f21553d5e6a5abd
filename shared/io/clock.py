"""The wall clock. Tests and the protocol simulator pass one that they move by hand (`shared.io.memory`)."""

import time


class SystemClock:
    """Reads the time of this machine."""

    def now_ms(self) -> int:
        """Return wall-clock milliseconds since 1970."""
        return time.time_ns() // 1_000_000

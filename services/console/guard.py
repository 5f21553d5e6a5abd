"""Who may speak to the console at all: under a name that is its own, and not after many wrong tokens."""

import ipaddress
from collections import OrderedDict, deque
from collections.abc import Collection
from typing import Final

MOST_WRONG: Final = 20
"""Wrong tokens of one client within `WINDOW_MS`; after that it is refused unheard, also with the right one."""
WINDOW_MS: Final = 60_000
_CLIENTS: Final = 1000
"""Clients remembered; the one that was wrong longest ago is forgotten first."""


class WrongTokens:
    """Counts by client the tokens that were wrong, so that nobody can try many."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, deque[int]] = OrderedDict()

    def wait_s(self, client: str, now_ms: int) -> int:
        """Return for how many seconds a client is refused; 0 when it is heard."""
        moments = self._wrong.get(client)
        if moments is None or len(moments) < MOST_WRONG:
            return 0
        return max(0, -(-(moments[0] + WINDOW_MS - now_ms) // 1000))

    def note(self, client: str, now_ms: int) -> None:
        """Count a wrong token."""
        moments = self._wrong.setdefault(client, deque(maxlen=MOST_WRONG))
        moments.append(now_ms)
        self._wrong.move_to_end(client)
        if len(self._wrong) > _CLIENTS:
            self._wrong.popitem(last=False)


def is_ours(host: str, names: Collection[str]) -> bool:
    """Check the Host of a request.

    A page elsewhere can have its own name lead to our address, and then read our answers as its own. It cannot do that
    with an address, with localhost, or with a name that is ours.
    """
    name = host.strip().lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    name = name.rstrip(".")
    if name == "localhost" or name in {row.lower() for row in names}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

"""Waiting for services to become ready: for as long as they get on."""

import time
from collections.abc import Callable, Iterable
from typing import Final

Look = Callable[[str], str | None]
"""Given a service: why it is not ready yet; empty when it does not answer, None when it is ready."""

_LOOK_S: Final = 0.1


def late(
    names: Iterable[str],
    look: Look,
    check: Callable[[], None],
    *,
    patience_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, str]:
    """Wait until services are ready; returns those that said nothing new for *patience_s*, with their last words.

    Args:
        names: The services.
        look: Asks one of them.
        check: Raises when one of them has ended.
        patience_s: Seconds without any progress.
        clock: Monotonic seconds.
        sleep: Lets time pass.
    """
    waiting = dict.fromkeys(names, "")
    moved = clock()
    while waiting:
        for name in list(waiting):
            said = look(name)
            if said != waiting[name]:
                moved = clock()
            if said is None:
                del waiting[name]
            else:
                waiting[name] = said
        check()
        if waiting and clock() - moved > patience_s:
            return waiting
        sleep(_LOOK_S)
    return {}

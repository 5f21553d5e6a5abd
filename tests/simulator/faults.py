"""What goes wrong in the simulator."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Faults:
    """How often things go wrong, as shares of the points where they can."""

    crash: float = 0.01
    zombie: float = 0.01
    lost_answer: float = 0.1
    outage: float = 0.05
    flush: float = 0.002
    failover: float = 0.004
    lenient: bool = False
    """Neither app refuses a second record with an address."""
    parts: bool = False
    """The app without a lock answers a write with what was to be written alone; and where Redis forgets nothing, its
    feeds tell versions, so that what is known need not be read. (Feeds look back otherwise, and nobody does that here.)
    """
    removal: float = 0
    """An object that the right account has of its own is gone, or back: meanwhile its sync runs nowhere."""
    blind: bool = False
    """The apps write over whatever stands there. An edit in the moment of our write is lost then, and no protocol can
    prevent that; but both sides must come to hold the same."""


CALM: Final = Faults(crash=0, zombie=0, lost_answer=0, outage=0, flush=0, failover=0)

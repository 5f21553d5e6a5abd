"""What a handler can decide about a message, as data; one loop counts, logs and publishes it."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Delay: TypeAlias = Literal["10s", "1m", "10m"]


@dataclass(frozen=True, slots=True)
class Done:
    """Handled; the offset may move on."""

    reason: str = "done"


@dataclass(frozen=True, slots=True)
class Drop:
    """Nothing to do, on purpose."""

    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """Must wait: publish again after the delay, and let the offset move on."""

    reason: str
    delay: Delay = "10s"


@dataclass(frozen=True, slots=True)
class Park:
    """Nobody can handle it as it is: keep the original bytes for a person."""

    reason: str
    detail: str = ""


NOT_RUN_HERE: Final = Later("not_run_here", "1m")
"""For a worker of a newer version, which knows what a message is about."""

NEWER_VERSION: Final = Later("newer_version", "1m")
"""For a worker of the version that wrote a message, or the state that it is about."""

Outcome: TypeAlias = Done | Drop | Later | Park

"""Who asks: a person, a token or the installation itself, with the role that counts now."""

import getpass
from dataclasses import dataclass

from shared.wire.messages import Role


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever has proved who he is."""

    who: str
    """As people know him: his address, or the name of a token."""
    role: Role
    user: str = ""
    """The user's id; empty for the installation itself."""
    token: str = ""
    """The API token's id, where one was sent."""
    scopes: frozenset[str] | None = None
    """What that token is limited to; None for all that the role allows."""


def at_terminal() -> Caller:
    """Return whoever runs a command: whom the system knows, who reaches Kafka and Redis without asking us."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        name = "somebody"
    return Caller(f"{name} (terminal)", "admin")

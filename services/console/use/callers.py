"""Who asks: a person, a token or the installation itself, with the role that counts now."""

from dataclasses import dataclass

from shared.messages import Role


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

"""Ways to sign in that many apps share."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

Headers: TypeAlias = Callable[[Mapping[str, str]], Mapping[str, str]]
"""(opened secrets) -> request headers."""


def bearer(secret: str) -> Headers:
    """Return what signs calls with one of the secrets, as a bearer token."""
    return lambda secrets: {"Authorization": f"Bearer {secrets[secret]}"}

"""Who calls, and what a person changes of the own account."""

from typing import Any, Final, Literal

from pydantic import Field, SecretStr

from services.console.rest.shapes.common import Given, Shown, examples
from services.console.use.standing.records import Column
from shared.wire.messages import Role

_PREFERENCES: Final[dict[str, Any]] = {
    "columns": ["status", "changed", "left"],
    "widths": {"name": "wide"},
    "zone": "Europe/Rome",
}


class Own(Shown):
    """Who calls."""

    model_config = examples(
        {"who": "backup", "role": "viewer", "user": "9f1c2e7a4b5d6038", "token": "0c1d2e3f4a5b6c7d",
         "scopes": ["people:read", "records:read"]}
    )  # fmt: skip

    who: str
    """As people know you: an address, or the name of a token."""
    role: Role
    """What you may do."""
    user: str | None
    """`id` of the user whom the token belongs to; null for the installation's own."""
    token: str | None
    """`id` of the token; null for the installation's own."""
    scopes: list[str] | None
    """What the token is limited to; null for all that the role allows."""


class NewPassword(Given):
    """Another password of the own account."""

    model_config = examples({"old": "nine green bottles", "password": "ten blue bottles"})

    old: SecretStr = Field(max_length=2000)
    """The one that counts now."""
    password: SecretStr = Field(max_length=2000)


class PreferencesShown(Shown):
    """How somebody wants the pages."""

    model_config = examples(_PREFERENCES)

    columns: list[str] | None
    """Columns of the list of records beside the name, from the left; null for all in their order."""
    widths: dict[str, str]
    """How wide a column is, the name among them; as wide as needed where it is not named."""
    zone: str
    """The time zone in which pages show times; empty for the browser's."""


class PreferencesChange(Given):
    """How somebody wants the pages from now on."""

    model_config = examples(_PREFERENCES)

    columns: list[Column] | None = Field(max_length=20)
    """Columns of the list of records beside the name, from the left; null for all in their order."""
    widths: dict[Column | Literal["name"], Literal["narrow", "medium", "wide"]] = Field(default={})
    """How wide a column is, the name among them; as wide as needed where it is not named."""
    zone: str = Field(default="", max_length=64)
    """The time zone in which pages show times, such as `Europe/Rome`; empty for the browser's."""

"""The part of a settings file that is about the console itself: mail, the provider, alerts, and how long is kept."""

from pydantic import Field, SecretStr

from services.console.use.administration.alerts import LONGEST_URL, Rule


class AlertFile(Rule):
    """When an alert fires, and whom it tells."""

    id: str = Field(
        pattern="^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$",
        description="Names it for good: the same id changes the same alert.",
        examples=["contacts-fail"],
    )
    url: SecretStr | None = Field(
        default=None,
        max_length=LONGEST_URL,
        description="A webhook that is told; written as a secret is, since who has it may call it. Left out, the one "
        "that stands stays; empty, none is told.",
        examples=["https://chat.example.com/hooks/1"],
    )

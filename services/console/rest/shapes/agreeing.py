"""What somebody is asked to agree to at an app, and what came of it."""

from pydantic import Field, SecretStr

from services.console.rest.shapes.common import NOT_BLANK, Given, Shown, examples
from services.console.use.asked import Flag
from services.console.use.connections.agreeing import Question
from services.console.use.connections.connecting import LONGEST_LABEL


class Agreement(Given):
    """What somebody is to agree to."""

    model_config = examples({"redirect": "https://tools.example.com/callback", "objects": ["contact"]})

    redirect: str = Field(max_length=2000, json_schema_extra={"pattern": r"^https?://[^\s#]+$"})
    """Where the app sends the browser back to; it must know this address."""
    objects: list[str] = Field(default=[], max_length=100)
    """Object types to ask for; all when empty."""
    connection: str = Field(default="", max_length=200)
    """`id` of the account to connect again; left out for another one."""
    label: str = Field(default="", max_length=LONGEST_LABEL)
    """What people call it; as the app calls it when empty."""
    push: Flag = True
    """Whether calls of the app are taken; it is asked besides."""

    def question(self, app: str) -> Question:
        """Return it as what can be done takes it."""
        return Question(
            app=app, redirect=self.redirect, objects=tuple(self.objects), connection=self.connection,
            label=self.label, push=self.push,
        )  # fmt: skip


class Asking(Shown):
    """Where somebody agrees."""

    model_config = examples({"url": "https://app.hubspot.com/oauth/authorize?client_id=0a1b&state=Zx"})

    url: str
    """The page to open in a browser, within ten minutes."""


class Agreed(Given):
    """What the app sent the browser back with."""

    model_config = examples({"state": "Zx", "code": "4f5e"})

    state: str = Field(max_length=10_000, json_schema_extra=NOT_BLANK)
    code: SecretStr = Field(max_length=10_000)

"""People who sign in by a provider, and the provider that they come from."""

import re
from typing import Any

from services.console.use.administration.single_sign_on import ProviderWanted, person_id
from shared.wire.messages import User
from tests.console.web.client import ConsoleClient
from tests.services.console.harness import ConsoleHarness
from tests.services.console.provider import ProviderServer

ANN = {"email": "Ann@x.example", "email_verified": True, "name": "Ann", "groups": ["crm", "sales"]}


def wanted(provider: ProviderServer, **changes: Any) -> ProviderWanted:
    given = {"issuer": provider.url, "client_id": "syncline", "client_secret": "s3cret", "default_role": "viewer"}
    return ProviderWanted(**{**given, **changes})


def go(client: ConsoleClient, path: str = "/sign-in/provider") -> str:
    """Set out for the provider; return where the browser is sent."""
    answer = client.ask(path)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def arrive(client: ConsoleClient, provider: ProviderServer, subject: str = "ann", **changes: str) -> Any:
    """Sign in by the provider, and return what the console answers."""
    return client.ask(provider.agree(go(client), subject, **changes))


def who(client: ConsoleClient) -> str:
    """Return who is signed in."""
    answer = client.ask("/account")
    found = re.search("Signed in as ([^<]+)<", answer.text)
    return found[1] if found is not None and answer.status_code == 200 else ""


def user_of(console: ConsoleHarness, provider: ProviderServer, subject: str = "ann") -> User:
    return console.access.accounts.find(person_id(provider.url, subject))

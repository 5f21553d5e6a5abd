"""The pages over an installation in memory: the same that the API's tests use."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.console.access.authentication import Access
from services.console.site import make_site
from services.console.use.administration.single_sign_on import SingleSignOn
from services.console.use.administration.users import Accounts
from shared.io.net.openid import OpenId
from shared.io.net.ssrf import AddressGuard
from tests.console.web.client import ConsoleClient
from tests.console.web.providing import ANN
from tests.hook_server import HookServer, hook_server
from tests.services.console.agreeing import Vendor
from tests.services.console.conftest import (  # noqa: F401 - fixtures are found by being here
    _console,
    _served,
)
from tests.services.console.connecting import ConnectingHarness, equip
from tests.services.console.harness import TOKEN, ConsoleHarness, FollowedPeople
from tests.services.console.provider import ProviderServer
from tests.services.environment import serving


@pytest.fixture(name="anonymous")
def _anonymous(console: ConsoleHarness) -> ConsoleClient:
    """Offer a browser that is not signed in."""
    return ConsoleClient(console.address)


@pytest.fixture(name="client")
def _client(console: ConsoleHarness) -> ConsoleClient:
    """Offer a browser that is signed in."""
    client = ConsoleClient(console.address)
    client.sign_in(TOKEN)
    return client


@pytest.fixture(name="connecting")
def _connecting(console: ConsoleHarness, tmp_path: Path, redis_url: str) -> ConnectingHarness:
    """Offer a console that can connect real accounts."""
    return equip(console, tmp_path, redis_url)


@pytest.fixture(name="vendor")
def _vendor(connecting: ConnectingHarness) -> Iterator[Vendor]:
    """Offer the HubSpot simulator, where the console is known as an app."""
    from deploy.local.hubspot import HubSpotServer  # noqa: PLC0415 - only where a server runs

    with HubSpotServer() as server:
        vendor = Vendor.register(server, connecting.console.address)
        yield vendor
        vendor.admin.close()


@pytest.fixture(name="twin")
def _twin(console: ConsoleHarness) -> Iterator[tuple[ConsoleClient, FollowedPeople]]:
    """Offer a second console of the same installation, which reads the same topic by itself."""
    followed, shared = FollowedPeople(console.env), console.access
    accounts = Accounts(
        console.installation, followed.people, shared.accounts._passwords, shared.accounts.once, followed.settle
    )
    beside = shared.single_sign_on
    single_sign_on = SingleSignOn(accounts, beside._vault, beside.once, beside.calls)
    access = Access(
        TOKEN,
        console.env.clock,
        accounts,
        shared.attempts,
        single_sign_on,
        shared.mailing,
        shared.alerts,
        shared.limits,
        shared.keeping,
    )
    followed.settle()
    with serving(make_site(console.installation, access)) as address:
        yield ConsoleClient(address), followed


@pytest.fixture(name="hooks")
def _hooks() -> Iterator[HookServer]:
    """Offer a server of webhooks."""
    with hook_server() as server:
        yield server


@pytest.fixture(name="sign_on")
def _sign_on(console: ConsoleHarness, provider: ProviderServer) -> SingleSignOn:
    """Offer a console that may call the provider, whose tokens end by the time that it is now."""
    console.env.clock.advance(int(time.time() * 1000) - console.env.clock.now_ms())
    single_sign_on = console.access.single_sign_on
    single_sign_on.calls = OpenId(
        AddressGuard([f"localhost:{provider.port}", f"127.0.0.1:{provider.port}"]), console.env.clock
    )
    provider.person("ann", **ANN)
    return single_sign_on

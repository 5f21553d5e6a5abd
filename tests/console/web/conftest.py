"""The pages over an installation in memory: the same that the API's tests use."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.console.access.authentication import Access
from services.console.site import make_site
from services.console.use.accounts import Accounts
from services.console.use.single_sign_on import SingleSignOn
from shared.io.openid import OpenId
from shared.io.ssrf import AddressGuard
from tests.console.web.providing import ANN
from tests.console.web.visitor import Visitor
from tests.hook_server import HookServer, hook_server
from tests.services.console.agreeing import Vendor
from tests.services.console.conftest import (  # noqa: F401 - fixtures are found by being here
    _served,
    _window,
)
from tests.services.console.office import Office, equip
from tests.services.console.provider import ProviderServer
from tests.services.console.window import TOKEN, FollowedPeople, Window
from tests.services.desk import serving


@pytest.fixture(name="stranger")
def _stranger(window: Window) -> Visitor:
    """Offer a browser that is not signed in."""
    return Visitor(window.address)


@pytest.fixture(name="visitor")
def _visitor(window: Window) -> Visitor:
    """Offer a browser that is signed in."""
    visitor = Visitor(window.address)
    visitor.sign_in(TOKEN)
    return visitor


@pytest.fixture(name="office")
def _office(window: Window, tmp_path: Path, redis_url: str) -> Office:
    """Offer a console that can connect real accounts."""
    return equip(window, tmp_path, redis_url)


@pytest.fixture(name="vendor")
def _vendor(office: Office) -> Iterator[Vendor]:
    """Offer the HubSpot simulator, where the console is known as an app."""
    from deploy.local.hubspot import HubSpotServer  # noqa: PLC0415 - only where a server runs

    with HubSpotServer() as server:
        vendor = Vendor.register(server, office.window.address)
        yield vendor
        vendor.admin.close()


@pytest.fixture(name="twin")
def _twin(window: Window) -> Iterator[tuple[Visitor, FollowedPeople]]:
    """Offer a second console of the same installation, which reads the same topic by itself."""
    followed, shared = FollowedPeople(window.desk), window.access
    accounts = Accounts(
        window.installation, followed.people, shared.accounts._passwords, shared.accounts.once, followed.settle
    )
    beside = shared.single_sign_on
    single_sign_on = SingleSignOn(accounts, beside._vault, beside.once, beside.calls)
    access = Access(
        TOKEN,
        window.desk.clock,
        accounts,
        shared.attempts,
        single_sign_on,
        shared.mailing,
        shared.alerts,
        shared.limits,
        shared.keeping,
    )
    followed.settle()
    with serving(make_site(window.installation, access)) as address:
        yield Visitor(address), followed


@pytest.fixture(name="hooks")
def _hooks() -> Iterator[HookServer]:
    """Offer a server of webhooks."""
    with hook_server() as server:
        yield server


@pytest.fixture(name="sign_on")
def _sign_on(window: Window, provider: ProviderServer) -> SingleSignOn:
    """Offer a console that may call the provider, whose tokens end by the time that it is now."""
    window.desk.clock.advance(int(time.time() * 1000) - window.desk.clock.now_ms())
    single_sign_on = window.access.single_sign_on
    single_sign_on.calls = OpenId(
        AddressGuard([f"localhost:{provider.port}", f"127.0.0.1:{provider.port}"]), window.desk.clock
    )
    provider.person("ann", **ANN)
    return single_sign_on

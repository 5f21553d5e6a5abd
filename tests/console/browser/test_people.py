"""How people get in, in a real browser: by the link of the first admin, by an invitation, and by a password."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from shared.io.net.openid import OpenId
from shared.io.net.ssrf import AddressGuard
from tests.console.browser.conftest import SCHEMES, WIDTHS, Reader, at_console
from tests.services.console.conftest import opened
from tests.services.console.harness import PASSWORD, ConsoleHarness
from tests.services.console.provider import ProviderServer


@pytest.fixture(name="own", scope="module")
def _own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleHarness]:
    """Offer a console of these tests alone: they make users."""
    with opened(tmp_path_factory.mktemp("first")) as opening:
        yield opening(tmp_path_factory.mktemp("own"))


@pytest.fixture(name="guest")
def _guest(browser: Browser, own: ConsoleHarness) -> Iterator[Reader]:
    yield from at_console(browser, own, signed_in=False)


def looks(reader: Reader, name: str) -> None:
    """Look at a page in both widths and both schemes."""
    for width in WIDTHS:
        for scheme in SCHEMES:
            reader.look(width, scheme)
            reader.picture(f"{name}-{width}-{scheme}")
            assert reader.cut() == []
            assert reader.axe() == []


def test_the_first_admin_is_made_by_keyboard(guest: Reader, own: ConsoleHarness) -> None:
    secret = own.access.accounts.offer_first_admin()
    page = guest.page
    guest.go(f"/first-admin?token={secret}")
    looks(guest, "first-admin")
    expect(page.locator("#email")).to_be_focused()
    page.keyboard.type("root@x.example")
    page.keyboard.press("Tab")
    page.keyboard.type("Root")
    page.keyboard.press("Tab")
    page.keyboard.type("short")
    page.keyboard.press("Enter")
    expect(page.locator("#password-error")).to_contain_text("at least 12 characters")
    assert page.input_value("#email") == "root@x.example", "what was right stays"
    looks(guest, "first-admin-refused")
    guest.said.clear()  # the browser tells of the 422
    page.locator("#password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Home")
    page.goto(f"{guest.address}/first-admin?token={secret}")
    expect(page.locator("h1")).to_have_text("The link has ended")
    looks(guest, "link-ended")
    guest.said.clear()  # the browser tells of the 410


def test_whoever_is_invited_chooses_a_password(guest: Reader, own: ConsoleHarness) -> None:
    _, secret = own.access.accounts.invite("bob@x.example", "viewer")
    page = guest.page
    guest.go(f"/welcome?token={secret}")
    looks(guest, "welcome")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Home")


def test_a_password_is_typed(guest: Reader, own: ConsoleHarness) -> None:
    own.person("viewer", "cid@x.example")
    page = guest.page
    guest.go("/records?q=x")
    expect(page.locator("#email")).to_be_focused()
    looks(guest, "sign-in-password")
    page.keyboard.type("cid@x.example")
    page.keyboard.press("Tab")
    page.keyboard.type("guess")
    page.keyboard.press("Enter")
    expect(page.locator(".notice.bad")).to_contain_text("The address or the password is wrong.")
    looks(guest, "sign-in-wrong")
    guest.said.clear()  # the browser tells of the 422
    page.locator("#password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/records?q=x")
    page.locator(".top .pop > summary").press("Enter")
    page.get_by_role("button", name="Sign out").press("Enter")
    page.wait_for_url("**/sign-in*")
    page.locator("summary", has_text="installation's token").press("Enter")
    looks(guest, "sign-in-token")


def test_an_admin_invites_and_disables_by_keyboard(guest: Reader, own: ConsoleHarness) -> None:
    own.person("admin", "root@x.example")
    own.person("operator", "a.person.with.a.rather.long.address@a-firm-with-a-long-name.example")
    page = guest.page
    enter(guest, "root@x.example")
    guest.go("/settings/users")
    looks(guest, "users")
    page.locator("#email").fill("dot@x.example")
    page.locator("#role").select_option("operator")
    page.get_by_role("button", name="Invite").press("Enter")
    expect(page.locator("h1")).to_have_text("dot@x.example is invited")
    expect(page.locator("#secret")).to_be_focused()
    looks(guest, "users-link")
    page.get_by_role("link", name="Back to users").press("Enter")
    expect(page.locator("tr", has_text="dot@x.example")).to_contain_text("Invited")
    page.get_by_role("button", name="Disable of dot@x.example").press("Enter")
    expect(page.locator(".notice.ok")).to_contain_text("shut out")
    expect(page.locator("tr", has_text="dot@x.example")).to_contain_text("Disabled")
    page.locator("#email").fill("dot@x.example")
    page.get_by_role("button", name="Invite").press("Enter")
    expect(page.locator("#email-error")).to_contain_text("is a user already")
    expect(page.locator("#email")).to_be_focused()
    looks(guest, "users-refused")
    guest.said.clear()  # the browser tells of the 422


def test_people_sign_in_by_a_provider_that_an_admin_sets_up(
    guest: Reader, own: ConsoleHarness, provider: ProviderServer
) -> None:
    own.person("admin", "root@x.example")
    own.env.clock.advance(int(time.time() * 1000) - own.env.clock.now_ms())
    own.access.single_sign_on.calls = OpenId(AddressGuard([f"localhost:{provider.port}"]), own.env.clock)
    provider.person("kim", email="kim@x.example", name="Kim", groups=["crm"])
    page = guest.page
    enter(guest, "root@x.example")
    page.get_by_role("link", name="Sign-in").press("Enter")
    expect(page.locator("h1")).to_have_text("Sign-in")
    looks(guest, "provider-empty")
    page.locator("#issuer").fill("https://127.0.0.1")
    page.locator("#default_role").select_option("viewer")
    page.locator("#client_id").fill("syncline")
    page.keyboard.press("Enter")
    expect(page.locator("#issuer-error")).to_contain_text("SYNCLINE_ALLOW_PRIVATE_ADDRESSES")
    expect(page.locator("#issuer")).to_be_focused()
    looks(guest, "provider-refused")
    guest.said.clear()  # the browser tells of the 422
    page.locator("#issuer").fill(provider.url)
    page.locator("#client_secret").fill("s3cret")
    page.locator("#title").fill("the firm's login")
    page.locator("#claim").fill("groups")
    page.locator("#roles").fill("crm = operator")
    page.get_by_role("button", name="Check and save the provider").press("Enter")
    expect(page.locator(".notice.ok")).to_contain_text("People sign in by this provider")
    looks(guest, "provider")
    page.locator(".top .pop > summary").press("Enter")
    page.get_by_role("button", name="Sign out").press("Enter")
    page.wait_for_url("**/sign-in*")
    guest.go("/records?q=x")
    looks(guest, "sign-in-provider")
    page.get_by_role("link", name="Sign in with the firm's login").press("Enter")
    page.wait_for_url(f"{provider.url}/**")
    page.locator("[name=sub]").fill("kim")
    page.keyboard.press("Enter")
    page.wait_for_url("**/records?q=x*")
    guest.said.clear()  # the provider has no icon
    guest.go("/account")
    expect(page.locator("#you")).to_contain_text("operator")
    page.locator(".top .pop > summary").press("Enter")
    page.get_by_role("button", name="Sign out", exact=True).press("Enter")
    expect(page.locator(".notice.info")).to_contain_text("Sign out of the firm's login, too")
    looks(guest, "sign-in-out")
    enter(guest, "root@x.example")
    guest.go("/settings/users")
    page.get_by_label("Who kim@x.example is").select_option(label="root@x.example (by password)")
    looks(guest, "users-provider")
    page.get_by_role("button", name="Link of kim@x.example").press("Enter")
    expect(page.locator("tr", has_text="By the provider, as kim")).to_contain_text(
        re.compile("Is root@x.example.*admin")
    )
    looks(guest, "users-linked")
    own.access.single_sign_on.remove()


def test_a_token_is_made_and_revoked_by_keyboard(guest: Reader, own: ConsoleHarness) -> None:
    own.person("operator", "ted@x.example")
    page = guest.page
    enter(guest, "ted@x.example")
    expect(page.locator(".rail")).not_to_contain_text("Users")
    guest.go("/settings/tokens")
    looks(guest, "tokens-empty")
    page.locator("#name").fill("backup of every night")
    page.get_by_label("records:read").press("Space")
    page.get_by_label("health:read").press("Space")
    page.get_by_label("connections:change").press("Space")
    page.get_by_role("button", name="Make the token").press("Enter")
    expect(page.locator("#scopes .error")).to_contain_text("opens nothing to the role viewer")
    expect(page.get_by_label("records:read")).to_be_checked()
    looks(guest, "tokens-refused")
    guest.said.clear()  # the browser tells of the 422
    page.get_by_label("connections:change").press("Space")
    page.get_by_role("button", name="Make the token").press("Enter")
    assert page.locator("#secret").input_value().startswith("syn_")
    looks(guest, "tokens-secret")
    guest.go("/settings/tokens")
    expect(page.locator("#list")).to_contain_text("records:read, health:read")
    looks(guest, "tokens")
    page.get_by_role("button", name="Revoke backup of every night").press("Enter")
    expect(page.locator(".notice.ok")).to_contain_text("has ended")


def test_ones_own_account(guest: Reader, own: ConsoleHarness) -> None:
    own.person("viewer", "eva@x.example")
    page = guest.page
    enter(guest, "eva@x.example")
    page.locator(".top .pop > summary").press("Enter")
    page.get_by_role("link", name="Your account").press("Enter")
    expect(page.locator("h1")).to_have_text("Your account")
    looks(guest, "account")
    page.locator("#old").fill(PASSWORD)
    page.locator("#password").fill("another long password")
    page.keyboard.press("Enter")
    expect(page.locator(".notice.ok")).to_contain_text("all other sessions have ended")
    page.get_by_role("button", name="Sign out everywhere").press("Enter")
    page.wait_for_url("**/sign-in*")


def test_the_activity_log(guest: Reader, own: ConsoleHarness) -> None:
    """What the tests before have done, by the newest first, and chosen by typing."""
    root = own.person("admin", "root@x.example")
    own.access.accounts.change(own.person("viewer", "eva@x.example").id, role="operator")
    own.access.tokens.make(own.sessions.begin(root).caller, "backup of every night", "operator", 90)
    own.follow_views()
    page = guest.page
    enter(guest, "root@x.example")
    guest.go("/activity")
    expect(page.locator("#list")).to_contain_text("changed a user")
    looks(guest, "activity")
    page.keyboard.press("/")
    page.keyboard.type("eva@x")
    expect(page.locator("#list")).not_to_contain_text("backup of every night")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("nobody")
    expect(page.locator("#list")).to_contain_text("Nothing matches")
    looks(guest, "activity-nothing")


def enter(reader: Reader, email: str) -> None:
    """Sign in with a password."""
    reader.go("/sign-in")
    reader.page.locator("#email").fill(email)
    reader.page.locator("#password").fill(PASSWORD)
    reader.page.keyboard.press("Enter")
    reader.page.wait_for_url(f"{reader.address}/")

"""People who connect accounts in a real browser, by keyboard, against real servers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

from deploy.local.hubspot import HubSpotServer
from tests.console.browser.conftest import Reader, at_console
from tests.services.console.agreeing import PORTALS, Vendor
from tests.services.console.conftest import opened
from tests.services.console.connecting import ConnectingHarness, equip
from tests.slice.book import Book

if TYPE_CHECKING:
    from deploy.local.servers.real import RadicaleServer


@pytest.fixture(name="connecting")
def _connecting(tmp_path: Path, redis_url: str) -> Iterator[ConnectingHarness]:
    """Offer a console without accounts, which can connect real ones."""
    with opened(tmp_path) as renew:
        yield equip(renew(tmp_path / "views"), tmp_path, redis_url)


@pytest.fixture(name="admin")
def _admin(browser: Browser, connecting: ConnectingHarness) -> Iterator[Reader]:
    yield from at_console(browser, connecting.console)


def look(reader: Reader, name: str) -> None:
    """Look at a state of a page in both widths and schemes."""
    for width, scheme in ((1280, "light"), (390, "dark")):
        reader.look(width, scheme)
        reader.picture(f"{name}-{width}-{scheme}")
        assert reader.cut() == []
        assert reader.axe() == []


def test_an_address_book_is_connected_from_the_first_page(
    admin: Reader, connecting: ConnectingHarness, radicale: "RadicaleServer"
) -> None:
    """From home to the app, its form, what was wrong in it, the choice of the book, and the account."""
    book, page = Book.made(radicale), admin.page
    page.get_by_role("link", name="Choose an app").press("Enter")
    page.get_by_role("link", name="CardDAV address book").press("Enter")
    page.get_by_role("link", name="Connect an account").press("Enter")
    expect(page.locator("#base_url")).to_be_focused()
    page.keyboard.type(book.server)
    page.keyboard.press("Tab")
    page.keyboard.type(book.secrets["user"])
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#password")).to_be_focused()
    expect(page.locator("#password-error")).to_contain_text("does not accept this sign-in")
    assert page.input_value("#password") == ""
    look(admin, "connect-book-refused")
    admin.look(1280, "light")
    admin.said.clear()  # the browser tells of the 422
    page.focus("#password")
    page.keyboard.type(book.secrets["password"])
    page.keyboard.press("Enter")
    expect(page.locator("h2", has_text="Which one is meant?")).to_be_visible()
    assert book.secrets["password"] not in page.content()
    look(admin, "connect-book-choice")
    admin.look(1280, "light")
    option = page.locator("#place option", has_text=book.path).get_attribute("value")
    page.select_option("#place", option)
    page.get_by_label("What to call it").fill("Books of Ann")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Books of Ann")
    expect(page.locator("#done")).to_contain_text("The account is connected.")
    assert [row.options["book"] for row in connecting.service.setups.connections()] == [book.path]
    page.get_by_role("button", name="Test").press("Enter")
    expect(page.locator("#done")).to_contain_text("The account answered just now.")
    look(admin, "connect-book-done")
    admin.look(1280, "light")
    page.get_by_role("link", name="New sign-in").press("Enter")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#password-error")).to_contain_text("does not accept this sign-in")
    look(admin, "connect-book-secrets")
    admin.said.clear()
    page.get_by_label("Password").fill(book.secrets["password"])
    page.keyboard.press("Enter")
    expect(page.locator("#done")).to_contain_text("The account signs in by what was entered.")


@pytest.fixture(name="vendor")
def _vendor(connecting: ConnectingHarness) -> Iterator[Vendor]:
    with HubSpotServer() as server:
        vendor = Vendor.register(server, connecting.console.address)
        yield vendor
        vendor.admin.close()


def agree(page: Page, portal: int) -> None:
    """Agree on HubSpot's own page."""
    expect(page.locator("h1")).to_have_text("Connect Syncline to HubSpot")
    page.select_option("[name=portal_id]", str(portal))
    page.get_by_role("button", name="Connect app").press("Enter")


def have_one_only_asked(admin: Reader, connecting: ConnectingHarness, portal: int) -> None:
    """Find out on its page that the app cannot reach us, choose that it is only asked, and go back to the app."""
    page = admin.page
    connecting.service.settings = connecting.service.settings.model_copy(update={"public_url": "https://127.0.0.1:9"})
    page.get_by_role("link", name=f"HubSpot {portal}").press("Enter")
    page.get_by_role("link", name="Feeds").press("Enter")
    page.get_by_role("button", name="Can the app reach this address?").press("Enter")
    expect(page.locator("#done")).to_contain_text("Nothing answers at the public address")
    look(admin, "connect-hubspot-feeds")
    admin.look(1280, "light")
    page.select_option("#push", "poll")
    page.get_by_role("button", name="Keep").press("Enter")
    expect(page.locator("#done")).to_contain_text("The app is asked for changes every minute.")
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="HubSpot", exact=True).press("Enter")


def test_two_accounts_are_connected_and_one_that_was_revoked_is_connected_again(
    admin: Reader, connecting: ConnectingHarness, vendor: Vendor
) -> None:
    """Credentials once, permissions before each redirect, and home leads to what was revoked."""
    page = admin.page
    page.get_by_role("link", name="Apps", exact=True).first.press("Enter")
    page.get_by_role("link", name="HubSpot", exact=True).press("Enter")
    page.get_by_role("link", name="Connect an account").press("Enter")
    expect(page.locator("main")).to_contain_text("An admin has something to do first")
    look(admin, "connect-hubspot-first")
    admin.look(1280, "light")
    page.get_by_role("link", name="Enter the credentials").press("Enter")
    given = vendor.fields()
    page.get_by_label("Client id").fill(given["client_id"])
    page.get_by_label("Client secret").fill(given["client_secret"])
    page.get_by_text("Another address").press("Enter")
    page.get_by_label("Address of HubSpot").fill(given["base_url"])
    page.get_by_label("Page on which people agree").fill(given["authorize_url"])
    look(admin, "connect-hubspot-credentials")
    admin.look(1280, "light")
    page.get_by_role("button", name="Keep").last.press("Enter")
    expect(page.locator("#done")).to_contain_text("The credentials are kept.")
    for number, portal in enumerate(PORTALS):
        page.get_by_role("link", name=re.compile("^Connect an")).press("Enter")
        expect(page.locator("#permissions")).to_contain_text("To read contacts and to notice when they change.")
        if number == 0:
            look(admin, "connect-hubspot-review")
            admin.look(1280, "light")
        page.get_by_role("button", name="Go on to HubSpot").press("Enter")
        agree(page, portal)
        expect(page.locator("h1")).to_have_text(f"HubSpot {portal}")
        page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="HubSpot").press("Enter")
    expect(page.locator("#accounts tbody tr")).to_have_count(2)
    look(admin, "connect-hubspot-app")
    admin.look(1280, "light")
    have_one_only_asked(admin, connecting, PORTALS[1])
    vendor.admin.call("POST", f"accounts/{PORTALS[0]}/revoke")
    page.get_by_role("link", name=f"HubSpot {PORTALS[0]}").press("Enter")
    page.get_by_role("button", name="Test").press("Enter")
    expect(page.locator("#done")).to_contain_text("It does not work: sign-in expired")
    admin.go("/")
    page.get_by_role("link", name=f"HubSpot {PORTALS[0]} is paused: sign-in expired").press("Enter")
    look(admin, "connect-hubspot-revoked")
    admin.look(1280, "light")
    page.get_by_role("link", name="Reconnect").press("Enter")
    page.get_by_role("button", name="Go on to HubSpot").press("Enter")
    agree(page, PORTALS[0])
    expect(page.locator("#done")).to_contain_text("The account is connected again")
    admin.go("/")
    expect(page.locator("#troubles")).to_contain_text("All is well")
    assert [row.account for row in connecting.service.setups.connections()] == [str(portal) for portal in PORTALS]
    missing = "Failed to load resource: the server responded with a status of 404 (Not Found)"
    admin.said[:] = [text for text in admin.said if text != missing]  # HubSpot's page has no icon here

"""A person connects two HubSpot accounts and an address book in a browser, applies two files, and sees numbers."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from deploy.local.stack import Stack
from tests.browsers import LAUNCH
from tests.e2e.live import Live
from tests.services.console.agreeing import PORTALS, Vendor

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]


class Unequipped(Stack):
    """An installation that nobody has set anything up in."""

    def setup(self, hook: str) -> dict[str, Any]:
        """Return that nothing is set up."""
        del hook
        return {"connections": [], "syncs": []}


@pytest.fixture(name="live", scope="module")
def _live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    live = Live(tmp_path_factory.mktemp("connecting"), data=None, make=Unequipped)
    try:
        live.start()
        yield live
    finally:
        live.stop()


@pytest.fixture(name="page")
def _page(chromium: str, live: Live) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=LAUNCH)
        page = browser.new_context(base_url=live.stack.console_url).new_page()
        page.set_default_timeout(20_000)
        yield page
        browser.close()


def connect_portal(page: Page, portal: int) -> None:
    """Go through the permissions, and agree on HubSpot's page."""
    page.goto("/apps/hubspot")
    page.get_by_role("link", name=re.compile("^Connect an")).click()
    page.get_by_role("button", name="Go on to HubSpot").click()
    page.select_option("[name=portal_id]", str(portal))
    page.get_by_role("button", name="Connect app").click()
    expect(page.locator("h1")).to_have_text(f"HubSpot {portal}")


def apply(live: Live, page: Page, left: str, right: str) -> None:
    """Set a sync up by the file that the page shows."""
    page.goto("/set-up")
    page.get_by_role("link", name="Contacts").click()
    page.select_option("#left", label=left)
    page.select_option("#right", label=right)
    page.get_by_role("button", name="Show the file").click()
    path = live.stack.data / f"{right}.yaml"
    path.write_text(page.locator("#file").inner_text())
    live.stack.command("services.console.commands", "apply", str(path))


def test_from_nothing_to_numbers_that_show(live: Live, page: Page) -> None:
    """Nothing is done by an API: what the product has no page for is the command that the page shows."""
    vendor = Vendor.register(live.stack.hubspot, live.stack.console_url)
    vendor.admin.edit(PORTALS[0], "create", "contacts", properties={"email": "ann@firm.example", "firstname": "Ann"})
    page.goto("/")
    page.fill("#token", live.stack.secrets["console_token"])
    page.keyboard.press("Enter")
    expect(page.locator("#syncs")).to_contain_text("Nothing is synced yet")
    page.goto("/apps/hubspot/credentials")
    given = vendor.fields()
    page.get_by_text("Another address").click()
    for name, text in given.items():
        page.fill(f"#{name}", text)
    page.locator("#here").get_by_role("button", name="Keep").click()
    for portal in PORTALS:
        connect_portal(page, portal)
    page.goto("/apps/carddav/connect")
    radicale = live.stack.radicale
    for name, text in (("base_url", radicale.book_url), ("user", radicale.user), ("password", radicale.password)):
        page.fill(f"#{name}", text)
    page.fill("#label", "Books")
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.locator("h1")).to_have_text("Books")
    one, other = (f"HubSpot {portal}" for portal in PORTALS)
    apply(live, page, one, other)
    apply(live, page, one, "Books")
    page.goto("/")
    for sync in (f"contact-hubspot-{PORTALS[1]}", "contact-books"):
        expect(page.locator(f"#n-{sync}-in_sync")).to_have_text("1", timeout=90_000)
    expect(page.locator("#connections tbody tr")).to_have_count(3)
    assert [row["properties"]["email"] for row in records(vendor, PORTALS[1])] == ["ann@firm.example"]
    vendor.admin.close()


def records(vendor: Vendor, portal: int) -> list[dict[str, Any]]:
    """Return the contacts of an account."""
    found: list[dict[str, Any]] = vendor.admin.call("GET", f"accounts/{portal}/records/contacts")["records"]
    return found

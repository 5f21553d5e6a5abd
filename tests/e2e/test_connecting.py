"""A new user: the first admin, accounts, numbers, a repaired record, a mailed file, a reconnected account."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from deploy.local.stack import Stack
from tests.browsers import LAUNCH
from tests.e2e.live import Live
from tests.mail_server import MailServer, mail_server
from tests.services.console.agreeing import PORTALS, Vendor

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]


class Unequipped(Stack):
    """An installation that nobody has set anything up in; it may send mail by a server on this machine."""

    mail_port = 0

    def env(self, service: str) -> dict[str, str]:
        """Return the settings of a service."""
        own = super().env(service)
        name = "SYNCLINE_ALLOW_PRIVATE_ADDRESSES"
        return {**own, name: f"{own[name]},127.0.0.1:{self.mail_port}"}

    def setup(self, hook: str) -> dict[str, Any]:
        """Return that nothing is set up."""
        del hook
        return {"connections": [], "syncs": []}


@pytest.fixture(name="mails", scope="module")
def _mails() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture(name="live", scope="module")
def _live(tmp_path_factory: pytest.TempPathFactory, mails: MailServer) -> Iterator[Live]:
    make = type("MailingStack", (Unequipped,), {"mail_port": mails.port})
    live = Live(tmp_path_factory.mktemp("connecting"), data=None, make=make)
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


def test_from_nothing_to_numbers_that_show(live: Live, page: Page, mails: MailServer) -> None:
    """Nothing is done by an API: what the product has no page for is the command that the page shows."""
    vendor = Vendor.register(live.stack.hubspot, live.stack.console_url)
    vendor.admin.edit(PORTALS[0], "create", "contacts", properties={"email": "ann@firm.example", "firstname": "Ann"})
    make_first_admin(live, page)
    expect(page.locator("#syncs")).to_contain_text("Nothing is synced yet")
    connect_all(live, page, vendor)
    one, other = (f"HubSpot {portal}" for portal in PORTALS)
    apply(live, page, one, other)
    apply(live, page, one, "Books")
    take_the_settings_away(live)
    page.goto("/")
    for sync in (f"contact-hubspot-{PORTALS[1]}", "contact-books"):
        expect(page.locator(f"#n-{sync}-in_sync")).to_have_text("1", timeout=90_000)
    expect(page.locator("#connections tbody tr")).to_have_count(3)
    assert [row["properties"]["email"] for row in records(vendor, PORTALS[1])] == ["ann@firm.example"]
    see_how_it_is_learned(page, one)
    repair(live, page, vendor)
    replay(live, page)
    export(live, page, mails)
    reconnect(page, vendor)
    vendor.admin.close()


def make_first_admin(live: Live, page: Page) -> None:
    """Follow the link that the console printed when it started."""
    printed = live.stack.services["console"].log.read_text()
    link = re.search(r"http://\S+/first-admin\?token=\S+", printed)
    assert link is not None, printed[-2000:]
    page.goto(link[0])
    page.fill("#email", "root@firm.example")
    page.fill("#password", "nine green bottles")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Home")


def connect_all(live: Live, page: Page, vendor: Vendor) -> None:
    """Connect two accounts of HubSpot by its own pages, and an address book by a form."""
    page.goto("/apps/hubspot/credentials")
    page.get_by_text("Another address").click()
    for name, text in vendor.fields().items():
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
    page.get_by_role("link", name="Feeds").click()
    page.fill("#interval", "1")
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("#done")).to_contain_text("The app is asked for changes every second.")


def take_the_settings_away(live: Live) -> None:
    """Write what was set up by pages into a file, which would change nothing (a command fails that ends with 2)."""
    path = live.stack.data / "settings.yaml"
    live.stack.command("services.console.commands", "export-settings", str(path))
    assert live.stack.radicale.password not in path.read_text()
    live.stack.command("services.console.commands", "plan", str(path))


def see_how_it_is_learned(page: Page, account: str) -> None:
    """Look at what real workers say of feeds and limits, and have the public address called."""
    page.get_by_role("link", name=account).first.click()
    page.get_by_role("link", name="Feeds").click()
    expect(page.locator("#feeds tbody tr").first).to_contain_text("Up to date")
    page.get_by_role("button", name="Can the app reach this address?").click()
    expect(page.locator("#done")).to_contain_text("The public address leads here")
    page.get_by_role("link", name="Limits").click()
    expect(page.locator("#limits")).to_contain_text("of 110")
    expect(page.locator("#calls")).not_to_contain_text("0 calls")


def repair(live: Live, page: Page, vendor: Vendor) -> None:
    """Find the record that fails from the first page, read why, repair its card, and see it turn green by itself."""
    (card,) = (name for name in live.cards())
    whole = (live.book / card).read_bytes()
    boxes = b"BEGIN:X-BOX\r\n" * 200 + b"END:X-BOX\r\n" * 200
    assert live.put_raw(card, whole.replace(b"END:VCARD", boxes + b"END:VCARD"))
    (contact,) = records(vendor, PORTALS[0])
    vendor.admin.edit(PORTALS[0], "update", "contacts", contact["id"], properties={"jobtitle": "Boss"})
    live.wait(lambda: live.stack.api("health")["parked"], 60)
    page.goto("/")
    page.locator("#n-contact-books-failing", has_text="1").click(timeout=60_000)
    page.get_by_role("link", name="Show").first.click()
    page.locator("#list tbody a").first.click()
    expect(page.locator("#sentence")).to_contain_text("Acts: owner of the record.")
    assert live.put_raw(card, whole.replace(b"END:VCARD", b"NOTE:Repaired\r\nEND:VCARD"))
    expect(page.locator("#sentence")).to_contain_text("Both records hold the same values", timeout=60_000)
    live.wait_for_card(card, "title", "Boss")


def replay(live: Live, page: Page) -> None:
    """Have the reading of the broken card, which nobody could handle, handled once more now that it is whole."""
    page.goto("/parked")
    page.get_by_role("button", name=re.compile("^Replay all")).click()
    expect(page.locator("#done")).to_contain_text("replayed")
    page.goto("/parked?state=decided")
    expect(page.locator("tbody tr").first).to_contain_text("replayed")
    live.wait(lambda: not live.stack.api("health")["parked"])


def export(live: Live, page: Page, mails: MailServer) -> None:
    """Say by which server mail is sent, have the list made a file, and take it away from where the mail leads."""
    page.goto("/settings/mail")
    page.fill("#host", "127.0.0.1")
    page.fill("#port", str(mails.port))
    page.select_option("#security", "none")
    page.fill("#sender", "Syncline <syncline@firm.example>")
    page.fill("#console_url", live.stack.console_url)
    page.get_by_role("button", name="Send mail by this server").click()
    expect(page.get_by_role("heading", name="Mail is sent by this server from now on")).to_be_visible()
    page.goto("/records?q=ann")
    page.locator("#export summary").click()
    page.get_by_label("Tell me by mail when it is ready").check()
    page.get_by_role("button", name="Export all that the filters choose").click()
    live.wait(lambda: mails.mails, 60)
    (mail,) = mails.mails
    assert mail["To"] == "root@firm.example"
    link = re.search(rf"{live.stack.console_url}/exports\S+", mail.get_content())
    assert link is not None, mail.get_content()
    page.goto(link[0])
    expect(page.locator("#shown")).to_contain_text("Your file is ready")
    with page.expect_download() as download:
        page.locator("#shown-file").click()
    assert download.value.path().read_text().count("Ann") == len(PORTALS), "a row of each sync"


def reconnect(page: Page, vendor: Vendor) -> None:
    """Follow the first page from an account that was revoked at HubSpot to its being connected again."""
    vendor.admin.call("POST", f"accounts/{PORTALS[1]}/revoke")
    page.goto(f"/connections/hubspot-{PORTALS[1]}")
    page.get_by_role("button", name="Test").click()
    page.goto("/")
    page.get_by_role("link", name=f"HubSpot {PORTALS[1]} is paused").click(timeout=90_000)
    page.get_by_role("link", name="Reconnect").click()
    page.get_by_role("button", name="Go on to HubSpot").click()
    page.select_option("[name=portal_id]", str(PORTALS[1]))
    page.get_by_role("button", name="Connect app").click()
    expect(page.locator("#done")).to_contain_text("The account is connected again")
    page.goto("/")
    expect(page.locator("#troubles")).to_contain_text("All is well", timeout=60_000)


def records(vendor: Vendor, portal: int) -> list[dict[str, Any]]:
    """Return the contacts of an account."""
    found: list[dict[str, Any]] = vendor.admin.call("GET", f"accounts/{portal}/records/contacts")["records"]
    return found

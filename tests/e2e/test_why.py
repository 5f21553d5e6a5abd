"""*Why?* about records that a running installation has not seen: read in a real browser, and brought in by a button."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from deploy.local.stack import PORTAL, Stack
from tests.browsers import LAUNCH
from tests.console.browser.conftest import SCHEMES, WIDTHS, Reader
from tests.e2e.live import Live, vcard

_SOON_MS: Final = 60_000


class _Seldom(Stack):
    """An installation that is told of nothing by itself for an hour, as where a webhook was lost."""

    def setup(self, hook: str) -> dict[str, Any]:
        """Return what is set up."""
        found = super().setup(hook)
        for row in found["connections"]:
            row |= {"push": False, "poll_interval_s": 3600}
        return found


@pytest.fixture(name="live", scope="module")
def _live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    live = Live(tmp_path_factory.mktemp("why"), data=None, make=_Seldom)
    try:
        live.start()
        live.wait_first_sync()
        yield live
    finally:
        live.stop()


@pytest.fixture(name="context")
def _context(chromium: str) -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=LAUNCH)
        yield browser.new_context(reduced_motion="reduce")
        browser.close()


@pytest.fixture(name="reader")
def _reader(live: Live, context: BrowserContext) -> Iterator[Reader]:
    page = context.new_page()
    page.goto(live.stack.sign_in_link())
    reader = Reader(context, page, live.stack.console_url)
    page.on("pageerror", lambda error: reader.said.append(str(error)))
    yield reader
    assert reader.said == []


def _ask(reader: Reader, text: str) -> Page:
    """Write a text into the box at the top."""
    reader.page.fill("#ask", text)
    reader.page.press("#ask", "Enter")
    reader.page.wait_for_url("**/why?**")
    return reader.page


def _link(record: str, type_id: str = "0-1") -> str:
    return f"https://app.hubspot.com/contacts/{PORTAL}/record/{type_id}/{record}"


def _look(reader: Reader, name: str) -> None:
    for width in WIDTHS:
        for scheme in SCHEMES:
            reader.look(width, scheme)
            reader.picture(f"{name}-{width}-{scheme}")
            assert reader.cut() == []
            assert reader.axe() == []
    reader.look(1280, "light")


def test_records_that_nobody_has_seen_are_explained_and_one_is_brought_in(live: Live, reader: Reader) -> None:
    company = live.admin.edit(PORTAL, "create", "companies", properties={"name": "Ace Tyres"})
    nameless = live.new_contact(firstname="Bob", lastname="Ray")
    ann = live.new_contact(email="ann@x.example", firstname="Ann", lastname="Lee")
    page = _ask(reader, _link(company, "0-2"))
    expect(page.locator("main")).to_contain_text(
        f"HubSpot has company {company}, and no sync uses the companies of this account."
    )
    expect(page.locator("main")).to_contain_text("Acts: admin.")
    _look(reader, "why-no-sync")
    page = _ask(reader, nameless)
    expect(page.locator("main")).to_contain_text(
        f"HubSpot has contact {nameless}, and it takes no part in sync contacts by itself: no e-mail address."
    )
    _look(reader, "why-excluded")
    page = _ask(reader, _link("987654321"))
    expect(page.locator("main")).to_contain_text("HubSpot knows no contact 987654321. It was deleted, never existed")
    _look(reader, "why-nowhere")
    for text in (_link(ann), "ann@x.example"):
        page = _ask(reader, text)
        expect(page.locator("main")).to_contain_text(
            f"HubSpot has contact {ann}, and nothing stands in its way: sync contacts has not been told of it yet"
        )
        assert _terminal(live, "why", text).startswith(f"Ann Lee (contacts): HubSpot has contact {ann}, and nothing ")
    _look(reader, "why-not-told")
    assert live.rows() == []
    page.get_by_role("button", name="Read this record now").press("Enter")
    expect(page.locator("main .state")).to_contain_text("In sync", timeout=_SOON_MS)
    _look(reader, "why-known")
    assert live.card_of("ann@x.example")[1]["given_name"] == "Ann"
    page.get_by_role("link", name="Ann Lee").press("Enter")
    expect(page.locator("#sentence")).to_contain_text("Both records hold the same values")
    assert [row["left"] for row in live.rows()] == [ann], "nobody else was read"


def test_a_card_is_found_by_its_address_and_brought_in_by_command(live: Live) -> None:
    """As somebody without a browser does it."""
    live.put("eve.vcf", vcard(email="eve@x.example", first="Eve", last="Moss"))
    address = f"{live.stack.radicale.book_url}eve.vcf"
    for text in (address, "eve@x.example"):
        told = _terminal(live, "why", text)
        assert told.startswith("Eve Moss (contacts): Address book has contact eve.vcf, and nothing stands in its way: ")
        assert "./syncline resync eve.vcf" in told
    assert _terminal(live, "resync", address) == "contact eve.vcf of address-book is read now\n"
    live.wait(lambda: live.contact("eve@x.example")[1]["lastname"] == "Moss")
    live.wait(lambda: "Both records hold the same values" in _terminal(live, "why", address), 30)


def _terminal(live: Live, *words: str) -> str:
    argv = (sys.executable, "-m", "services.console.commands", *words)
    done = subprocess.run(argv, env=live.stack.env("console"), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout

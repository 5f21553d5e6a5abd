"""One running console and one real browser for all tests of this folder; each test has a context of its own."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.browsers import LAUNCH
from tests.console.web.examples import show_everything
from tests.services.console.conftest import opened
from tests.services.console.harness import TOKEN, ConsoleHarness

PICTURES: Final = Path(__file__).parents[3] / ".bench" / "pictures"
WIDTHS: Final = {1280: 800, 390: 844}
SCHEMES: Final = ("light", "dark")
_CUT: Final = """() => {
  const most = window.innerWidth, wide = document.documentElement.scrollWidth - most;
  const meant = "svg, select, .sr, .scroll, .tabs, .skip, [popover], details:not([open]) > .panel";
  const found = wide > 0 ? [`page: ${wide} px`] : [];
  for (const node of document.querySelectorAll("main *, header *")) {
    if (node.closest(meant) || !node.checkVisibility()) continue;
    const box = node.getBoundingClientRect();
    if (box.width && box.height && (box.right > most + 1 || box.left < -1))
      found.push(`${node.localName}.${node.className}: ${Math.round(box.left)} to ${Math.round(box.right)}`);
  }
  return found;
}"""
"""What reaches beyond the window, but for what is meant to be scrolled."""


@dataclass
class Reader:
    """Somebody in front of a browser."""

    context: BrowserContext
    page: Page
    address: str
    said: list[str] = field(default_factory=list)
    """What the browser complained of: scripts that failed, and what the policy forbade."""

    def go(self, path: str) -> None:
        """Open an address."""
        self.page.goto(f"{self.address}{path}", wait_until="load")

    def sign_in(self) -> None:
        """Sign in with the keyboard."""
        self.go("/sign-in")
        expect(self.page.locator("#token")).to_be_focused()
        self.page.keyboard.type(TOKEN)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(f"{self.address}/")

    def look(self, width: int, scheme: Any) -> None:
        """Use a window of a width, and a colour scheme."""
        self.page.set_viewport_size({"width": width, "height": WIDTHS[width]})
        self.page.emulate_media(color_scheme=scheme)

    def cut(self) -> list[str]:
        """List what is cut off at the window's edge."""
        found: list[str] = self.page.evaluate(_CUT)
        return found

    def axe(self) -> list[str]:
        """List what axe finds, of any impact."""
        found = Axe().run(self.page).response["violations"]
        return [f"{row['id']}: {json.dumps([node['target'] for node in row['nodes']])}" for row in found]

    def picture(self, name: str) -> None:
        """Keep a picture, to be looked at."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


@pytest.fixture(name="browser", scope="package")
def _browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=LAUNCH)
        yield browser
        browser.close()


@pytest.fixture(name="console", scope="package")
def _console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleHarness]:
    """Offer one console with something of everything; whoever changes it leaves it as it was for the others."""
    with opened(tmp_path_factory.mktemp("first")) as opening:
        console = opening(tmp_path_factory.mktemp("shared"))
        show_everything(console)
        yield console


@pytest.fixture(name="empty", scope="package")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleHarness]:
    """Offer one console that knows no record yet."""
    with opened(tmp_path_factory.mktemp("first")) as opening:
        yield opening(tmp_path_factory.mktemp("empty"))


@pytest.fixture(name="reader")
def _reader(browser: Browser, console: ConsoleHarness) -> Iterator[Reader]:
    """Offer a signed-in reader of the console with something of everything."""
    yield from at_console(browser, console)


@pytest.fixture(name="newcomer")
def _newcomer(browser: Browser, empty: ConsoleHarness) -> Iterator[Reader]:
    """Offer a signed-in reader of a console without records."""
    yield from at_console(browser, empty)


def at_console(browser: Browser, console: ConsoleHarness, *, signed_in: bool = True) -> Iterator[Reader]:
    """Open a browser at a console, and look at the end that it had nothing to complain of."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(15_000)
    reader = Reader(context, page, console.address)

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            reader.said.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: reader.said.append(str(error)))
    if signed_in:
        reader.sign_in()
    yield reader
    context.close()
    assert reader.said == [], "the browser had nothing to complain of"

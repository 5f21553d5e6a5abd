"""People who connect accounts in a real browser, by keyboard, against real servers."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, expect

from tests.console.browser.conftest import Reader, at_window
from tests.services.console.conftest import opened
from tests.services.console.office import Office, equip
from tests.slice.book import Book

if TYPE_CHECKING:
    from deploy.local.servers import RadicaleServer


@pytest.fixture(name="office")
def _office(tmp_path: Path, redis_url: str) -> Iterator[Office]:
    """Offer a console without accounts, which can connect real ones."""
    with opened(tmp_path) as renew:
        yield equip(renew(tmp_path / "views"), tmp_path, redis_url)


@pytest.fixture(name="admin")
def _admin(browser: Browser, office: Office) -> Iterator[Reader]:
    yield from at_window(browser, office.window)


def look(reader: Reader, name: str) -> None:
    """Look at a state of a page in both widths and schemes."""
    for width, scheme in ((1280, "light"), (390, "dark")):
        reader.look(width, scheme)
        reader.picture(f"{name}-{width}-{scheme}")
        assert reader.cut() == []
        assert reader.axe() == []


def test_an_address_book_is_connected_from_the_first_page(
    admin: Reader, office: Office, radicale: "RadicaleServer"
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
    assert [row.options["book"] for row in office.service.setups.connections()] == [book.path]
    page.get_by_role("button", name="Test").press("Enter")
    expect(page.locator("#done")).to_contain_text("The account answered just now.")
    look(admin, "connect-book-done")

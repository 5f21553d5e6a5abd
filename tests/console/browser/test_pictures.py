"""The documents' pictures can be taken anew, of what they show."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.console.browser.conftest import Reader
from tests.docs import pictures
from tests.services.console.conftest import opened


@pytest.mark.parametrize("name", pictures.PAGES)
def test_a_picture_of_the_documents_is_small(name: str) -> None:
    assert 10_000 < (pictures.FOLDER / name).stat().st_size < 200_000


def test_the_pictures_show_what_the_documents_say(reader: Reader, tmp_path: Path) -> None:
    """A record that fails, with the field, the value and who acts, and the first page that leads to it."""
    page = reader.page
    with opened(tmp_path) as renew:
        console = renew(tmp_path / "shown")
        pictures.show(console)
        other = Reader(reader.context, page, console.address)
        other.go("/")
        page.get_by_role("link", name="1 record of contacts fails: value refused").press("Enter")
        page.get_by_role("link", name="Anna Rossi").press("Enter")
        expect(page.locator("#sentence")).to_contain_text("Acts: owner of the record.")
        expect(page.locator("tr.refused")).to_contain_text("anna.rossi@acme is no e-mail address")
        expect(page.locator("tr.agree")).to_have_count(14)
        for name, path in pictures.PAGES.items():
            if name == pictures.REPAIRED:
                pictures.repair(console)
            other.go(path)
            page.screenshot(path=tmp_path / name)
            assert (tmp_path / name).stat().st_size > 10_000
        expect(page.locator("#sentence")).to_contain_text("Both records hold the same values")

"""The second door: from an object to its accounts, and to the file that sets the sync up."""

import re

from services.console.setups.files import read
from shared.core.syncs import SyncSide
from shared.messages import SetupDoc
from tests.console.web.visitor import Page, Visitor
from tests.services.console.window import Window
from tests.services.desk import LEFT, RIGHT, SYNC, connection


def file_of(page: Page) -> str:
    found = re.search(r'<pre id="file"[^>]*><code>(.*?)</code>', page.answer.text, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_file_names_both_accounts_and_can_be_applied(window: Window, visitor: Visitor) -> None:
    window.desk.set_up("sync", None, SYNC)
    assert "/set-up" in visitor.open("/").links
    page = visitor.open("/set-up")
    assert "/set-up?object=contact" in page.links
    page = visitor.open("/set-up?object=contact")
    assert "Between which accounts?" in page.words
    assert "The file that sets it up" not in page.words
    page = visitor.open(f"/set-up?object=contact&left={LEFT}&right={RIGHT}")
    (sync,) = read(file_of(page)).syncs
    assert (sync.id, sync.left, sync.right) == (
        "contact-book", SyncSide(connection=LEFT, object="contact"), SyncSide(connection=RIGHT, object="contact"),
    )  # fmt: skip
    assert "./syncline apply sync.yaml" in page.words


def test_a_sync_needs_two_accounts(window: Window, visitor: Visitor) -> None:
    window.desk.set_up("sync", None, SYNC)
    window.desk.set_up("connection", None, RIGHT)
    page = visitor.open("/set-up?object=contact")
    assert "An account is missing" in page.words
    assert {"/apps/ordered?object=contact", "/apps/opaque?object=contact"} <= set(page.links)
    app = visitor.open("/apps/opaque?object=contact")
    assert "Contacts are to be synced" in app.words
    assert {"/apps/opaque/connect?object=contact", "/set-up?object=contact"} <= set(app.links)
    assert "are to be synced" not in visitor.open("/apps/opaque?object=evil").words


def test_what_goes_not_together_is_refused(window: Window, visitor: Visitor) -> None:
    assert "Choose another account" in visitor.open(f"/set-up?object=contact&left={LEFT}&right={LEFT}").words
    assert "Choose an account." in visitor.open(f"/set-up?object=contact&left={LEFT}&right=nobody").words
    window.desk.set_up("connection", SetupDoc(connection=connection("contact-book", "opaque")), "contact-book")
    assert "The file that sets it up" not in visitor.open("/set-up?object=nothing&left=a&right=b").words

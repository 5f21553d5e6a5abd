"""Syncs by their objects: numbers that open their reasons beside them, and that add up."""

from shared.model.syncs import SyncSide
from shared.wire.messages import SetupDoc
from tests.console.web.client import ConsoleClient
from tests.console.web.examples import show_everything
from tests.services.console.harness import ConsoleHarness, linked
from tests.services.environment import LEFT, RIGHT, SYNC, people


def test_every_sync_stands_with_its_object_and_numbers(console: ConsoleHarness, client: ConsoleClient) -> None:
    show_everything(console)
    deals = people(id="trade", left=SyncSide(connection=LEFT, object="deal"))
    console.env.set_up("sync", SetupDoc(sync=deals), "trade")
    console.show(linked("z", sync="trade"))
    page = client.open("/objects")
    assert f"Contacts On {SYNC} Hub and back Book 2 1 2 61 4 s ago Resync failing" in page.words
    assert "Deals and Contacts Not here trade Hub and back Book 0 0 0 1" in page.words
    assert "Members and Contacts Off members" in page.words, "an account's own object as the account calls it"
    assert "Object All Contacts Deals Members Connection" in client.open("/records").words, "as filters call them, too"
    assert "67 records = 2 failing + 1 pending + 2 excluded + 62 in sync" in page.words
    assert page.words.index("Contacts On") < page.words.index("Deals and Contacts")
    assert f"/objects?sync={SYNC}&panel=failing" in page.links


def test_a_number_opens_its_reasons_with_what_to_do_and_who_acts(
    console: ConsoleHarness, client: ConsoleClient
) -> None:
    show_everything(console)
    page = client.open(f"/objects?sync={SYNC}&panel=failing")
    assert "Required field is blank 1 owner of the record Fill the named field" in page.words
    assert f"/records?sync={SYNC}&status=failing&category=required_missing" in page.links
    assert "/objects" in page.links, "it is closed again"
    form = next(form for form in page.forms if form.fields.get("what") == "failing")
    assert form.action == f"/syncs/{SYNC}/resync"
    for path in (f"/objects?sync={SYNC}&panel=nonsense", "/objects?sync=nope&panel=failing"):
        assert "Who acts" not in client.open(path).words


def test_the_objects_of_one_connection(console: ConsoleHarness, client: ConsoleClient) -> None:
    show_everything(console)
    assert f"Contacts On {SYNC}" in client.open(f"/objects?connection={RIGHT}").words
    page = client.open(f"/objects?connection={RIGHT}&sync={SYNC}&panel=excluded")
    assert f"/objects?connection={RIGHT}&sync={SYNC}&panel=failing" in page.links
    assert "Nothing is synced with it" in client.open("/objects?connection=nobody").words
    for sync in list(console.env.setups.syncs()):
        console.env.set_up("sync", None, sync.id)
        console.env.set_up("phase", None, sync.id)
    assert "Nothing is synced yet" in client.open("/objects").words

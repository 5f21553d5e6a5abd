"""The second door: from an object to its accounts, and to the file that sets the sync up."""

import re
from dataclasses import replace
from typing import Any

from services.console.setups.files import read
from shared.contract.calls import AppError
from shared.model.mapping import MatchSettings
from shared.model.syncs import SyncSide
from shared.wire.messages import SetupDoc
from tests.console.web.client import ConsoleClient, Page
from tests.console.web.objects import show_objects
from tests.services.console.harness import ConsoleHarness
from tests.services.environment import LEFT, RIGHT, SYNC, connection


def file_of(page: Page) -> str:
    found = re.search(r'<pre id="file"[^>]*><code>(.*?)</code>', page.answer.text, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_file_names_both_accounts_and_can_be_applied(console: ConsoleHarness, client: ConsoleClient) -> None:
    console.env.set_up("sync", None, SYNC)
    assert "/set-up" in client.open("/").links
    page = client.open("/set-up")
    assert "/set-up?object=contact" in page.links
    page = client.open("/set-up?object=contact")
    assert "Between which accounts?" in page.words
    assert "The file that sets it up" not in page.words
    page = client.open(f"/set-up?object=contact&left={LEFT}&right={RIGHT}")
    (sync,) = read(file_of(page)).syncs
    assert (sync.id, sync.left, sync.right) == (
        "contact-book", SyncSide(connection=LEFT, object="contact"), SyncSide(connection=RIGHT, object="contact"),
    )  # fmt: skip
    assert "./syncline apply sync.yaml" in page.words


def test_a_sync_needs_two_accounts(console: ConsoleHarness, client: ConsoleClient) -> None:
    console.env.set_up("sync", None, SYNC)
    console.env.set_up("connection", None, RIGHT)
    page = client.open("/set-up?object=contact")
    assert "An account is missing" in page.words
    assert {"/apps/ordered?object=contact", "/apps/opaque?object=contact"} <= set(page.links)
    app = client.open("/apps/opaque?object=contact")
    assert "Contacts are to be synced" in app.words
    assert {"/apps/opaque/connect?object=contact", "/set-up?object=contact"} <= set(app.links)
    assert "are to be synced" not in client.open("/apps/opaque?object=evil").words


def test_what_goes_not_together_is_refused(console: ConsoleHarness, client: ConsoleClient) -> None:
    assert "Choose another account" in client.open(f"/set-up?object=contact&left={LEFT}&right={LEFT}").words
    assert "Choose an account." in client.open(f"/set-up?object=contact&left={LEFT}&right=nobody").words
    console.env.set_up("connection", SetupDoc(connection=connection("contact-book", "opaque")), "contact-book")
    assert "The file that sets it up" not in client.open("/set-up?object=nothing&left=a&right=b").words


# Objects that one account alone has


def _cars(console: ConsoleHarness) -> None:
    """Give another account of the same app cars, too."""
    show_objects(console)
    console.env.set_up("connection", SetupDoc(connection=connection("hub-two", "ordered")), "hub-two")


def test_objects_of_an_accounts_own_are_chosen_step_by_step(console: ConsoleHarness, client: ConsoleClient) -> None:
    """One account is asked at a time; each step is an address."""
    _cars(console)
    page = client.open("/set-up")
    assert "Or objects that one account alone has" in page.words
    assert {"/set-up?account=hub", "/set-up?account=hub-two"} <= set(page.links)
    assert "/set-up?account=book" not in page.links, "its app has no such objects"
    assert console.env.asked("objects") == [], "nobody is asked yet"
    page = client.open("/set-up?account=hub")
    assert {"/set-up?account=hub&object=p_car", "/set-up?account=hub&object=p_member"} <= set(page.links)
    assert "Boats: The account of connection 'hub' does not have the object 'p_boat' any more." in page.words
    assert "/set-up?account=hub&object=p_boat" not in page.links
    at = "/set-up?account=hub&object=p_car"
    page = client.open(at)
    assert {f"{at}&right=book", f"{at}&right=hub-two"} <= set(page.links)
    assert f"{at}&right=hub" not in page.links
    page = client.open(f"{at}&right=hub-two")
    assert {f"{at}&right=hub-two&there={name}" for name in ("contact", "p_car", "p_member")} <= set(page.links)
    page = client.open(f"{at}&right=hub-two&there=p_car")
    (form,) = [form for form in page.forms if "there" in form.fields]
    assert form.action == "/set-up"
    assert "What tells that two records are the same?" in page.words
    assert "Number plate" in page.words
    assert "Colour" not in page.words, "an option tells no two records apart"
    assert "The file that sets it up" not in page.words
    page = client.open(f"{at}&right=hub-two&there=p_car&left_field=plate&right_field=plate")
    (sync,) = read(file_of(page)).syncs
    assert (sync.id, sync.left, sync.right) == (
        "car-hub-two", SyncSide(connection="hub", object="p_car"), SyncSide(connection="hub-two", object="p_car"),
    )  # fmt: skip
    assert sync.match == MatchSettings(mode="fields", left_field="plate", right_field="plate")


def test_records_of_an_accounts_own_are_synced_with_others(console: ConsoleHarness, client: ConsoleClient) -> None:
    """Both ends follow the rules of one type then."""
    _cars(console)
    app = console.env.setups.apps["ordered"]
    assert app.own_objects is not None
    bind = app.own_objects.bind
    as_records = replace(app.own_objects, bind=lambda found: replace(bind(found), type="record"))
    console.env.setups.apps = {**console.env.setups.apps, "ordered": replace(app, own_objects=as_records)}
    at = f"/set-up?account=hub&object=p_car&right={RIGHT}&there=contact"
    page = client.open(f"{at}&left_field=plate&right_field=email")
    (sync,) = read(file_of(page)).syncs
    assert (sync.left.type, sync.right) == ("", SyncSide(connection=RIGHT, object="contact", type="record"))
    page = client.open(f"{at}&left_field=plate&right_field=nothing")
    assert "Choose a field." in page.words
    assert "The file that sets it up" not in page.words


def test_an_account_that_cannot_be_asked_says_so(console: ConsoleHarness, client: ConsoleClient) -> None:
    """What is known from before can still be chosen."""
    _cars(console)

    def away(_connection: str, _words: Any) -> Any:
        raise AppError("app_unavailable", "it is away", retry="outage")

    console.env.answers["objects"] = away
    page = client.open("/set-up?account=hub")
    assert "The account cannot be asked now" in page.words
    assert "it is away" in page.words
    assert "/set-up?account=hub&object=p_member" in page.links
    assert "/set-up?account=hub&object=p_car" not in page.links
    at = f"/set-up?account=hub&object=p_member&right={RIGHT}"
    assert "The account cannot be asked now" in client.open(f"{at}&there=contact").words
    for wrong in ("account=nobody", "account=hub&object=p_boat", "account=hub&object=p_member&right=nobody"):
        assert "What tells that" not in client.open(f"/set-up?{wrong}&there=contact").words

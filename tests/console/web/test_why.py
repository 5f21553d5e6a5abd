"""The page *Why?* of a record that no sync has seen: what its app says, and having it read."""

from typing import Any
from urllib.parse import quote

from shared.model.records import Life
from shared.wire import topics
from tests.console.web.client import ConsoleClient, Page
from tests.services.console.harness import PASSWORD, ConsoleHarness, linked
from tests.services.environment import LEFT, SYNC, as_json, fails, report

_PLACE = f"/why?connection={LEFT}&object=contact&record="


def _holds(console: ConsoleHarness, *reports: Any) -> None:
    rows = {row["id"]: row for row in as_json(reports)}
    console.env.answers["read"] = lambda at, ids: [rows[one] for one in ids if one in rows and at == LEFT]


def _buttons(page: Page) -> list[str]:
    return [form.action for form in page.forms if form.action == "/records/read"]


def test_an_id_that_no_sync_knows_is_asked_for_and_explained(console: ConsoleHarness, client: ConsoleClient) -> None:
    _holds(console, report("h-new", 3))
    page = client.open("/why?q=h-new")
    assert (
        "Hub has contact h-new, and nothing stands in its way: sync people has not been told of it yet." in page.words
    )
    assert "Acts: operator." in page.words
    assert "h-new@x.example" in page.words, "what decides"
    assert _buttons(page) == ["/records/read"]
    assert "Nothing of it is kept." in page.words


def test_the_button_has_it_read_and_the_page_shows_what_comes_of_it_without_asking_again(
    console: ConsoleHarness, client: ConsoleClient
) -> None:
    _holds(console, report("h-new", 3))
    answer = client.send(client.open("/why?q=h-new").form("/records/read"))
    where = answer.headers["Location"]
    assert where == f"{_PLACE}h-new&asked=read"
    (notice,) = console.env.told(topics.NOTICES)
    assert (notice.connection, notice.object, notice.id) == (LEFT, "contact", "h-new")
    asked = len(console.env.asked("read"))
    page = client.open(where)
    assert "as if its app had told of it" in page.words
    assert ("main", "data-every", "3") in page.attributes
    assert f"{_PLACE}h-new" in page.links
    console.show(linked("new"))
    page = client.open(where)
    assert "It is known now" in page.words
    assert "/records/new" in page.links
    assert len(console.env.asked("read")) == asked
    assert client.ask(f"{_PLACE}h-new").headers["Location"] == "/records/new"


def test_a_viewer_is_told_and_offered_nothing_to_do(console: ConsoleHarness) -> None:
    _holds(console, report("h-new", 3))
    console.person("viewer")
    viewer = ConsoleClient(console.address)
    viewer.send(viewer.open("/sign-in").form("/sign-in"), email="ann@x.example", password=PASSWORD)
    page = viewer.open("/why?q=h-new")
    assert "Hub has contact h-new" in page.words
    assert _buttons(page) == []


def test_nobody_who_is_not_signed_in_has_an_app_asked(console: ConsoleHarness, anonymous: ConsoleClient) -> None:
    _holds(console, report("h-new", 3))
    assert anonymous.ask("/why?q=h-new").headers["Location"].startswith("/sign-in")
    assert console.env.asked("read") == []


def test_what_was_merged_leads_on(console: ConsoleHarness, client: ConsoleClient) -> None:
    _holds(console, report("h-old", 3, life=Life.MERGED, merged_into="h-a"))
    console.show(linked("a"))
    page = client.open("/why?q=h-old")
    assert "Hub has merged contact h-old into h-a." in page.words
    assert client.ask(f"{_PLACE}h-a").headers["Location"] == "/records/a"
    assert f"{_PLACE}h-a" in page.links


def test_who_was_asked_in_vain_and_who_did_not_answer_is_said(console: ConsoleHarness, client: ConsoleClient) -> None:
    assert "None of these knows a record 'h-new': Hub (contacts), Book (contacts)." in client.open("/why?q=h-new").words
    assert "Hub knows no contact h-new." in client.open(f"{_PLACE}h-new").words
    console.env.answers["read"] = fails()
    page = client.open("/why?q=h-new")
    assert "Not seen" in page.words
    assert "Hub could not be asked: away." in page.words
    assert "Nobody needs to act." in page.words


def test_an_account_that_is_disconnected_while_it_is_asked(console: ConsoleHarness, client: ConsoleClient) -> None:
    def leave(_at: str, _ids: Any) -> Any:
        console.env.set_up("connection", None, LEFT)
        return as_json([report("h-new", 3)])

    console.env.answers["read"] = leave
    page = client.open(f"{_PLACE}h-new")
    assert f"{LEFT} could not be asked: it was disconnected meanwhile." in page.words
    assert "Acts: admin." in page.words
    assert _buttons(page) == []
    assert "There can be no contact" in client.open(f"{_PLACE}h-new").words


def test_who_asks_too_much_is_told_when_to_ask_again(console: ConsoleHarness, client: ConsoleClient) -> None:
    console.installation.asking.a_minute = 2
    client.open("/why?q=h-new")
    assert "2 questions a minute for each person" in client.open("/why?q=h-new", 429).words
    console.show(linked("a"))
    assert client.ask("/why?q=h-a").headers["Location"] == "/records/a", "what is known costs nothing"


def test_hostile_names_are_no_code(console: ConsoleHarness, client: ConsoleClient) -> None:
    _holds(console, report("h-new", 3, fields={"email": "<script>alert(1)</script>"}))
    answer = client.ask(f"/why?q={quote('h-new')}")
    assert "<script>alert" not in answer.text
    assert f"sync {SYNC}" in answer.text

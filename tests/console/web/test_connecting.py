"""Connecting an account by a form: an address book of a real server, found from its address."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from tests.console.web.client import ConsoleClient, Page
from tests.services.console.connecting import ConnectingHarness, equip
from tests.services.console.harness import ConsoleHarness, is_problem
from tests.slice.book import Book

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.servers.real import RadicaleServer

FORM = "/apps/carddav/connect"


@pytest.fixture(name="book")
def _book(radicale: "RadicaleServer") -> Book:
    return Book.made(radicale)


def send(client: ConsoleClient, **fields: str) -> requests.Response:
    """Fill the form in."""
    return client.send(client.open(FORM).form(FORM), **fields)


def test_the_address_of_a_book_connects_it(connecting: ConnectingHarness, client: ConsoleClient, book: Book) -> None:
    """What is written is sealed, and the account has its own name."""
    answer = send(client, base_url=book.url, **book.secrets, label="Books of Ann")
    assert urlsplit(answer.headers["Location"]).path == "/connections/books-of-ann"
    page = client.open(answer.headers["Location"])
    assert "The account is connected." in page.words
    row = connecting.service.setups.connection("books-of-ann")
    assert (row.label, row.auth, row.version) == ("Books of Ann", "basic", 1)
    assert (row.base_url, row.options) == (book.server.rstrip("/"), {"book": book.path})
    assert row.account.endswith(book.path)
    assert connecting.opened("books-of-ann") == book.secrets
    assert book.secrets["password"] not in page.answer.text + row.model_dump_json()
    assert "Books of Ann Connected" in client.open("/apps/carddav").words


def test_from_the_address_of_the_server_one_chooses_among_its_books(
    connecting: ConnectingHarness, client: ConsoleClient, book: Book
) -> None:
    """The password does not come back to the browser meanwhile, and the book lends its name."""
    answer = send(client, base_url=book.server, **book.secrets)
    assert answer.status_code == 200
    page = Page(answer)
    assert "Which one is meant?" in page.words
    assert book.path in page.words
    assert book.secrets["password"] not in answer.text
    place = next(
        value for tag, name, value in page.attributes if (tag, name) == ("option", "value") and book.path in value
    )
    done = client.send(page.form(FORM), place=place)
    name = book.path.strip("/").rpartition("/")[2]
    assert urlsplit(done.headers["Location"]).path.startswith("/connections/")
    (row,) = connecting.service.setups.connections()
    assert (row.label, row.options["book"]) == (name, book.path)


def test_what_waits_for_a_choice_is_good_for_this_session_and_a_while(
    connecting: ConnectingHarness, client: ConsoleClient, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = Page(send(client, base_url=book.server, **book.secrets)).form(FORM)
    other = ConsoleClient(client.address)
    other.sign_in("a long random token")
    token = other.open(FORM).form(FORM).fields["form_token"]
    assert other.send(form, form_token=token).status_code == 410
    now = connecting.service.clock.now_ms()
    monkeypatch.setattr(connecting.service.clock, "now_ms", lambda: now + 900_001)
    late = client.send(form)
    assert late.status_code == 410
    assert "begin again" in late.text
    assert connecting.service.setups.connections() == []


@pytest.mark.parametrize(
    ("changes", "at", "said"),
    [
        ({"base_url": ""}, "base_url", "Write the address"),
        ({"base_url": "ftp://x.example"}, "base_url", "This is no web address"),
        ({"base_url": "https://ann:pw@x.example/"}, "base_url", "leave name and password out"),
        ({"password": ""}, "password", "Write it, please."),
        ({"password": "wrong"}, "password", "does not accept this sign-in"),
        ({"base_url": "http://127.0.0.1:9/"}, "base_url", "accepts no connection"),
        ({"label": "x" * 81}, "label", "80 characters"),
    ],
)  # fmt: skip
def test_what_is_wrong_stands_at_its_field(
    connecting: ConnectingHarness, client: ConsoleClient, book: Book, changes: dict[str, str], at: str, said: str
) -> None:
    """What was written stays, but for the password."""
    answer = send(client, **{"base_url": book.url, **book.secrets, **changes})
    assert answer.status_code == 422
    page = Page(answer)
    assert said in page.words
    assert f"#{at}" in page.links
    if "base_url" not in changes:
        assert ("input", "value", book.url) in page.attributes
    assert book.secrets["password"] not in answer.text
    assert connecting.service.setups.connections() == []


def test_nobody_learns_where_a_private_name_leads(
    console: ConsoleHarness, client: ConsoleClient, book: Book, tmp_path: Path, redis_url: str
) -> None:
    connecting = equip(console, tmp_path, redis_url, allowed=())
    where = f"http://localhost:{urlsplit(book.url).port}/"
    answer = send(client, base_url=where, **book.secrets)
    assert answer.status_code == 422
    words = Page(answer).words
    assert f"Localhost:{urlsplit(book.url).port} does not lead to a public address." in words
    assert "SYNCLINE_ALLOW_PRIVATE_ADDRESSES" in words
    assert "127.0.0.1:" not in words.replace(urlsplit(client.address).netloc, "")
    assert connecting.service.setups.connections() == []


def test_an_account_has_one_connection(connecting: ConnectingHarness, client: ConsoleClient, book: Book) -> None:
    assert send(client, base_url=book.url, **book.secrets).status_code == 303
    answer = send(client, base_url=book.url, **book.secrets)
    assert answer.status_code == 422
    assert "leads to the same account" in Page(answer).words
    assert len(connecting.service.setups.connections()) == 1


def test_ids_are_made_of_names_and_never_twice(connecting: ConnectingHarness) -> None:
    free: Callable[[str], str] = connecting.console.installation.connections.connecting.free_id
    assert [free(text) for text in ("HubSpot Europe", "Büro — Nord", "日本", "-", "x" * 200)] == [
        "hubspot-europe", "b-ro-nord", "account", "account", "x" * 50,
    ]  # fmt: skip


def test_the_same_by_api(connecting: ConnectingHarness, book: Book) -> None:
    body = {"auth": "basic", "base_url": book.server.rstrip("/"), "secrets": book.secrets}
    asked = connecting.console.call("POST", "apps/carddav/places", json=body)
    assert asked.status_code == 200, asked.text
    found = asked.json()["places"]
    options = next(row["options"] for row in found if row["options"]["book"] == book.path)
    answer = connecting.console.call(
        "POST", "connections", json={**body, "app": "carddav", "options": options, "label": "B"}
    )
    assert (answer.status_code, answer.json()["state"], answer.json()["id"]) == (201, "running", "b")
    assert book.secrets["password"] not in answer.text
    wrong = {**body, "app": "carddav", "options": options, "secrets": {"user": "ann", "password": "no"}}
    assert "does not accept this sign-in" in is_problem(connecting.console.call("POST", "connections", json=wrong), 422)
    assert "There is no app" in is_problem(
        connecting.console.call("POST", "connections", json={**wrong, "app": "x"}), 404
    )


def test_a_form_asks_for_what_the_app_needs_alone(client: ConsoleClient) -> None:
    assert "/apps/ordered/connect" in client.open("/apps/ordered").links
    assert client.open("/apps/ordered/connect").form("/apps/ordered/connect").fields["auth"] == "none"

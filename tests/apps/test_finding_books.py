"""Address books are found from the server's address, from a user's, or from their own; on Radicale and on Xandikos."""

from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import pytest

from shared.apps.carddav import CARDDAV
from shared.contract.calls import AppError, HttpResponse, Session
from shared.contract.demands import Place
from tests.apps.driver import Driver
from tests.slice.book import Book

if TYPE_CHECKING:
    from deploy.local.servers.real import RadicaleServer, XandikosServer


def found(driver: Driver, path: str) -> list[Place]:
    assert CARDDAV.places is not None
    return list(driver.run(CARDDAV.places(Session(connection="c", options={"book": path} if path else {}))))


def at(server: "RadicaleServer") -> Driver:
    headers = CARDDAV.auth[0].headers({"user": server.user, "password": server.password})
    return Driver(base_url=urljoin(server.book_url, "/"), headers=headers)


@pytest.mark.parametrize("path", ["", "/", "/ann/", "/.well-known/carddav"])
def test_books_are_found_from_wherever_one_begins(radicale: "RadicaleServer", path: str) -> None:
    book = Book.made(radicale)
    paths = [row.options["book"] for row in found(at(radicale), path)]
    assert book.path in paths
    assert urlsplit(radicale.book_url).path in paths


def test_the_address_of_a_book_is_that_book_alone(radicale: "RadicaleServer") -> None:
    path = urlsplit(radicale.book_url).path
    (row,) = found(at(radicale), path)
    assert row == Place(title="Contacts", options={"book": path})


def test_xandikos_names_its_books_too(xandikos: "XandikosServer") -> None:
    path = urlsplit(xandikos.book_url).path
    rows = found(Driver(base_url=urljoin(xandikos.book_url, "/")), "")
    assert path in [row.options["book"] for row in rows]


def test_where_there_is_none_it_says_so(radicale: "RadicaleServer") -> None:
    driver = at(radicale)
    driver.instead = lambda _request: HttpResponse(status=404)
    with pytest.raises(AppError, match="no address book was found there"):
        found(driver, "/nowhere/")
    driver.instead = lambda _request: HttpResponse(status=301, headers={"location": "/again"})
    with pytest.raises(AppError, match="without end"):
        found(driver, "/again")
    wrong = Driver(base_url=driver.base_url, headers=CARDDAV.auth[0].headers({"user": "ann", "password": "x"}))
    with pytest.raises(AppError, match="does not accept this sign-in"):
        found(wrong, "")

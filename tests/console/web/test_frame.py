"""What holds for every page: who may see it, the policy, links that lead somewhere, and how much it weighs."""

import gzip
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urljoin

import pytest

from services.console.access.authentication import FREE_AT_ADDRESS
from services.console.access.people import People
from services.console.web.app import PAGES, Page
from services.console.web.asked import Look, inside
from services.console.web.assets import ASSETS
from services.console.web.policy import POLICY
from services.console.web.sessions import LASTS_MS, Sessions
from shared.io.memory import ManualClock
from tests.console.web.client import ConsoleClient
from tests.console.web.examples import ALONE, LOOKS, show_everything
from tests.services.console.conftest import opened
from tests.services.console.harness import TOKEN, ConsoleHarness

_BUTTONS = {"button", "plain", "primary", "danger", "ghost", "only"}
_ELSEWHERE = {"/why", "/oauth/callback"}
"""Pages that the search box leads to, or an app."""
_GUARDED = [row for row in PAGES if row.needs is not None]
_NAMES = [f"{row.method} {row.path}" for row in _GUARDED]
guarded = pytest.mark.parametrize("row", _GUARDED, ids=_NAMES)


_LOOKS = LOOKS + ALONE
_OUTSIDE = frozenset(
    (
        "/sign-in/link", "/sign-in/provider", "/sign-in/callback", "/oauth/callback", "/first-admin", "/welcome",
        "/exports/{name}/file", "/apps/{name}/credentials", "/connections/{name}/secrets",
    )
)  # fmt: skip
"""What leads elsewhere, takes a link that counts once, is a file, or what no app of these tests has."""


def path_of(row: Page) -> str:
    return re.sub(r"{.*?}", "x", row.path)


# Who may


@guarded
def test_nobody_sees_a_page_without_signing_in(anonymous: ConsoleClient, row: Page) -> None:
    answer = anonymous.ask(path_of(row), row.method)
    assert answer.status_code == 303
    wanted = f"?next={quote(path_of(row), safe='')}" if row.method == "GET" else ""
    assert answer.headers["Location"] == f"/sign-in{wanted}"


def test_whoever_signs_in_goes_where_he_wanted(anonymous: ConsoleClient) -> None:
    answer = anonymous.sign_in(TOKEN, "/%3Fx%3D1")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?x=1")
    assert anonymous.open("/").headings == ["Home"]
    assert anonymous.ask("/sign-in").status_code == 303, "whoever is signed in needs no sign-in page"


def test_a_wrong_token_is_told_at_its_field(anonymous: ConsoleClient) -> None:
    answer = anonymous.sign_in("guess")
    assert answer.status_code == 422
    assert "This is not the token of this installation." in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "Set-Cookie" not in answer.headers


def test_many_wrong_tokens_shut_the_door(anonymous: ConsoleClient) -> None:
    """The same count as the API's: nobody gets twice as many guesses by using both."""
    for _ in range(FREE_AT_ADDRESS):
        assert anonymous.ask("/api/v1/health", headers={"Authorization": "Bearer guess"}).status_code == 401
    answer = anonymous.sign_in(TOKEN)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "Set-Cookie" not in answer.headers


def test_signing_out_forgets_the_session(client: ConsoleClient) -> None:
    form = client.open("/").form("/sign-out")
    assert client.send(form).headers["Location"].partition("?")[0] == "/sign-in"
    assert client.ask("/").status_code == 303


@pytest.mark.parametrize(
    ("host", "secure"), [("localhost:8702", False), ("[::1]:8702", False), ("10.1.2.3:8702", True)]
)
def test_the_cookie_is_kept_from_script_and_other_sites(
    anonymous: ConsoleClient,
    host: str,
    secure: bool,  # noqa: FBT001 - a column of the table
) -> None:
    answer = anonymous.ask("/sign-in", "POST", data={"token": TOKEN}, headers={"Host": host})
    flags = {part.strip().lower() for part in answer.headers["Set-Cookie"].split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= flags
    assert ("secure" in flags) is secure
    assert ("may not be encrypted" in anonymous.ask("/sign-in", headers={"Host": host}).text) is secure


# Forms


@pytest.mark.parametrize("row", [row for row in _GUARDED if row.method == "POST"], ids=lambda row: row.path)
def test_a_form_of_nobody_knows_where_is_refused(client: ConsoleClient, row: Page) -> None:
    other = Sessions(TOKEN, ManualClock().now_ms, People())
    foreign = other.form_token(other.begin(None))
    for token in ("", "x", "x" * 43, foreign):
        assert client.ask(path_of(row), "POST", data={"form_token": token}).status_code == 403
    own = client.open("/").form("/look").fields["form_token"]
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = client.ask(path_of(row), "POST", data={"form_token": own}, headers=headers)
        assert answer.status_code == 403, headers
        assert "another site" in answer.text


def test_signing_in_is_no_form_for_other_sites(anonymous: ConsoleClient) -> None:
    answer = anonymous.ask("/sign-in", "POST", data={"token": TOKEN}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_a_body_that_is_no_form_is_refused(client: ConsoleClient) -> None:
    assert client.ask("/look", "POST", data=b"\xff\xfe").status_code == 400


@pytest.mark.parametrize(
    "url", ["https://evil.example", "//evil.example", "/\\evil.example", "/\n/x", "/ x", "javascript:1", "", "x"]
)
def test_nobody_is_sent_elsewhere(anonymous: ConsoleClient, url: str) -> None:
    assert inside(url) == "/"
    answer = anonymous.ask("/sign-in", "POST", data={"token": TOKEN, "next": url})
    assert answer.headers["Location"] == "/"


# Sessions


def test_a_session_ends_and_is_renewed_while_it_is_used() -> None:
    clock = ManualClock()
    sessions = Sessions("t", clock.now_ms, People())
    session = sessions.begin(None)
    assert sessions.read(sessions.cookie(session)) == session
    assert sessions.renewed(session) is None
    clock.advance(LASTS_MS // 2)
    renewed = sessions.renewed(session)
    assert renewed is not None
    assert (renewed.who, renewed.role, renewed.id) == ("installation", "admin", session.id), "its forms stay good"
    clock.advance(LASTS_MS // 2)
    assert sessions.read(sessions.cookie(session)) is None
    assert sessions.read(sessions.cookie(renewed)) == renewed


def test_no_session_lasts_for_ever() -> None:
    clock = ManualClock()
    sessions = Sessions("t", clock.now_ms, People())
    session, turns = sessions.begin(None), 0
    while (found := sessions.read(sessions.cookie(session))) is not None:
        clock.advance(LASTS_MS // 2)
        session, turns = sessions.renewed(found) or found, turns + 1
    assert turns == 7 * 4 + 1, "a week, in turns of six hours"


def test_a_cookie_that_was_not_made_here_is_nobodys() -> None:
    sessions = Sessions("t", ManualClock().now_ms, People())
    good = sessions.cookie(sessions.begin(None))
    body, _, mark = good.partition(".")
    other = Sessions("another token", ManualClock().now_ms, People())
    assert other.read(good) is None, "changing the token ends all sessions"
    near = mark[:-1] + ("1" if mark.endswith("0") else "0")
    for bad in ("", ".", body, f"{body}.", f"{body}.{near}", f"{body[:-4]}AAAA.{mark}", f"é.{mark}", f".{mark}"):
        assert sessions.read(bad) is None, bad
    unknown = f"e30=.{sessions._mark('cookie', 'e30=')}"
    assert sessions.read(unknown) is None, "a session of another version, signed as ours are"


def test_forms_carry_another_text_each_time() -> None:
    sessions = Sessions("t", ManualClock().now_ms, People())
    session = sessions.begin(None)
    one, two = sessions.form_token(session), sessions.form_token(session)
    assert one != two
    assert sessions.fits(session, one)
    assert sessions.fits(session, two)


def test_a_session_that_is_half_over_is_renewed_by_a_page(console: ConsoleHarness, client: ConsoleClient) -> None:
    assert "Set-Cookie" not in client.ask("/").headers
    console.env.clock.advance(LASTS_MS // 2 + 1)
    assert "syncline=" in client.ask("/").headers["Set-Cookie"]


# Look


def test_the_look_is_kept_in_the_browser(client: ConsoleClient) -> None:
    page = client.open("/")
    assert ("html", "data-theme", "dark") not in page.attributes
    answer = client.send(page.form("/look"), theme="dark", next="/?a=1")
    assert answer.headers["Location"] == "/?a=1"
    assert ("html", "data-theme", "dark") in client.open("/").attributes
    for look in (Look(), Look(theme="dark"), Look(theme="light", keys=False)):
        assert Look.read(look.text()) == look
    assert Look.read("") == Look.read("nonsense+dark2") == Look()


# Every page


@dataclass(frozen=True)
class Looked:
    """A console that tests only look at, and where its links were found to lead somewhere."""

    client: ConsoleClient
    followed: set[str] = field(default_factory=set)

    def follow(self, link: str) -> None:
        """Check that a link leads somewhere; one that several pages have is followed once."""
        if link not in self.followed:
            assert self.client.ask(link, allow_redirects=True).status_code < 400, link
            self.followed.add(link)


@contextmanager
def looked_at(folder: Path, show: Callable[[ConsoleHarness], None]) -> Iterator[Looked]:
    with opened(folder) as renew:
        console = renew(folder)
        show(console)
        client = ConsoleClient(console.address)
        client.sign_in(TOKEN)
        yield Looked(client)


@pytest.fixture(name="empty", scope="module")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looked]:
    """Offer a console without data."""
    with looked_at(tmp_path_factory.mktemp("empty"), lambda _: None) as looked:
        yield looked


@pytest.fixture(name="full", scope="module")
def _full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looked]:
    """Offer a console that shows everything."""
    with looked_at(tmp_path_factory.mktemp("full"), show_everything) as looked:
        yield looked


def test_every_page_is_looked_at() -> None:
    shown = {path.partition("?")[0] for path in _LOOKS}
    patterns = {row.path: re.compile(re.sub(r"{.*?}", "[^/]+", row.path)) for row in PAGES if row.method == "GET"}
    assert {path for path, fits in patterns.items() if not any(map(fits.fullmatch, shown))} == _OUTSIDE


@pytest.mark.parametrize("path", _LOOKS)
def test_every_page_holds_to_the_rules(empty: Looked, full: Looked, path: str) -> None:
    """One heading, no style or script in the page, the policy, and links that lead somewhere; with data and without."""
    for looked in (empty, full):
        answer = looked.client.ask(path, allow_redirects=True)
        if answer.status_code == 404 and looked is empty:
            continue
        page = looked.client.page(answer)
        assert len(page.headings) == 1
        assert page.answer.headers["Content-Security-Policy"] == POLICY
        assert page.answer.headers["Cache-Control"] == "no-store"
        for tag, name, value in page.attributes:
            assert name != "style", (tag, value)
            assert not name.startswith("on"), (tag, name)
            assert not (name in ("href", "src", "action") and value.startswith("javascript:"))
            if name == "class" and value.startswith("button"):
                assert set(value.split()) <= _BUTTONS, "of these the style sheet knows how they look"
        identifiers = [value for _, name, value in page.attributes if name == "id"]
        assert len(identifiers) == len(set(identifiers))
        for link in sorted(set(page.links)):
            if link.startswith("#"):
                assert link[1:] in identifiers, link
            elif not link.startswith("http"):
                looked.follow(urljoin(page.answer.url, link))


def test_every_place_is_in_the_navigation(full: Looked) -> None:
    """Each page that is not about one thing, but for those that a button or the figure at the top leads to."""
    rail = full.client.open("/").text.partition("Overview")[2]
    places = {row.path for row in PAGES if row.method == "GET" and row.needs is not None and "{" not in row.path}
    linked = {link.partition("?")[0] for link in full.client.open("/").links}
    assert {place for place in places if place not in linked} == _ELSEWHERE
    assert "Activity" in rail


@pytest.mark.parametrize("path", _LOOKS)
def test_a_page_is_small(full: Looked, path: str) -> None:
    """Cold, with everything that it needs, as it travels."""
    page = full.client.open(path)
    needed = {value for tag, name, value in page.attributes if value.startswith("/static/")}
    needed = {value.partition("#")[0] for value in needed}
    assert len(needed) + 1 <= 8
    bodies = [full.client.ask(name, stream=True).raw.read() for name in needed]
    assert sum(map(len, bodies)) + len(gzip.compress(page.answer.content)) <= 40_000
    assert len(ASSETS["console.js"].body) <= 20_000
    assert len(ASSETS["console.css"].body) <= 40_000


def test_every_icon_that_is_used_is_there(full: Looked) -> None:
    known = set(re.findall(r'<symbol id="([a-z-]+)"', ASSETS["icons.svg"].body.decode()))
    used = set()
    for path in _LOOKS:
        page = full.client.open(path)
        used |= {value.partition("#")[2] for tag, name, value in page.attributes if (tag, name) == ("use", "href")}
    assert used
    assert used <= known


def test_files_are_kept_for_ever_under_a_name_that_changes(client: ConsoleClient) -> None:
    good = client.ask(ASSETS["console.css"].url)
    assert (good.status_code, good.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in good.headers["Cache-Control"]
    assert good.headers["Content-Encoding"] == "gzip"
    plain = client.ask(ASSETS["console.css"].url, headers={"Accept-Encoding": "identity"})
    assert plain.content == ASSETS["console.css"].body
    other = client.ask("/static/console.000000000000.css")
    assert (other.status_code, other.headers["Cache-Control"]) == (200, "no-store"), "of a version beside this one"
    assert client.ask("/static/api.py").status_code == 404
    assert client.ask("/static/..%2fapp.py").status_code == 404


def test_what_is_wrong_is_a_page_too(anonymous: ConsoleClient) -> None:
    for path, method, status in (("/no-such", "GET", 404), ("/sign-in", "DELETE", 405)):
        answer = anonymous.ask(path, method)
        assert answer.status_code == status
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert "<h1>" in answer.text
    assert anonymous.ask("/api/no-such").headers["Content-Type"] == "application/problem+json"

"""People sign in: the first admin, those who are invited, those who guess, and sessions that end wherever they are."""

import re
from typing import TYPE_CHECKING

import pytest

from services.console.access.authentication import FREE_AT_ACCOUNT, FREE_AT_ADDRESS
from services.console.access.passwords import Passwords
from services.console.access.people import People
from services.console.use.administration.users import FIRST_ADMIN_MS, INVITED_MS, SEEN_MS
from services.console.use.problems import Problem
from shared.io.calls.vault import Vault
from shared.io.memory import MemoryReader
from shared.io.redis.attempts import LONGEST_WAIT_MS
from shared.wire import topics
from tests.console.web.client import ConsoleClient
from tests.services.console.harness import PASSWORD, ConsoleHarness, FollowedPeople

if TYPE_CHECKING:
    from shared.wire.messages import Role

NEW = "another long password"


def enter(client: ConsoleClient, email: str = "ann@x.example", password: str = PASSWORD, wanted: str = "/") -> int:
    """Sign in by the page, and return the status."""
    form = client.open(f"/sign-in?next={wanted}").form("/sign-in")
    return client.send(form, email=email, password=password).status_code


def is_in(client: ConsoleClient) -> bool:
    return client.ask("/").status_code == 200


# The first admin


def test_the_first_start_offers_one_link_that_makes_one_admin(
    console: ConsoleHarness, anonymous: ConsoleClient
) -> None:
    accounts = console.access.accounts
    secret = accounts.offer_first_admin()
    assert secret is not None
    assert accounts.offer_first_admin() is None, "another console that starts offers none besides"
    page = anonymous.open(f"/first-admin?token={secret}")
    assert page.headings == ["Make the first admin"]
    bad = anonymous.send(page.form("/first-admin"), email="ann", password="short")
    assert bad.status_code == 422
    assert "Write an e-mail address" in bad.text
    short = anonymous.send(page.form("/first-admin"), email="Ann@X.example ", password="short")
    assert "at least 12 characters" in short.text
    assert accounts.people.users() == []
    answer = anonymous.send(page.form("/first-admin"), email="Ann@X.example ", name="Ann", password=PASSWORD)
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, "/")
    assert is_in(anonymous)
    (user,) = accounts.people.users()
    assert (user.email, user.role, user.name) == ("ann@x.example", "admin", "Ann")
    again = ConsoleClient(console.address)
    assert again.ask(f"/first-admin?token={secret}").status_code == 410
    assert again.send(page.form("/first-admin"), email="eve@x.example", password=NEW).status_code == 410
    assert accounts.offer_first_admin() is None, "there is an admin"


def test_the_link_of_the_first_admin_ends(console: ConsoleHarness, anonymous: ConsoleClient) -> None:
    accounts = console.access.accounts
    secret = accounts.offer_first_admin()
    console.env.clock.advance(FIRST_ADMIN_MS)
    for wrong in (secret, "", "x"):
        assert anonymous.ask(f"/first-admin?token={wrong}").status_code == 410
    other = accounts.offer_first_admin()
    assert other not in (None, secret)
    console.person("admin")
    assert anonymous.ask(f"/first-admin?token={other}").status_code == 410, "void when there is an admin"


def test_a_link_holds_on_when_kafka_took_nobody(console: ConsoleHarness) -> None:
    accounts = console.access.accounts
    secret = accounts.offer_first_admin()
    assert secret is not None
    with console.env.kafka_away(), pytest.raises(Problem) as caught:
        accounts.first_admin(secret, "ann@x.example", "", PASSWORD)
    assert caught.value.status == 503
    assert accounts.first_admin(secret, "ann@x.example", "", PASSWORD).role == "admin"


# Invitations


def test_whoever_is_invited_chooses_a_password_once(console: ConsoleHarness, anonymous: ConsoleClient) -> None:
    accounts = console.access.accounts
    user, secret = accounts.invite(" Bob@X.example", "operator", "Bob")
    assert enter(anonymous, "bob@x.example", "") == 422, "without a password nobody signs in"
    page = anonymous.open(f"/welcome?token={secret}")
    assert "bob@x.example" in page.words
    for password, why in (("a" * 20, "more different characters"), ("bob@x.example", "something else")):
        answer = anonymous.send(page.form("/welcome"), password=password)
        assert answer.status_code == 422
        assert why in answer.text
    assert anonymous.send(page.form("/welcome"), password=NEW).status_code == 303
    assert "Signed in as bob@x.example" in anonymous.open("/").words
    assert ConsoleClient(console.address).ask(f"/welcome?token={secret}").status_code == 410
    again = accounts.reset(user.id)
    assert not is_in(anonymous), "whoever is reset is signed out"
    console.env.clock.advance(INVITED_MS)
    assert anonymous.ask(f"/welcome?token={again}").status_code == 410


def test_two_users_never_have_one_address(console: ConsoleHarness) -> None:
    console.person("viewer")
    for email in ("ann@x.example", " ANN@x.example "):
        with pytest.raises(Problem, match="is a user already"):
            console.access.accounts.invite(email, "viewer")
    for email in ("", "ann", "a@b@c", "a b@c.example", "a@c.example\r\nSet-Cookie: x=y", "a" * 255 + "@x.example"):
        with pytest.raises(Problem, match="Write an e-mail address"):
            console.access.accounts.invite(email, "viewer")


# Signing in


def test_a_password_opens_the_console(console: ConsoleHarness, anonymous: ConsoleClient) -> None:
    console.person("editor")
    for email, password in (
        ("ann@x.example", "guess"),
        ("nobody@x.example", PASSWORD),
        ("", ""),
        ("ann@x.example", ""),
    ):
        answer = anonymous.ask("/sign-in", "POST", data={"email": email, "password": password})
        assert answer.status_code == 422
        assert "The address or the password is wrong." in answer.text, "of which of both nothing is said"
        assert "Set-Cookie" not in answer.headers
    assert enter(anonymous, " Ann@x.example") == 303
    assert "Signed in as ann@x.example" in anonymous.open("/").words
    assert enter(ConsoleClient(console.address), wanted="//evil.example") == 303


def test_nobody_is_sent_elsewhere_after_a_password(console: ConsoleHarness, anonymous: ConsoleClient) -> None:
    console.person("editor")
    for wanted in ("//evil.example", "https://evil.example", "/\\evil.example", "/x\r\nSet-Cookie: a=b"):
        data = {"email": "ann@x.example", "password": PASSWORD, "next": wanted}
        answer = anonymous.ask("/sign-in", "POST", data=data)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        assert "a=b" not in answer.headers["Set-Cookie"]


def test_a_session_that_somebody_planted_is_not_taken_over(console: ConsoleHarness, anonymous: ConsoleClient) -> None:
    """Whoever gives a browser a session of his own beforehand does not share the one that begins."""
    console.person("admin")
    console.person("viewer", "eve@x.example")
    sessions = console.sessions
    eve = console.access.accounts.people.by_email("eve@x.example")
    planted = sessions.begin(eve)
    anonymous.http.cookies.set("syncline", sessions.cookie(planted))
    answer = anonymous.ask("/sign-in", "POST", data={"email": "ann@x.example", "password": PASSWORD})
    cookies = answer.headers["Set-Cookie"]
    found = re.search(r"syncline=([^;]+)", cookies)
    assert found is not None
    begun = sessions.read(found[1].strip('"'))
    assert begun is not None
    assert begun.id != planted.id
    assert begun.who == "ann@x.example"


def test_a_guess_costs_what_is_recommended() -> None:
    """As OWASP has it of Argon2id: 19 MiB, two passes, one lane."""
    vault = Vault([b"k" * 32])
    sealed = Passwords(vault).seal("ann", PASSWORD)
    hashed = vault.open(sealed, connection="the console", name="password of user ann")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_what_is_stored_is_nothing_to_guess_at(console: ConsoleHarness) -> None:
    user = console.person("admin")
    raw = b"".join(stored.raw or b"" for stored in MemoryReader(console.env.broker, topics.ACCESS).poll(0))
    assert PASSWORD.encode() not in raw
    assert b"argon2" not in raw, "the hash is sealed"
    stored = console.access.accounts.people.password(user.id)
    assert stored is not None
    other = Passwords(Vault([b"x" * 32]))
    with pytest.raises(Problem, match="SYNCLINE_KEY_FILE"):
        other.check(user.id, stored.sealed, PASSWORD)
    same = Passwords(Vault([b"k" * 32]))
    assert same.check(user.id, stored.sealed, PASSWORD)
    with pytest.raises(Problem, match="belongs elsewhere"):
        same.check("eve", stored.sealed, PASSWORD)


# Guessing


def test_who_guesses_waits_longer_each_time_and_locks_nobody_out(console: ConsoleHarness) -> None:
    console.person("admin")
    access, clock = console.access, console.env.clock
    waits = []
    for _ in range(FREE_AT_ACCOUNT):
        with pytest.raises(Problem) as caught:
            access.sign_in("10.0.0.9", "ann@x.example", "guess")
        assert caught.value.status == 401
    for _ in range(12):
        with pytest.raises(Problem) as caught:
            access.sign_in("10.0.0.9", "ann@x.example", PASSWORD)
        assert caught.value.status == 429, "also with the right one"
        waits.append(int(caught.value.headers["Retry-After"]))
        clock.advance(waits[-1] * 1000)
        with pytest.raises(Problem) as caught:
            access.sign_in("10.0.0.9", "ann@x.example", "guess")
        assert caught.value.status == 401
    assert waits == sorted(waits)
    assert (waits[0], waits[1], waits[-1]) == (1, 2, LONGEST_WAIT_MS // 1000)
    assert access.sign_in("10.0.0.8", "ann@x.example", PASSWORD).role == "admin", "from her own address she signs in"


def test_a_browser_that_is_known_is_not_locked_out_by_its_neighbours(
    console: ConsoleHarness, anonymous: ConsoleClient
) -> None:
    """Behind one proxy all come from one address."""
    console.person("admin")
    assert enter(anonymous) == 303
    anonymous.http.cookies.pop("syncline")
    guessing = ConsoleClient(console.address)
    while enter(guessing, password="guess") != 429:
        pass
    assert enter(guessing) == 429
    assert enter(anonymous) == 303
    name, value = "syncline-browser", anonymous.http.cookies["syncline-browser"]
    console.person("viewer", "eve@x.example")
    guessing.http.cookies.set(name, f"{console.access.accounts.people.by_email('eve@x.example')}:{value}")
    assert enter(guessing) == 429, "a cookie of ours, and no other one, makes a browser known"


def test_one_address_cannot_try_many_accounts(console: ConsoleHarness) -> None:
    access = console.access
    for number in range(FREE_AT_ADDRESS):
        with pytest.raises(Problem) as caught:
            access.sign_in("2001:db8::1", f"u{number}@x.example", "guess")
        assert caught.value.status == 401
    with pytest.raises(Problem) as caught:
        access.sign_in("2001:db8::2", "other@x.example", "guess")
    assert caught.value.status == 429, "of IPv6 a whole network is one address"


def test_an_old_password_is_not_guessed_with_a_stolen_session(console: ConsoleHarness) -> None:
    user = console.person("viewer")
    by = console.sessions.begin(user).caller
    for _ in range(FREE_AT_ACCOUNT):
        with pytest.raises(Problem, match="This is not your password"):
            console.access.change_password(by, "guess", NEW)
    with pytest.raises(Problem) as caught:
        console.access.change_password(by, PASSWORD, NEW)
    assert caught.value.status == 429


# Ends


def test_a_session_ends_in_every_console(
    console: ConsoleHarness, anonymous: ConsoleClient, twin: tuple[ConsoleClient, FollowedPeople]
) -> None:
    """Signed in at one console, known at the other; signed out at one, ended at the other."""
    other, followed = twin
    console.person("operator")
    followed.settle()
    assert enter(anonymous) == 303
    copy = anonymous.http.cookies["syncline"]
    other.http.cookies.set("syncline", copy)
    assert is_in(other)
    form = anonymous.open("/").form("/sign-out")
    assert anonymous.send(form).headers["Location"].partition("?")[0] == "/sign-in"
    anonymous.http.cookies.set("syncline", copy)
    assert not is_in(anonymous), "a copy of the cookie has ended, too"
    followed.settle()
    assert not is_in(other)


def test_a_role_counts_at_once_in_every_console(
    console: ConsoleHarness, anonymous: ConsoleClient, twin: tuple[ConsoleClient, FollowedPeople]
) -> None:
    other, followed = twin
    user = console.person("operator")
    followed.settle()
    enter(other)
    accounts = console.access.accounts
    console.person("admin", "root@x.example")
    steps: tuple[tuple[Role, bool, bool | None], ...] = (
        ("operator", False, True), ("viewer", False, False), ("admin", True, None)
    )  # fmt: skip
    for role, disabled, offered in steps:
        accounts.change(user.id, role=role, disabled=disabled)
        followed.settle()
        answer = other.ask("/records/x/resync", "POST", data={})
        assert answer.status_code == (303 if offered is None else 403)
        assert ("takes the role" in answer.text) is (offered is False)
    accounts.change(user.id, disabled=False)
    followed.settle()
    assert not is_in(other), "whoever was shut out signs in anew"
    assert enter(anonymous) == 303


def test_a_new_password_ends_all_sessions_but_the_one_that_begins(
    console: ConsoleHarness, anonymous: ConsoleClient
) -> None:
    user = console.person("viewer")
    enter(anonymous)
    console.access.change_password(console.sessions.begin(user).caller, PASSWORD, NEW)
    assert not is_in(anonymous)
    assert enter(anonymous) == 422
    assert enter(anonymous, password=NEW) == 303
    assert is_in(anonymous), "although no time has passed"
    console.access.accounts.end_all(console.sessions.begin(user).caller)
    assert not is_in(anonymous)


def test_the_last_admin_stays(console: ConsoleHarness) -> None:
    accounts, user = console.access.accounts, console.person("admin")
    accounts.invite("new@x.example", "admin")
    for changes in ({"role": "operator"}, {"disabled": True}):
        with pytest.raises(Problem, match="make somebody else an admin first"):
            accounts.change(user.id, **changes)
    console.person("admin", "root@x.example")
    assert accounts.change(user.id, role="viewer").role == "viewer"


def test_nothing_is_written_for_a_request(console: ConsoleHarness, anonymous: ConsoleClient) -> None:
    """But when somebody was at work last, every ten minutes."""
    user = console.person("viewer")
    enter(anonymous)
    written = len(console.env.told(topics.ACCESS))
    for _ in range(3):
        for _ in range(3):
            assert is_in(anonymous)
        written += 1
        assert len(console.env.told(topics.ACCESS)) == written
        console.env.clock.advance(SEEN_MS)
    console.access.accounts._settle(())
    assert console.access.accounts.people.seen_ms(user.id) > 0
    with console.env.kafka_away():
        assert is_in(anonymous), "that it cannot be written is no harm"


def test_sessions_that_would_have_ended_are_forgotten(console: ConsoleHarness) -> None:
    accounts = console.access.accounts
    accounts.end_session("one")
    console.env.clock.advance(8 * topics.DAY_MS)
    accounts.end_session("two")
    assert set(accounts.people.ended()) == {"two"}


# Links


def test_a_link_signs_a_browser_in_once(console: ConsoleHarness, anonymous: ConsoleClient) -> None:
    secret = console.call("POST", "sign-in-links").json()["secret"]
    assert anonymous.ask(f"/sign-in/link?token={secret}").headers["Location"] == "/"
    assert is_in(anonymous)
    late = ConsoleClient(console.address)
    answer = late.ask(f"/sign-in/link?token={secret}")
    assert answer.status_code == 410
    assert "The link" in answer.text or "It was used" in answer.text
    assert not is_in(late)


def test_a_document_of_a_newer_version_lets_nobody_in() -> None:
    people = People()
    window_user = {"id": "u", "email": "ann@x.example", "role": "admin"}
    people.apply(
        0, "user:u", topics.ACCESS.decode(b'{"user": ' + str(window_user).replace("'", '"').encode() + b"}", {})
    )
    assert people.user("u") is not None
    people.leave_out(1, "user:u", b"{}", "newer")
    assert people.user("u") is None
    assert people.offset == 1

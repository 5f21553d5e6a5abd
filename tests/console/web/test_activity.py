"""Each change is told by the activity log: who, when, by which way, and what changed; and no secret."""

import re

import pytest

from services.console.access.roles import NEEDS
from services.console.commands.people_parsers import add_parsers
from services.console.commands.settings.people import lines
from services.console.use.activity import DEEDS, Did, acting, entry
from services.console.use.callers import at_terminal
from shared.wire import topics
from shared.wire.messages import Activity
from tests.console.web.client import ConsoleClient
from tests.console.web.examples import NASTY, show_everything
from tests.console.web.test_roles import REFUSED, ask, client_as, names_of
from tests.services.console.harness import PASSWORD, ConsoleHarness

CHANGES_NOTHING = (
    "POST /look", "POST /records/columns", "PUT /api/v1/account/preferences", "POST /account/zone",
    "POST /connections/{name}/test", "POST /api/v1/connections/{name}/test",
    "POST /api/v1/apps/{name}/places",
)  # fmt: skip
"""How pages look is everybody's own, and to ask an app changes nothing."""
CHANGING = [row for row, needed in NEEDS.items() if needed is not None and not row.startswith("GET ")]
BEFORE = {
    "POST /settings/mail/remove": "POST /settings/mail",
    "DELETE /api/v1/mail-server": "PUT /api/v1/mail-server",
    "POST /settings/users/{name}/enable": "POST /settings/users/{name}/disable",
    "POST /syncs/{name}/switch-on": "POST /syncs/{name}/switch-off",
    "POST /api/v1/syncs/{name}/switch-on": "POST /api/v1/syncs/{name}/switch-off",
    "POST /connections/{name}/resume": "POST /connections/{name}/pause",
    "POST /api/v1/connections/{name}/resume": "POST /api/v1/connections/{name}/pause",
}
"""What must be done first, so that an address has something to change."""


def told(console: ConsoleHarness) -> list[Activity]:
    return [row.message for row in console.stored(topics.ACTIVITY) if row.message is not None]


@pytest.mark.parametrize("row", CHANGING)
def test_whatever_changes_something_is_told(console: ConsoleHarness, row: str) -> None:
    """Every address that changes anything, of pages and API: one that is refused, or changes nothing, tells nothing."""
    show_everything(console)
    names, ann = {**names_of(console, "admin"), "jobs": "resync-people.running"}, console.person("admin")
    console.person("admin", "root@x.example")
    if row in BEFORE:
        assert ask(console, BEFORE[row], "admin", names).status_code < 400
    before = len(told(console))
    answer = ask(console, row, "admin", names)
    new = [one for one in told(console)[before:] if one.via != "process"]
    if row in CHANGES_NOTHING or (row in REFUSED and "/jobs/" not in row):
        assert new == []
        return
    assert answer.status_code < 400, answer.text
    assert new != []
    for one in new:
        assert one.via == ("api" if "/api/" in row else "page")
        assert one.who == ("for this call" if "/api/" in row else "ann@x.example")
        assert one.user == ann.id
        assert bool(one.token) == ("/api/" in row)
        assert one.what in DEEDS
        assert one.at_ms > 0


def test_the_log_shows_who_changed_what(console: ConsoleHarness) -> None:
    show_everything(console)
    bob = console.person("viewer", "bob@x.example")
    admin = client_as(console, "admin")
    console.person("admin", "root@x.example")
    page = admin.open("/settings/users")
    admin.send(page.form(f"/settings/users/{bob.id}/role"), role="operator")
    admin.send(admin.open("/records/bob").form("/records/bob/resync"))
    console.follow_views()
    page = admin.open("/activity")
    assert "by page changed a user user bob@x.example role: viewer → operator" in page.words
    assert "by itself invited a user user bob@x.example role: viewer" in page.words
    assert "/records/bob" in page.links
    assert NASTY in page.words, "a record's name is nothing but a name"
    only = admin.open("/activity?what=record&q=ann")
    assert "had a record read again" in only.words
    assert "changed a user" not in only.words
    assert "Nothing matches" in admin.open("/activity?q=nobody").words
    rows = console.get("audit", what="user.changed", q="BOB@")["audit"]
    assert [(row["who"], row["about"], row["changes"]) for row in rows if row["via"] == "page"] == [
        ("ann@x.example", "user:bob@x.example", [{"name": "role", "before": "viewer", "after": "operator"}])
    ]


def test_the_log_is_read_page_by_page_and_forgotten_in_time(console: ConsoleHarness) -> None:
    for number in range(60):
        console.access.tokens.make(console.sessions.begin(None).caller, f"t{number}", "viewer", 1)
    console.follow_views()
    client = client_as(console, "viewer")
    page = client.open("/activity")
    following = next(link for link in page.links if "before=" in link)
    seen = re.findall(r"token t\d+", page.words) + re.findall(r"token t\d+", client.open(following).words)
    assert len(set(seen)) == len(seen) == 60
    ids, cursor, sizes = [], "", []
    while cursor is not None:
        part = console.get("audit", limit=25, cursor=cursor)
        ids += [row["id"] for row in part["audit"]]
        sizes.append(len(part["audit"]))
        cursor = part["next"]
    assert (ids, sizes) == (sorted(set(ids), reverse=True), [25, 25, 10])
    console.views.forget_activity_before(console.env.clock.now_ms() + 1)
    assert console.get("audit")["audit"] == []


def test_no_secret_is_told(console: ConsoleHarness, anonymous: ConsoleClient) -> None:
    user, link = console.access.accounts.invite("bob@x.example", "admin")
    anonymous.send(anonymous.open(f"/welcome?token={link}").form("/welcome"), password=PASSWORD)
    token = console.access.tokens.make(console.sessions.begin(user).caller, "backup", "admin", 1)[1]
    again = console.access.accounts.reset(user.id)
    sign_in = console.access.accounts.sign_in_link()
    raw = b"".join(row.raw or b"" for row in console.stored(topics.ACTIVITY)).decode()
    for secret in (link, PASSWORD, token, token.split("_", 2)[2], again, sign_in):
        assert secret not in raw
    (chose,) = [one for one in told(console) if one.what == "password.chosen"]
    assert (chose.who, chose.user, chose.via) == ("bob@x.example", user.id, "page"), "whoever had the link"


def test_the_first_admin_is_told_as_who_that_became(console: ConsoleHarness, anonymous: ConsoleClient) -> None:
    secret = console.access.accounts.offer_first_admin()
    anonymous.send(
        anonymous.open(f"/first-admin?token={secret}").form("/first-admin"), email="ann@x.example", password=PASSWORD
    )
    assert [(one.what, one.who, one.via) for one in told(console)] == [("user.first", "ann@x.example", "page")]


def test_a_command_is_told_as_whose_terminal_it_is(console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    import argparse  # noqa: PLC0415 - of this test alone

    parser = argparse.ArgumentParser()
    add_parsers(parser.add_subparsers(dest="command"))
    monkeypatch.setenv("LOGNAME", "pat")
    with acting("command", at_terminal()):
        list(lines(console.access.accounts, parser.parse_args(["users", "add", "bob@x.example", "viewer"]), "http://c"))
    (one,) = told(console)
    assert (one.who, one.via, one.what, one.about) == (
        "pat (terminal)",
        "command",
        "user.invited",
        "user:bob@x.example",
    )


def test_when_kafka_is_away_nothing_is_done_and_nothing_told(console: ConsoleHarness) -> None:
    show_everything(console)
    before = len(told(console))
    with console.env.kafka_away():
        assert console.call("POST", "records/bob/resync").status_code == 503
    assert len(told(console)) == before


def test_what_nobody_knows_is_not_told() -> None:
    with pytest.raises(KeyError):
        entry(Did(what="user.eaten"), 1)

"""Each change is told by the activity log: who, when, by which way, and what changed; and no secret."""

import re

import pytest

from services.console.access.roles import NEEDS
from services.console.commands.people import lines
from services.console.commands.people_parsers import add_parsers
from services.console.use.activity import DEEDS, Did, acting, entry
from services.console.use.callers import at_terminal
from shared import topics
from shared.messages import Activity
from tests.console.web.examples import NASTY, show_everything
from tests.console.web.test_roles import REFUSED, ask, names_of, visitor_as
from tests.console.web.visitor import Visitor
from tests.services.console.window import PASSWORD, Window

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


def told(window: Window) -> list[Activity]:
    return [row.message for row in window.stored(topics.ACTIVITY) if row.message is not None]


@pytest.mark.parametrize("row", CHANGING)
def test_whatever_changes_something_is_told(window: Window, row: str) -> None:
    """Every address that changes anything, of pages and API: one that is refused, or changes nothing, tells nothing."""
    show_everything(window)
    names, ann = {**names_of(window, "admin"), "jobs": "resync-people.running"}, window.person("admin")
    window.person("admin", "root@x.example")
    if row in BEFORE:
        assert ask(window, BEFORE[row], "admin", names).status_code < 400
    before = len(told(window))
    answer = ask(window, row, "admin", names)
    new = [one for one in told(window)[before:] if one.via != "process"]
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


def test_the_log_shows_who_changed_what(window: Window) -> None:
    show_everything(window)
    bob = window.person("viewer", "bob@x.example")
    admin = visitor_as(window, "admin")
    window.person("admin", "root@x.example")
    page = admin.open("/settings/users")
    admin.send(page.form(f"/settings/users/{bob.id}/role"), role="operator")
    admin.send(admin.open("/records/bob").form("/records/bob/resync"))
    window.follow_views()
    page = admin.open("/activity")
    assert "by page changed a user user bob@x.example role: viewer → operator" in page.words
    assert "by itself invited a user user bob@x.example role: viewer" in page.words
    assert "/records/bob" in page.links
    assert NASTY in page.words, "a record's name is nothing but a name"
    only = admin.open("/activity?what=record&q=ann")
    assert "had a record read again" in only.words
    assert "changed a user" not in only.words
    assert "Nothing matches" in admin.open("/activity?q=nobody").words
    rows = window.get("audit", what="user.changed", q="BOB@")["audit"]
    assert [(row["who"], row["about"], row["changes"]) for row in rows if row["via"] == "page"] == [
        ("ann@x.example", "user:bob@x.example", [{"name": "role", "before": "viewer", "after": "operator"}])
    ]


def test_the_log_is_read_page_by_page_and_forgotten_in_time(window: Window) -> None:
    for number in range(60):
        window.access.tokens.make(window.sessions.begin(None).caller, f"t{number}", "viewer", 1)
    window.follow_views()
    visitor = visitor_as(window, "viewer")
    page = visitor.open("/activity")
    following = next(link for link in page.links if "before=" in link)
    seen = re.findall(r"token t\d+", page.words) + re.findall(r"token t\d+", visitor.open(following).words)
    assert len(set(seen)) == len(seen) == 60
    ids, cursor, sizes = [], "", []
    while cursor is not None:
        part = window.get("audit", limit=25, cursor=cursor)
        ids += [row["id"] for row in part["audit"]]
        sizes.append(len(part["audit"]))
        cursor = part["next"]
    assert (ids, sizes) == (sorted(set(ids), reverse=True), [25, 25, 10])
    window.views.forget_activity_before(window.desk.clock.now_ms() + 1)
    assert window.get("audit")["audit"] == []


def test_no_secret_is_told(window: Window, stranger: Visitor) -> None:
    user, link = window.access.accounts.invite("bob@x.example", "admin")
    stranger.send(stranger.open(f"/welcome?token={link}").form("/welcome"), password=PASSWORD)
    token = window.access.tokens.make(window.sessions.begin(user).caller, "backup", "admin", 1)[1]
    again = window.access.accounts.reset(user.id)
    sign_in = window.access.accounts.sign_in_link()
    raw = b"".join(row.raw or b"" for row in window.stored(topics.ACTIVITY)).decode()
    for secret in (link, PASSWORD, token, token.split("_", 2)[2], again, sign_in):
        assert secret not in raw
    (chose,) = [one for one in told(window) if one.what == "password.chosen"]
    assert (chose.who, chose.user, chose.via) == ("bob@x.example", user.id, "page"), "whoever had the link"


def test_the_first_admin_is_told_as_who_that_became(window: Window, stranger: Visitor) -> None:
    secret = window.access.accounts.offer_first_admin()
    stranger.send(
        stranger.open(f"/first-admin?token={secret}").form("/first-admin"), email="ann@x.example", password=PASSWORD
    )
    assert [(one.what, one.who, one.via) for one in told(window)] == [("user.first", "ann@x.example", "page")]


def test_a_command_is_told_as_whose_terminal_it_is(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    import argparse  # noqa: PLC0415 - of this test alone

    parser = argparse.ArgumentParser()
    add_parsers(parser.add_subparsers(dest="command"))
    monkeypatch.setenv("LOGNAME", "pat")
    with acting("command", at_terminal()):
        list(lines(window.access.accounts, parser.parse_args(["users", "add", "bob@x.example", "viewer"]), "http://c"))
    (one,) = told(window)
    assert (one.who, one.via, one.what, one.about) == (
        "pat (terminal)",
        "command",
        "user.invited",
        "user:bob@x.example",
    )


def test_when_kafka_is_away_nothing_is_done_and_nothing_told(window: Window) -> None:
    show_everything(window)
    before = len(told(window))
    with window.desk.kafka_away():
        assert window.call("POST", "records/bob/resync").status_code == 503
    assert len(told(window)) == before


def test_what_nobody_knows_is_not_told() -> None:
    with pytest.raises(KeyError):
        entry(Did(what="user.eaten"), 1)

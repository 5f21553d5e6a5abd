"""The first page says what is wrong, worst first, then how every sync and connection stands."""

from typing import Any

from services.console.use.standing.troubles import troubles
from shared.io.calls.tokens import Paused
from shared.io.envelope import Stored
from shared.wire import topics
from shared.wire.messages import Cursor, SetupDoc
from tests.console.web.client import ConsoleClient
from tests.console.web.examples import NASTY, show_everything
from tests.services.console.harness import ConsoleHarness, linked
from tests.services.environment import LEFT, SYNC, people


def health(**more: Any) -> dict[str, Any]:
    return {"ready": True, "connections": [], "syncs": [], "feeds": [], "parked": {}, **more}


def test_all_is_well(console: ConsoleHarness, client: ConsoleClient) -> None:
    console.show(linked("a"), linked("b"))
    page = client.open("/")
    assert "All is well" in page.words
    assert console.get("health")["problems"] == []


def test_every_sync_stands_with_its_numbers(console: ConsoleHarness, client: ConsoleClient) -> None:
    show_everything(console)
    words = client.open("/").words
    assert "Hub and back Book" in words
    assert f"{SYNC} On Hub and back Book 2 1 2 61 4 s ago" in words


def test_what_holds_changes_up_leads_to_the_feeds(console: ConsoleHarness, client: ConsoleClient) -> None:
    """Named as people name it; a title that leads nowhere would leave them with the log of a worker."""
    show_everything(console)
    page = client.open("/")
    assert "Contacts of Book: changes are late (changed) The app last told everything 60 minutes ago." in page.words
    assert "Webhooks of Hub are refused" in page.words
    assert {"/connections/book/feeds", "/connections/hub/feeds"} <= set(page.links)


def test_a_name_is_nothing_but_a_name(console: ConsoleHarness, client: ConsoleClient) -> None:
    connection = console.env.setups.connection(LEFT)
    console.env.set_up(
        "connection", SetupDoc(connection=connection.model_copy(update={"label": NASTY, "version": 2})), LEFT
    )
    page = client.open("/")
    assert NASTY in page.text
    assert "<script>alert" not in page.answer.text


def test_a_sync_that_is_off_or_read_for_the_first_time_says_so(console: ConsoleHarness, client: ConsoleClient) -> None:
    console.env.set_up("sync", SetupDoc(sync=people(enabled=False, version=2)), SYNC)
    assert f"{SYNC} Off" in client.open("/").words
    console.env.set_up("sync", SetupDoc(sync=people(version=3)), SYNC)
    console.env.set_up("phase", None, SYNC)
    assert f"{SYNC} First sync" in client.open("/").words


def test_a_paused_connection_comes_first(console: ConsoleHarness, client: ConsoleClient) -> None:
    """With the app's words, what to do and who acts; its feeds are no second problem."""
    show_everything(console)
    console.paused[LEFT] = Paused(code="auth_expired", message="token revoked by ann", again_ms=1)
    words = client.open("/").words
    first = words.index("Hub is paused: sign-in expired token revoked by ann Reconnect the account")
    assert first < words.index("record of people fails")
    assert "Acts: admin." in words[first:]
    problems = console.get("health")["problems"]
    assert (problems[0]["kind"], problems[0]["who"], problems[0]["connection"]) == ("connection", "admin", LEFT)


def test_problems_are_sorted_by_weight_and_number() -> None:
    sync = {
        "id": "s",
        "not_run_here": "",
        "not_run_hint": "",
        "lacks": [],
        "jobs": [],
        "reasons": {"failing": {"too_long": 2, "invalid_value": 5}},
    }
    found = troubles(health(syncs=[sync], parked={"unreadable": 3}, ready=False))
    assert [(row.kind, row.count) for row in found] == [("records", 5), ("records", 2), ("parked", 3), ("views", 0)]
    assert found[0].title == "5 records of s fail: value refused"
    assert found[0].who == "owner of the record"
    assert found[2].title == "3 messages could not be handled"


def test_a_feed_is_late_after_some_rounds(console: ConsoleHarness) -> None:
    now = console.env.clock.now_ms()

    def late(behind_s: int, interval_s: float) -> bool:
        cursor = Cursor(
            connection=LEFT, object="contact", feed="changed", cursor="c", complete_to_ms=now - behind_s * 1000,
            interval_s=interval_s,
        )  # fmt: skip
        row = Stored(partition=0, offset=0, key=f"{LEFT}/contact/changed", message=cursor, raw=b"", headers={})
        console.views.take(topics.CURSORS.name, [row], {})
        return any(row["kind"] == "feed" for row in console.get("health")["problems"])

    assert not late(590, 5.0)
    assert late(610, 5.0)
    assert not late(610, 300.0), "one that is asked seldom may be older"
    assert late(1510, 300.0)


def test_a_failed_resync_is_a_problem_until_a_later_one(console: ConsoleHarness) -> None:
    show_everything(console)

    def failed() -> list[str]:
        return [row["detail"] for row in console.get("health")["problems"] if "failed" in row["title"]]

    assert failed() == ["the app <b>went</b> away"]
    console.env.clock.advance(1)
    console.ask("later", sync=SYNC)
    console.follow()
    assert failed() == []


def test_without_anything_a_page_says_what_to_do(console: ConsoleHarness, client: ConsoleClient) -> None:
    for kind, name in (("sync", SYNC), ("phase", SYNC), ("connection", LEFT), ("connection", "book")):
        console.env.set_up(kind, None, name)
    words = client.open("/").words
    assert "Nothing is synced yet" in words
    assert "No account is connected" in words

"""The limits and the feeds of an account: what is used, when it is free again, and how each feed stands."""

from collections.abc import Mapping, Sequence

import pytest

from services.console.commands.settings import accounts
from shared.io.calls.budgets import BudgetsUnavailable, MemoryBudgets, Quota, Usage, account_of
from shared.io.calls.tokens import Paused
from shared.io.envelope import Stored
from shared.io.redis.feed_notes import WEBHOOK, FeedNote, FeedNotesAway, MemoryFeedNotes
from shared.model.syncs import Connection
from shared.settings import Settings
from shared.wire import topics
from shared.wire.messages import Cursor, SetupDoc
from tests.console.web.client import ConsoleClient
from tests.console.web.examples import show_everything
from tests.services.console.harness import TOKEN, ConsoleHarness, is_problem
from tests.services.environment import LEFT, RIGHT, connection


@pytest.fixture(name="shown")
def _shown(console: ConsoleHarness) -> ConsoleHarness:
    show_everything(console)
    return console


def slowed(console: ConsoleHarness) -> None:
    """Have the book's app ask us to slow down."""
    row = console.env.setups.connection(RIGHT)
    console.installation.budgets.pause(account_of(row), reason="rate_limited", retry_after_s=90)


def knows(console: ConsoleHarness, feed: str, age_ms: int, **more: float) -> None:
    """Have a feed of the hub know everything up to so long ago."""
    now = console.env.clock.now_ms()
    cursor = Cursor(connection=LEFT, object="contact", feed=feed, cursor="c", complete_to_ms=now - age_ms, **more)  # type: ignore[arg-type]  # numbers of a test
    row = Stored(partition=0, offset=0, key=f"{LEFT}/contact/{feed}", message=cursor, raw=b"", headers={})
    console.views.take(topics.CURSORS.name, [row], {})


# Limits


def test_limits_say_what_is_used_and_when_it_is_free_again(shown: ConsoleHarness, client: ConsoleClient) -> None:
    words = client.open(f"/connections/{LEFT}/limits").words
    assert "Calls every 10 seconds 42 of 100 the first in 10 s, all in 40 s" in words
    assert "Searches every second 0 of 5 all of it now" in words
    assert "42 of 250,000" in words
    assert "60,000 of 250,000 used by all, 0 s ago" in words
    assert "For changes as they come 41 calls For first syncs and resyncs 1 call Under way now 1 of 3 at once" in words
    told = shown.get(f"connections/{LEFT}/limits")
    calls = told["limits"][0]
    assert (calls["name"], calls["used"], calls["amount"], calls["set_by"]) == ("calls", 42, 100, "app")
    assert (calls["next_free_s"], calls["all_free_s"]) == (10.0, 40.0)
    assert told["limits"][2]["by_app"]["left"] == 190_000
    assert told["calls_24h"] == {"live": 41, "backfill": 1}
    shown.env.clock.advance(10_500)
    assert shown.get(f"connections/{LEFT}/limits")["limits"][0]["used"] == 1


def test_a_limit_that_people_have_set_counts(shown: ConsoleHarness, client: ConsoleClient) -> None:
    row = shown.env.setups.connection(LEFT).model_copy(update={"limits": {"calls": 50}, "version": 2})
    shown.env.set_up("connection", SetupDoc(connection=row), LEFT)
    assert "42 of 50 · set for this account" in client.open(f"/connections/{LEFT}/limits").words


def test_a_pause_tells_its_reason_and_when_it_ends(shown: ConsoleHarness, client: ConsoleClient) -> None:
    slowed(shown)
    words = client.open(f"/connections/{RIGHT}/limits").words
    assert "No calls are made: the app asked us to slow down Since 0 s ago. The next call is tried in 1 min." in words
    assert "The app sets no limits" in words
    told = shown.get(f"connections/{RIGHT}/limits")
    assert [(row["reason"], row["until_ms"] - told["at_ms"]) for row in told["pauses"]] == [("rate_limited", 90_000)]
    assert "It ends when somebody acts." in client.open("/connections/spare/limits").words
    shown.paused[LEFT] = Paused(code="auth_expired", message="revoked", again_ms=20_000)
    assert "sign-in expired The next call is tried in 20 s." in client.open(f"/connections/{LEFT}/limits").words


def test_connections_that_share_a_budget_name_each_other(shown: ConsoleHarness) -> None:
    other = connection("other", "ordered", account=shown.env.setups.connection(LEFT).account)
    shown.env.set_up("connection", SetupDoc(connection=other), "other")
    assert shown.get(f"connections/{LEFT}/limits")["shared_with"] == ["other"]


# Feeds


def test_feeds_say_what_they_tell_how_far_they_are_and_how_often_they_are_asked(
    shown: ConsoleHarness, client: ConsoleClient
) -> None:
    words = client.open(f"/connections/{LEFT}/feeds").words
    assert (
        "Contacts · changed asked for new records, edits, deletes Up to date 2 s ago 1 s ago 1 min ago "
        "every minute measured: every 5 seconds 1764243000000 moved 1 min ago"
    ) in words
    assert (
        "Contacts · bin asked for new records, edits, deletes Waits The app asked us to slow down, begun 30 s ago."
        in words
    )
    changed, waits = shown.get(f"connections/{LEFT}/feeds")["feeds"]
    assert (changed["state"], changed["age_s"], changed["asked_s"], changed["interval_s"]) == ("up_to_date", 2, 60, 5)
    assert (waits["state"], waits["reason"], waits["complete_to_ms"]) == ("waits", "rate_limited", None)
    assert "Nothing is asked for" in client.open("/connections/spare/feeds").words


@pytest.mark.parametrize(
    ("age_ms", "note", "state"),
    [
        (119_000, FeedNote(asked_s=1), "up_to_date"),
        (121_000, FeedNote(asked_s=1), "behind"),
        (899_000, FeedNote(asked_s=300), "up_to_date"),
        (901_000, FeedNote(asked_s=300), "behind"),
        (901_000, FeedNote(more=True), "reads_on"),
        (1_000, FeedNote(reason="failed", more=True), "waits"),
        (None, FeedNote(asked_s=1), "not_begun"),
    ],
)
def test_a_feed_is_behind_by_what_it_does_not_know(
    console: ConsoleHarness, client: ConsoleClient, age_ms: int | None, note: FeedNote, state: str
) -> None:
    """Against how often it is asked: one that is asked seldom is not behind so soon."""
    console.installation.feed_notes.note(LEFT, "contact/changed", note)
    if age_ms is not None:
        knows(console, "changed", age_ms)
    assert console.get(f"connections/{LEFT}/feeds")["feeds"][0]["state"] == state
    words = client.open(f"/connections/{LEFT}/feeds").words
    assert ("may be missing" in words) == (state == "behind")


def test_what_workers_have_not_noted_yet_follows_from_the_settings(console: ConsoleHarness) -> None:
    row = console.env.setups.connection(LEFT).model_copy(update={"poll_interval_s": 30.0, "version": 2})
    console.env.set_up("connection", SetupDoc(connection=row), LEFT)
    assert [row["asked_s"] for row in console.get(f"connections/{LEFT}/feeds")["feeds"]] == [30, 150]


def test_an_app_that_calls_itself_says_when(console: ConsoleHarness, client: ConsoleClient) -> None:
    """An app that never called is not taken for one that cannot."""
    from shared.apps import APPS  # noqa: PLC0415 - this test alone wants a real app

    env = console.env
    env.setups.apps = {**env.setups.apps, "hubspot": APPS["hubspot"]}
    row = Connection(id="hs", app="hubspot", account="1", base_url="http://x", auth="api_key")
    env.set_up("connection", SetupDoc(connection=row), "hs")
    assert "Calls of the app are not taken" in client.open("/connections/hs/feeds").words
    env.set_up("connection", SetupDoc(connection=row.model_copy(update={"webhook_secret": "s", "version": 2})), "hs")
    assert "The app has not called yet." in client.open("/connections/hs/feeds").words
    console.installation.feed_notes.note("hs", WEBHOOK, FeedNote(event_ms=env.clock.now_ms() - 4_000))
    assert "The app called last 4 s ago." in client.open("/connections/hs/feeds").words
    assert not console.get(f"connections/{LEFT}/feeds")["webhooks"]["can_push"]


# While something is away


def test_without_redis_both_say_so(console: ConsoleHarness) -> None:
    class NoBudgets(MemoryBudgets):
        def usage(self, account: str, quotas: Sequence[Quota]) -> Usage:  # noqa: ARG002 - as a budget has it
            raise BudgetsUnavailable

    class NoNotes(MemoryFeedNotes):
        def of(self, connection: str) -> Mapping[str, FeedNote]:  # noqa: ARG002 - as notes have it
            raise FeedNotesAway

    installation = console.installation
    installation.budgets, installation.feed_notes = NoBudgets(now_ms=console.env.clock.now_ms), NoNotes()
    for what in ("limits", "feeds"):
        assert is_problem(console.call("GET", f"connections/{LEFT}/{what}"), 503) is not None
        is_problem(console.call("GET", f"connections/nobody/{what}"), 404)


# The command line


def test_commands_show_the_same(shown: ConsoleHarness, capsys: pytest.CaptureFixture[str]) -> None:
    port = int(shown.address.rpartition(":")[2])
    settings = Settings(console_token=TOKEN, console_port=port)  # type: ignore[arg-type]  # a secret as text
    assert accounts.run("limits", [LEFT], settings=settings) == 0
    out = capsys.readouterr().out
    assert "calls: 42 of 100 in 10 s, all free in 40 s\nsearch: 0 of 5 in 1 s\n" in out
    assert "daily: 42 of 250000 in 86400 s" in out
    assert out.endswith("calls of 24 hours: 41 for changes, 1 for first syncs and resyncs\n")
    slowed(shown)
    assert accounts.run("limits", [RIGHT], settings=settings) == 0
    assert (
        "no calls are made: The app asked us to slow down (rate_limited), tried again in 90 s"
        in capsys.readouterr().out
    )
    assert accounts.run("feeds", [LEFT], settings=settings) == 0
    assert capsys.readouterr().out == (
        "contact/changed: up to date, known up to 2 s ago, asked every 60 s, in truth every 5 s\n"
        "contact/bin: waits (rate_limited), nothing known yet, asked every 300 s\n"
    )
    assert accounts.run("feeds", ["spare"], settings=settings) == 0
    assert capsys.readouterr().out.startswith("nothing is asked for")

"""How well the syncs are, as Prometheus sees it, and that telling it reads no rows."""

from typing import Any

from hypothesis import HealthCheck, given, settings

from services.console.views.gauges import Gauges
from services.console.views.lists import Listing
from services.console.views.projection import Views
from shared.io.envelope import Stored
from shared.metrics import Metrics
from shared.wire import topics
from shared.wire.messages import Cursor, Parked
from tests.services.console.harness import ConsoleHarness, pair
from tests.services.console.test_projection import JOURNAL, journal
from tests.services.environment import SYNC


def gauges(console: ConsoleHarness, standing: dict[str, dict[str, str]]) -> tuple[Gauges, Metrics]:
    metrics = Metrics()
    show = Gauges(
        console.views,
        console.env.setups,
        metrics,
        console.env.clock,
        lambda row: standing.get(row.id, {"state": "running"}),
    )
    return show, metrics


def tell(views: Views, topic: Any, *rows: tuple[str, Any]) -> None:
    views.take(
        topic.name,
        [
            Stored(partition=0, offset=number, key=key, message=message, raw=b"", headers={})
            for number, (key, message) in enumerate(rows)
        ],
        {},
    )


def test_records_are_counted_by_sync_status_and_reason(console: ConsoleHarness) -> None:
    show, metrics = gauges(console, {})
    now = console.env.clock.now_ms()
    console.show(
        pair("a"),
        pair("b"),
        pair("c", "pending", reason="queued", changed_ms=now - 90_000),
        pair("d", "pending", reason="waiting_limit", changed_ms=now - 30_000),
        pair("e", "hidden"),
    )
    show.show()
    assert metrics.value("records", sync=SYNC, status="in_sync", reason="none") == 2
    assert metrics.value("records", sync=SYNC, status="pending", reason="queued") == 1
    assert metrics.value("oldest_pending_seconds", sync=SYNC) == 90
    assert b"hidden" not in metrics.text()

    console.show(pair("c", "in_sync", rev=2), pair("d", "failing", reason="invalid_value", rev=2))
    show.show()
    assert metrics.value("records", sync=SYNC, status="in_sync", reason="none") == 3
    assert metrics.value("records", sync=SYNC, status="failing", reason="invalid_value") == 1
    assert metrics.value("oldest_pending_seconds", sync=SYNC) == 0
    assert b'status="pending"' not in metrics.text(), "what is no more has no series"


def test_what_is_parked_paused_and_how_fresh_a_connection_is(console: ConsoleHarness) -> None:
    left, right = (row.id for row in console.env.setups.connections())
    standing = {left: {"state": "paused", "reason": "auth_expired"}}
    show, metrics = gauges(console, standing)
    now = console.env.clock.now_ms()
    for feed, at in (("changed", now - 5_000), ("bin", now - 60_000), ("none", 5)):
        cursor = Cursor(connection=left, object="contact", feed=feed, cursor="c", complete_to_ms=at, at_ms=now)
        tell(console.views, topics.CURSORS, (f"{left}/contact/{feed}", cursor))
    row = Parked(
        topic="records", partition=0, offset=0, key="k", raw_base64="", headers={}, reason="malformed", at_ms=now
    )
    tell(console.views, topics.PARKED, ("k", row), ("l", row))
    tell(console.views, topics.PARKED, ("k", row), ("l", row.model_copy(update={"reason": "too_large"})))
    show.show()
    assert metrics.value("parked_messages", reason="malformed") == 1, "read twice, counted once"
    assert metrics.value("parked_messages", reason="too_large") == 1
    assert metrics.value("connection_age_seconds", connection=left) == 60
    assert metrics.value("connection_paused", connection=left, reason="auth_expired") == 1
    assert f'connection_age_seconds{{connection="{right}"}}'.encode() not in metrics.text(), "nobody knows yet"

    standing.clear()
    show.show()
    assert b"connection_paused{" not in metrics.text()


def test_telling_it_reads_no_rows(console: ConsoleHarness) -> None:
    """Each statement is a look at the kept counts, or one step into an index."""
    show, _ = gauges(console, {})
    console.show(pair("a"), pair("b", "pending", reason="queued"))
    said = list[str]()
    with console.views._reading() as database:
        database.set_trace_callback(said.append)
    show.show()  # the connection that came back last is lent first
    with console.views._reading() as database:
        database.set_trace_callback(None)
        plans = [row["detail"] for text in said for row in database.execute(f"EXPLAIN QUERY PLAN {text}")]
    assert any("tallies" in row for row in plans)
    assert [row for row in plans if row.startswith("SCAN") and row.split()[1] in ("pairs", "parked", "steps")] == []
    looks = [row for row in plans if " pairs " in row]
    assert looks
    assert all("(sync=? AND status=? AND reason=?)" in row for row in looks), looks


@given(JOURNAL)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_kept_counts_are_what_counting_gives(tmp_path_factory: Any, rows: Any) -> None:
    views = Views(tmp_path_factory.mktemp("v") / "views.sqlite")
    for message in journal(rows):
        views.take(topics.PAIR_STATE.name, [message], {})
    counted: dict[str, dict[str, dict[str, int]]] = {}
    for row in views.listed(Listing(limit=500)).rows:
        reasons = counted.setdefault(row.sync, {}).setdefault(row.status, {})
        reasons[row.reason] = reasons.get(row.reason, 0) + 1
    assert views.counts() == counted
    views.clear()
    assert views.counts() == {}
    views.close()

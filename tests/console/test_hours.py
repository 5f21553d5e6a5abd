"""Hours: what is added up of what the topics tell, what is kept of them, and that two consoles tell the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.console.views import hours
from services.console.views.hours import HOUR_MS, Sums, percentile, rounded
from services.console.views.keeping import HealthKeeper
from services.console.views.projection import Views
from shared.io.envelope import Stored
from shared.io.memory import MemoryReader
from shared.model.pairs import Pair, Pending, Trace
from shared.model.syncs import Connection
from shared.wire import topics
from shared.wire.messages import HealthHour, HistoryBundle, HistoryStep
from tests.services.environment import LEFT, RIGHT, SYNC, Environment

NOON = 1_699_999_200_000
"""The beginning of an hour."""


@pytest.fixture(name="views")
def _views(tmp_path: Path) -> Iterator[Views]:
    views = Views(tmp_path / "views.sqlite")
    yield views
    views.close()


def stored(message: Any, key: str = "") -> Stored[Any]:
    raw = message.model_dump_json(exclude_defaults=True).encode()
    return Stored(partition=0, offset=0, key=key or getattr(message, "pair", ""), message=message, raw=raw, headers={})


def tell(views: Views, rev: int, at_ms: int, *dids: str, pair: str = "p") -> None:
    step = HistoryStep(sync=SYNC, pair=pair, rev=rev, at_ms=at_ms, decisions=tuple(Trace(did=did) for did in dids))
    views.take(topics.HISTORY.name, [stored(HistoryBundle(steps=(step,)), "k")], {})


def state(views: Views, rev: int, synced_ms: int, *accepted: int, status: str = "in_sync", pair: str = "p") -> None:
    sides = zip("LR", accepted, strict=False)
    pending = {side: Pending(key="k", op="update", setup=1, accepted_ms=at) for side, at in sides}
    made = Pair.model_validate(
        {"sync": SYNC, "pair": pair, "rev": rev, "status": status, "synced_ms": synced_ms, "pending": pending}
    )
    views.take(topics.PAIR_STATE.name, [stored(made)], {})


def told(views: Views, name: str = f"sync/{SYNC}") -> list[dict[str, Any]]:
    return views.told_hours(name, 0)


def test_edits_and_writes_are_counted_once_in_their_hour(views: Views) -> None:
    """A step that is told twice is one; one that decides nothing to be written is no edit."""
    for _ in range(2):
        tell(views, 1, NOON + 5, "write", "write")
        tell(views, 2, NOON + 9, "written")
        tell(views, 3, NOON + HOUR_MS, "create")
        tell(views, 4, NOON + HOUR_MS + 5, "refused", "held")
        tell(views, 5, NOON + HOUR_MS + 6, "held")
    found = [(row["hour_ms"], row["edits"], row["writes"]) for row in told(views)]
    assert found == [(NOON, 1, 1), (NOON + HOUR_MS, 1, 1)]


def test_a_delay_is_from_learning_of_the_change_until_in_sync(views: Views) -> None:
    """Over several tries, by the first of them; not for a change that was refused."""
    state(views, 1, NOON, NOON + 1_000)
    state(views, 2, NOON, NOON + 3_000, NOON + 2_000)
    state(views, 3, NOON + 4_000)
    state(views, 4, NOON + 5_000)
    state(views, 5, NOON + 5_000, NOON + 6_000)
    state(views, 6, NOON + 5_000, status="failing")
    (hour,) = told(views)
    assert hour["delays"] == {rounded(3_000): 1}
    assert 3_000 <= int(rounded(3_000)) <= 3_000 * 1.2


@pytest.mark.parametrize("delay", [1, 99, 100, 101, 400, 86_400_000])
def test_delays_are_rounded_up_by_a_fifth_at_most(delay: int) -> None:
    assert delay <= int(rounded(delay)) + 1 <= max(101, delay * 1.2)


def test_percentiles() -> None:
    assert percentile({}, 0.5) is None
    assert percentile({"100": 95, "400": 4, "12800": 1}, 0.5) == 0.1
    assert percentile({"100": 95, "400": 4, "12800": 1}, 0.95) == 0.1
    assert percentile({"100": 94, "400": 5, "12800": 1}, 0.95) == 0.4
    assert percentile({"1000": 1, "200": 1}, 1.0) == 1.0


def test_of_two_documents_that_of_the_longer_look_counts_else_the_first(views: Views) -> None:
    def take(edits: int, covered_s: float) -> None:
        row = HealthHour(name=f"sync/{SYNC}", hour_ms=NOON, edits=edits, covered_s=covered_s)
        views.take(topics.HEALTH.name, [stored(row, "k")], {})

    tell(views, 1, NOON + 5, "write")
    take(7, 100.0)
    take(8, 100.0)
    assert [row["edits"] for row in told(views)] == [7], "what was kept counts for all consoles, not what is known here"
    take(9, 3600.0)
    take(6, 200.0)
    assert [row["edits"] for row in told(views)] == [9]


class Keeping:
    """Consoles of one installation, each with views and a keeper of its own."""

    def __init__(self, folder: Path) -> None:
        self.env = Environment()
        self.env.clock.advance(NOON - self.env.clock.now_ms())
        self.folder = folder
        self.state = "running"
        self.consoles: list[tuple[Views, HealthKeeper]] = []

    def console(self) -> Views:
        """Start one more."""
        views = Views(self.folder / f"views{len(self.consoles)}.sqlite")

        def standing(row: Connection) -> dict[str, Any]:
            return {"state": self.state if row.id == RIGHT else "running"}

        keeper = HealthKeeper(
            views,
            self.env.setups,
            self.env.bus,
            self.env.clock,
            standing=standing,
            days=lambda: 90,
            ready=lambda: True,
        )
        self.consoles.append((views, keeper))
        return views

    def wait(self, seconds: int, *awake: Views) -> None:
        """Let time pass, with some consoles awake, or all."""
        for _ in range(seconds // 10):
            self.env.clock.advance(10_000)
            for views, keeper in self.consoles:
                if not awake or views in awake:
                    keeper.look()
                    self._follow()

    def _follow(self) -> None:
        for views, _ in self.consoles:
            reader = MemoryReader(self.env.broker, topics.HEALTH)
            views.take(topics.HEALTH.name, list(reader.read_to_end()), {})

    def kept(self) -> dict[str, list[HealthHour]]:
        """Return what was published, by name."""
        found: dict[str, list[HealthHour]] = {}
        for row in self.env.told(topics.HEALTH):
            found.setdefault(row.name, []).append(row)
        return found


@pytest.fixture(name="keeping")
def _keeping(tmp_path: Path) -> Iterator[Keeping]:
    keeping = Keeping(tmp_path)
    yield keeping
    for views, _ in keeping.consoles:
        views.close()


def test_an_hour_that_is_over_is_kept_with_what_stands_then(keeping: Keeping) -> None:
    views = keeping.console()
    state(views, 1, NOON)
    state(views, 2, NOON, status="failing", pair="q")
    tell(views, 1, NOON + 5, "write", "written")
    keeping.wait(1800)
    keeping.state = "paused"
    keeping.wait(1850)
    assert keeping.kept() == {}, "it is waited for what comes late"
    keeping.wait(20)
    kept = keeping.kept()
    (hour,) = kept[f"sync/{SYNC}"]
    assert (hour.hour_ms, hour.counts, hour.failing) == (NOON, {"in_sync": 1, "failing": 1}, {"": 1})
    assert (hour.edits, hour.writes) == (1, 1)
    assert 3500 < hour.covered_s <= 3600
    (book,) = kept[f"connection/{RIGHT}"]
    assert book.states["running"] == pytest.approx(1790, abs=11)
    assert book.states["paused"] == pytest.approx(1800, abs=11)
    (hub,) = kept[f"connection/{LEFT}"]
    assert set(hub.states) == {"running"}


def test_two_consoles_write_the_same_hour_once(keeping: Keeping) -> None:
    """And a third, which began late, leaves it as it is."""
    keeping.console()
    keeping.console()
    keeping.wait(2400)
    keeping.console()
    keeping.wait(1300)
    assert {name: len(rows) for name, rows in keeping.kept().items()} == {
        f"sync/{SYNC}": 1, f"connection/{LEFT}": 1, f"connection/{RIGHT}": 1,
    }  # fmt: skip
    for name in (f"connection/{LEFT}", f"connection/{RIGHT}"):
        seen = [views.told_hours(name, 0)[0] for views, _ in keeping.consoles]
        assert seen[0] == seen[1] == seen[2]


def test_of_an_hour_that_one_console_saw_in_part_another_tells_the_rest(keeping: Keeping) -> None:
    """Whoever looked for longer puts its own in that place."""
    late, long_ = keeping.console(), keeping.console()
    keeping.wait(2400, long_)
    keeping.wait(1270, late)
    (first,) = keeping.kept()[f"connection/{LEFT}"]
    assert first.covered_s < 1300
    keeping.wait(100)
    rows = keeping.kept()[f"connection/{LEFT}"]
    assert [round(row.covered_s, -2) for row in rows] == [1200.0, 2400.0]
    assert late.told_hours(f"connection/{LEFT}", 0)[0]["covered_s"] == rows[1].covered_s


def test_a_console_that_was_away_at_the_end_tells_no_counts(keeping: Keeping) -> None:
    views = keeping.console()
    state(views, 1, NOON)
    tell(views, 1, NOON + 5, "write")
    keeping.wait(600)
    keeping.env.clock.advance(HOUR_MS)
    keeping.wait(20)
    (hour,) = keeping.kept()[f"sync/{SYNC}"]
    assert (hour.counts, hour.edits) == ({}, 1)
    assert hour.covered_s < 650


def test_kafka_that_is_away_is_asked_again(keeping: Keeping) -> None:
    keeping.console()
    keeping.wait(3650)
    with keeping.env.kafka_away(), pytest.raises(Exception, match="away"):
        keeping.wait(10)
    keeping.wait(20)
    assert len(keeping.kept()[f"connection/{LEFT}"]) == 1


def test_old_hours_are_forgotten(views: Views) -> None:
    for number in range(3):
        tell(views, number + 1, NOON + number * HOUR_MS, "write")
    row = HealthHour(name=f"sync/{SYNC}", hour_ms=NOON, covered_s=1)
    views.take(topics.HEALTH.name, [stored(row, "k")], {})
    views.forget_hours_before(NOON + HOUR_MS)
    assert [row["hour_ms"] for row in told(views)] == [NOON + HOUR_MS, NOON + 2 * HOUR_MS]


def test_sums_are_stored_whole() -> None:
    sums = Sums(edits=1, writes=2, covered_s=1.5)
    sums.delays["400"] += 3
    sums.states["paused"] = 4.5  # type: ignore[assignment]  # a counter of seconds
    assert Sums.read(sums.text()) == sums
    assert hours.hour_of(NOON + 5) == NOON

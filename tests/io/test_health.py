"""The watchdog: a partition with waiting messages that stands still is a fault, everything else is not."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.io.health import EXIT_CODE, JOIN_LIMITS, NOT_READY_LIMIT_S, ProcessHealth, Progress, Watchdog
from shared.io.ports import BusUnavailable
from shared.metrics import Metrics


@dataclass
class _Time:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class _Brokers:
    done: dict[int, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    away: bool = False

    def committed(self, group: str, topic: str) -> Mapping[int, int]:
        del group, topic
        if self.away:
            raise BusUnavailable("away")
        return self.done

    def end_offsets(self, topic: str) -> Mapping[int, int]:
        del topic
        return self.ends


class World:
    """A process that owns two partitions, and brokers that say what a test wants."""

    def __init__(self) -> None:
        self.time = _Time()
        self.progress = Progress(limit_s=60, monotonic=self.time)
        self.brokers = _Brokers({0: 5, 1: 5}, {0: 5, 1: 5})
        self.metrics = Metrics()
        self.exits: list[int] = []
        self.watchdog = Watchdog(self.progress, self.brokers, self.metrics, exit_process=self.exits.append)
        self.progress.assigned("g", [("pairs", 0), ("pairs", 1)])

    def pass_time(self, seconds: float, step: float = 5.0) -> None:
        until = self.time.now + seconds
        while self.time.now < until:
            self.time.now += step
            self.watchdog.look()


def test_a_partition_without_messages_may_stand_still() -> None:
    """No lag is no fault, however long."""
    world = World()
    world.pass_time(600)
    assert world.exits == []
    assert ProcessHealth(world.progress).faults() == ()


def test_a_partition_that_stands_still_ends_the_process() -> None:
    """Lag, and nothing committed for a minute: the probe says so and the process exits."""
    world = World()
    world.pass_time(10)
    world.brokers.ends[1] = 9
    world.pass_time(60)
    assert world.exits == []
    world.pass_time(10)
    assert world.exits
    assert set(world.exits) == {EXIT_CODE}
    (fault,) = ProcessHealth(world.progress).faults()
    assert "pairs/1" in fault
    assert "4 messages" in fault


def test_slow_progress_is_progress() -> None:
    """A partition that falls behind but commits now and then lives."""
    world = World()
    world.brokers.ends[0] = 1_000_000
    for _ in range(20):
        world.pass_time(50)
        world.brokers.done[0] += 1
    assert world.exits == []


def test_the_time_before_messages_came_does_not_count() -> None:
    """A message that arrives after an idle hour gets its full minute."""
    world = World()
    world.pass_time(3600, step=30)
    world.brokers.ends[0] += 1
    world.pass_time(30)
    assert world.exits == []


def test_kafka_away_is_no_fault_of_ours() -> None:
    """Without the brokers' word there is no verdict."""
    world = World()
    world.pass_time(10)
    world.brokers.ends[0] = 9
    world.pass_time(10)
    world.brokers.away = True
    world.pass_time(600)
    assert world.exits == []


def test_after_an_outage_the_clocks_start_anew() -> None:
    """Nobody could commit while the brokers were away: what waits gets its full minute once they are back."""
    world = World()
    world.pass_time(10)
    world.brokers.ends[0] = 9
    world.pass_time(10)
    world.brokers.away = True
    world.pass_time(600)
    world.brokers.away = False
    world.pass_time(60)
    assert world.exits == []
    world.pass_time(10)
    assert world.exits


def test_a_process_that_never_joins_its_group_ends() -> None:
    """It owns no partition that could stand still, and would be without work for ever."""
    world = World()
    world.progress.assigned("g", ())
    world.progress.member("g", ["pairs"], joined=False)
    world.pass_time(60 * JOIN_LIMITS)
    assert world.exits == []
    world.progress.member("g", ["pairs"], joined=False)
    world.pass_time(10)
    assert set(world.exits) == {EXIT_CODE}
    (fault,) = ProcessHealth(world.progress).faults()
    assert "tried to join the group for 190 s" in fault
    world.progress.member("g", ["pairs"], joined=True)
    assert ProcessHealth(world.progress).faults() == ()


def test_joining_without_brokers_is_no_fault() -> None:
    """A process that begins before Kafka does waits for it."""
    world = World()
    world.progress.assigned("g", ())
    world.progress.member("g", ["pairs"], joined=False)
    world.brokers.away = True
    world.pass_time(3600)
    assert world.exits == []


def test_partitions_of_others_are_not_ours_to_judge() -> None:
    """After a rebalance the old partition's clock is gone, and so is its lag."""
    world = World()
    world.brokers.ends[0] = 9
    world.pass_time(50)
    assert b'syncline_consumer_lag{group="g",partition="0",topic="pairs"} 4.0' in world.metrics.text()
    world.progress.assigned("g", [("pairs", 1)])
    world.pass_time(50)
    assert world.exits == []
    assert b'partition="0"' not in world.metrics.text()


def test_a_rebuild_may_take_ten_minutes() -> None:
    """Waiting for links is excused for a while, not for ever."""
    world = World()
    world.brokers.ends[0] = 9
    for _ in range(int(NOT_READY_LIMIT_S / 5)):
        world.progress.waiting("g")
        world.pass_time(5)
    assert world.exits == []
    for _ in range(15):
        world.progress.waiting("g")
        world.pass_time(5)
    assert world.exits


def test_a_watchdog_that_is_never_answered_ends_the_process() -> None:
    """Who waits for ever for the brokers' word watches nothing."""
    world, stop, answer = World(), threading.Event(), threading.Event()

    class Silent(_Brokers):
        def committed(self, group: str, topic: str) -> Mapping[int, int]:
            answer.wait(30)
            return super().committed(group, topic)

    def exit_process(code: int) -> None:
        world.exits.append(code)
        stop.set()

    watchdog = Watchdog(
        world.progress, Silent(), world.metrics, interval_s=0.01, look_limit_s=0.1, exit_process=exit_process
    )
    watchdog.run(stop)
    answer.set()
    assert world.exits == [EXIT_CODE]


def test_readiness_names_what_is_missing() -> None:
    """Each unmet condition is named with its reason."""
    health = ProcessHealth(Progress(limit_s=60))
    reasons = ["has not joined its group"]
    health.require("matcher", lambda: reasons[0])
    assert health.unready() == ("matcher: has not joined its group",)
    reasons[0] = ""
    assert health.unready() == ()

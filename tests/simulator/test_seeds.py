"""The protocol holds under every fault, for every seed."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.simulator.faults import CALM
from tests.simulator.seeds import PROCESSES, failure
from tests.simulator.world import run

SEEDS = 300


def test_without_faults_nothing_is_written_that_nobody_asked_for() -> None:
    """A quiet world comes to rest, and a second look at every record writes nothing."""
    world = run(1, CALM)
    writes = [app.writes for app in world.apps.values()]
    world.settle()
    assert [app.writes for app in world.apps.values()] == writes


@pytest.mark.long
@pytest.mark.timeout(600)
def test_three_hundred_seeds() -> None:
    """Crashes, zombies, lost answers, outages, a flushed Redis and failovers: nothing lost, nothing made twice."""
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        bad = [(seed, problem) for seed, problem in pool.map(failure, range(SEEDS), chunksize=10) if problem]
    assert not bad, f"run python -m tests.simulator --seed {bad[0][0]}"

"""One worker's jobs for a test, over apps that list six records a side."""

from collections.abc import Iterator

import pytest

from services.jobs import runner, work
from shared.wire.messages import PhaseSet, SetupDoc
from tests.services.environment import SYNC, Environment
from tests.services.jobs.harness import JobsHarness, listing


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_LOOK_S", 0.005)
    monkeypatch.setattr(runner, "_TICK_S", 0.005)
    monkeypatch.setattr(runner, "_PATIENCE_S", (0.01,))


@pytest.fixture(name="env")
def _env() -> Environment:
    env = Environment(live=False)
    env.answers["prepare"] = lambda _at, _asked: None
    env.answers["list"] = listing()
    return env


@pytest.fixture(name="unbegun")
def _unbegun(env: Environment) -> Iterator[JobsHarness]:
    """Start a worker whose feeds have no cursor yet."""
    harness = JobsHarness(env)
    yield harness
    harness.end()


@pytest.fixture(name="harness")
def _harness(unbegun: JobsHarness) -> JobsHarness:
    unbegun.begin_feeds()
    return unbegun


@pytest.fixture(name="live")
def _live(env: Environment) -> None:
    """Declare the sync live, as after its first sync."""
    env.set_up("phase", SetupDoc(phase=PhaseSet(sync=SYNC, phase="live")), SYNC)

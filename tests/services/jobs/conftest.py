"""One worker's jobs for a test, over apps that list six records a side."""

from collections.abc import Iterator

import pytest

from services.jobs import runner, work
from shared.messages import PhaseSet, SetupDoc
from tests.services.desk import SYNC, Desk
from tests.services.jobs.shift import Shift, listing


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_LOOK_S", 0.005)
    monkeypatch.setattr(runner, "_TICK_S", 0.005)
    monkeypatch.setattr(runner, "_PATIENCE_S", (0.01,))


@pytest.fixture(name="desk")
def _desk() -> Desk:
    desk = Desk(live=False)
    desk.answers["prepare"] = lambda _at, _asked: None
    desk.answers["list"] = listing()
    return desk


@pytest.fixture(name="unbegun")
def _unbegun(desk: Desk) -> Iterator[Shift]:
    """Start a worker whose feeds have no cursor yet."""
    shift = Shift(desk)
    yield shift
    shift.end()


@pytest.fixture(name="shift")
def _shift(unbegun: Shift) -> Shift:
    unbegun.begin_feeds()
    return unbegun


@pytest.fixture(name="live")
def _live(desk: Desk) -> None:
    """Have the first sync behind."""
    desk.set_up("phase", SetupDoc(phase=PhaseSet(sync=SYNC, phase="live")), SYNC)

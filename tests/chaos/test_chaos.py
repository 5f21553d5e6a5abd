"""A short chaos run: a few hundred random edits on both sides while every process dies once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.run import SYNC, run
from tests.e2e.live import Live

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]


def test_nothing_is_lost_doubled_or_stuck(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    live = Live(tmp_path, data=None, poll_s=0.5, sync=SYNC)
    try:
        live.start()
        live.wait_first_sync()
        outcome = run(live, edits=300, seed=1, tell=print)
    finally:
        live.stop()
    print(outcome.table())  # noqa: T201 - figures for the log
    record_property("chaos", outcome.table())
    assert outcome.wrong() == []

"""A connection whose sign-in was refused: feeds and reads come back within a minute after somebody signed in again."""

from collections.abc import Collection
from typing import Any

import pytest

from services.ingest.feeds.cursors import Cursors
from services.ingest.feeds.link_rounds import LinkRounds
from services.ingest.feeds.polling import Feeds, _Poll, _State
from services.ingest.hydrate import Hydrate
from services.ingest.known import TakenVersions
from services.ingest.noting import Noting
from shared.apps import APPS
from shared.config.jobs import Jobs
from shared.config.setups import Setups
from shared.contract.calls import AppError
from shared.io.links.store import Store
from shared.io.memory import ManualClock, MemoryBroker, MemoryBus
from shared.io.ports import Inbound, run_blocking
from shared.io.redis.feed_notes import MemoryFeedNotes
from shared.io.redis.memory import MemoryScripts
from shared.metrics import Metrics
from shared.model.mapping import FieldMapping
from shared.model.outcomes import Later
from shared.model.syncs import Connection, Sync, SyncSide
from shared.model.words import Retry
from shared.wire import topics
from shared.wire.messages import Notice, SetupDoc


class Refusing:
    """A caller whose app refuses everything."""

    def __init__(self, retry: Retry) -> None:
        self._retry = retry

    async def run(
        self, connection: str, exchange: Any, *, share: str = "live", wait_s: float = 0.0, about: Collection[str] = ()
    ) -> Any:
        """Refuse."""
        del connection, share, wait_s, about
        exchange.close()
        raise AppError("auth_expired", "revoked", retry=self._retry)


@pytest.fixture(name="setups")
def _setups() -> Setups:
    setups = Setups()
    for number, name in enumerate(("one", "two")):
        row = Connection(id=name, app="hubspot", label="", account=name, base_url="http://x", auth="api_key")
        setups.apply(number, f"connection:{name}", SetupDoc(connection=row))
    left, right = (SyncSide(connection=name, object="contact") for name in ("one", "two"))
    mapping = FieldMapping(key="email", left="email", right="email", lens="email")
    setups.apply(2, "sync:s", SetupDoc(sync=Sync(id="s", mappings=(mapping,), left=left, right=right)))
    return setups


@pytest.mark.parametrize(("retry", "pause_s"), [("auth", 60.0), ("outage", 300.0)])
def test_a_feed_looks_once_a_minute_however_often_it_failed(setups: Setups, retry: Retry, pause_s: float) -> None:
    bus = MemoryBus(MemoryBroker(topics.catalogue(tuple(APPS))))
    store, caller, clock = Store(MemoryScripts()), Refusing(retry), ManualClock()
    feeds = Feeds(
        setups=setups, jobs=Jobs(setups), caller=caller, bus=bus, clock=clock, metrics=Metrics(), cursors=Cursors(bus),
        known=TakenVersions(store, setups), links=LinkRounds(setups, store, caller, bus, clock), owns=lambda _: True,
        noting=Noting(MemoryFeedNotes(), clock),
    )  # fmt: skip
    poll = _Poll("one", "contact", APPS["hubspot"].objects["contact"].feeds[0], 30.0)
    assert feeds._once(poll, _State(failures=9)) == ("auth_expired", pause_s)


def test_a_read_is_tried_again_in_a_minute(setups: Setups) -> None:
    bus = MemoryBus(MemoryBroker(topics.catalogue(tuple(APPS))))
    hydrate = Hydrate(Store(MemoryScripts()), bus, setups, Refusing("auth"), ManualClock())
    notice = Notice(connection="one", object="contact", id="7")
    inbound = Inbound(topic="notices", partition=0, offset=0, key="one/contact/7", message=notice, raw=b"")
    assert run_blocking(hydrate.handle([inbound])) == [Later("auth_expired", "1m")]

"""Of two consoles one removes what the other one changes: it stays gone, for every reader and in a compacted log."""

import pytest

from services.console.setups.accounts import deleting
from services.console.setups.plans import Change
from services.console.setups.publishing import publish
from services.console.use.connections.connections import Connections
from services.console.use.problems import Problem
from services.console.use.syncs import switch
from shared.config.jobs import own_job
from shared.config.setups import Setups
from shared.io.memory import MemoryReader
from shared.io.process.service import Service
from shared.io.redis.once import MemoryOnce
from shared.wire import topics
from shared.wire.messages import JobDoc, SetupDoc
from tests.services.console.setup_harness import SetupHarness


def connections_of(service: Service) -> Connections:
    return Connections(service, lambda _: [], MemoryOnce(service.clock))


def test_an_account_that_another_console_disconnects_does_not_come_back(applied: SetupHarness) -> None:
    """A rename that is made by a console that has not read yet that the account is gone counts for nobody."""
    one, two = applied.person(), applied.person()
    assert switch(one, "people", on=False)
    deleting.run(one, "sync", "people", read=lambda _: [], settle_s=0)
    two.follow(0)
    connections_of(one).disconnect("two")
    with pytest.raises(Problem) as caught:
        connections_of(two).rename("two", "Ours")
    assert caught.value.status == 404
    one.follow(0)
    whole = MemoryReader(applied.broker, topics.SETUPS).poll(0)
    last = {stored.key: stored for stored in whole}
    after = Setups()
    for stored in sorted(last.values(), key=lambda row: row.offset):  # what compaction leaves
        after.apply(stored.offset, stored.key, stored.message)
    for setups in (one.setups, two.setups, applied.person().setups, after):
        assert [row.id for row in setups.connections()] == ["one"]
        assert setups.overruled() == []
    told = [row.message for row in MemoryReader(applied.broker, topics.ACTIVITY).poll(0) if row.message is not None]
    assert [row.what for row in told if row.about == "connection:two"][-1] == "setup.deleted", (
        "what counts alone is told"
    )
    applied.service = applied.person()
    assert applied.run("apply", {"connections": [applied.connection("two")]}) == 0
    assert {row.id for row in applied.person().setups.connections()} == {"one", "two"}


def test_a_sync_that_was_deleted_meanwhile_is_not_brought_back_by_an_edit(applied: SetupHarness) -> None:
    """Nor is a job of it asked for."""
    one, two, late = applied.person(), applied.person(), applied.person()
    assert switch(one, "people", on=False)
    two.follow(0)
    off = two.setups.sync("people")
    assert off is not None
    deleting.run(one, "sync", "people", read=lambda _: [], settle_s=0)
    on = off.model_copy(update={"enabled": True, "version": off.version + 1})
    job = own_job(on, 1)
    changes = [
        Change(key="sync:people", doc=SetupDoc(sync=on), sign="~"),
        Change(key=f"job:{job.id}", doc=JobDoc(job=job)),
    ]
    for _ in range(2):  # before it has read that the sync is gone, and afterwards
        assert publish(two, changes) == ["sync:people"]
        assert applied.person().setups.syncs() == []
    assert switch(late, "people", on=False), "it had read nothing, and there is nothing left to switch off"
    assert late.setups.overruled() == []
    assert applied.person().setups.syncs() == []
    jobs = {row.key for row in MemoryReader(applied.broker, topics.JOBS).poll(0) if row.message is not None}
    assert f"job:{job.id}" not in jobs

"""What a job led to is told record by record: what was decided because of it, and what went wrong."""

from pathlib import Path

import pytest

from deploy.local.hubspot import HubSpotServer
from services.console.use.records.job_records import records_of
from services.console.use.standing.records import Status
from services.console.views import job_steps
from shared.model.job_kinds import JobKind
from shared.model.mapping import FieldMapping
from shared.model.syncs import Job
from shared.wire.messages import JobDoc
from tests.slice.console import Console
from tests.slice.harness import Slice, sync
from tests.slice.jobs import Working

_SYNC = "companies"


def _counting(server: HubSpotServer) -> Slice:
    """Make a slice that writes a text of `one` into a number of `two`, and is told of nothing."""
    made = sync(_SYNC, "company")
    rows = tuple(row for row in made.mappings if row.left not in ("description", "numberofemployees"))
    number = FieldMapping(key="number", left="description", right="numberofemployees", direction="to_right")
    return Slice(server, [made.model_copy(update={"mappings": (*rows, number)})])


def _job(name: str, *statuses: Status, at: int = 1) -> Job:
    return Job(id=name, kind=JobKind.RESYNC, sync=_SYNC, statuses=statuses, asked_at_ms=at)


def _told(console: Console, name: str, status: Status = "") -> list[tuple[str, str, list[str]]]:
    found = records_of(console, name, status, "", 50)
    assert found.next == ""
    return sorted((row.pair.label, row.pair.status, row.decisions) for row in found.rows)


def test_a_job_tells_what_it_led_to_and_what_went_wrong(
    server: HubSpotServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of records about which nothing was decided, nothing is told; nor of what somebody edits afterwards."""
    world = _counting(server)
    working, console = Working(world), Console(world, tmp_path)
    console.jobs = working.jobs
    names = ("Acme", "Beta", "Calm")
    acme, beta, calm = (
        world.admin.edit(7001, "create", "companies", properties={"name": name, "domain": f"{name.lower()}.com"})
        for name in names
    )
    working.run(_job("first"))
    console.follow()
    assert [(label, status) for label, status, _ in _told(console, "first")] == [(name, "in_sync") for name in names]

    world.admin.edit(7001, "update", "companies", acme, properties={"description": "many"})
    world.admin.edit(7001, "update", "companies", beta, properties={"city": "Oslo"})
    assert "3 of 3 pairs looked at" in working.run(_job("second"))
    world.admin.edit(7001, "update", "companies", calm, properties={"city": "Rome"})
    world.notice("one", "company", calm)
    world.run()
    console.follow()
    refused = "number is written to two.", "two refused the write: value of another type."
    assert _told(console, "second") == [
        ("Acme", "failing", list(refused)),
        ("Beta", "in_sync", ["city is written to two.", "two took the update."]),
    ]
    assert [label for label, *_ in _told(console, "second", "failing")] == ["Acme"]

    working.run(_job("third", "failing"))
    console.follow()
    assert _told(console, "third") == [("Acme", "failing", list(refused))]

    pages = [records_of(console, "first", "", "", 2)]
    pages.append(records_of(console, "first", "", pages[0].next, 2))
    assert [len(page.rows) for page in pages] == [2, 1]
    assert len({row.pair.pair for page in pages for row in page.rows}) == 3
    assert pages[1].next == ""
    monkeypatch.setattr(job_steps, "MOST", 1)
    monkeypatch.setattr(job_steps, "_BLOCK", 1)
    seen, cursor = [], ""
    while True:  # each page looks at one record alone
        page = records_of(console, "first", "failing", cursor, 50)
        seen.append([row.pair.label for row in page.rows])
        cursor = page.next
        if not cursor:
            break
    assert (sorted(seen), len(seen)) == ([[], [], [], ["Acme"]], 4)

    later = _job("second", at=world.clock.now_ms() + 1)
    console.jobs.apply(99, "job:second", JobDoc(job=later))
    assert _told(console, "second") == [], "a job of the same name, asked for later, has records of its own"

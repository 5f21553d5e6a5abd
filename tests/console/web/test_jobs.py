"""Long work: how far it is, what it waits for, and what may be done to it."""

import json
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.console.commands.parser import parser
from services.console.commands.records import jobs
from services.console.use.standing.troubles import troubles
from shared.io.memory import MemoryReader
from shared.settings import Settings
from shared.wire import topics
from shared.wire.messages import JobDoc, JobProgress
from tests.console.web.client import ConsoleClient, Page
from tests.console.web.examples import NASTY, show_everything
from tests.console.web.test_roles import client_as
from tests.services.console.harness import TOKEN, ConsoleHarness, is_problem

_RUNNING = "/jobs/resync-people.running"
_REVIEW = "/jobs/resync-people.review"


def _actions(page: Page) -> list[str]:
    return [form.action.rpartition("/")[2] for form in page.forms if form.action.startswith("/jobs/")]


def test_all_jobs_are_listed_with_how_they_stand(console: ConsoleHarness, client: ConsoleClient) -> None:
    show_everything(console)
    page = client.open("/jobs")
    for said in (
        "Resync people Running",
        "1,274 records read, 12 pairs looked at",
        "Resync people To be confirmed",
        "Resync people Failed",
        "the app <b>went</b> away",
    ):
        assert said in page.words
    assert _RUNNING in page.links
    assert "No job yet" not in page.words


def test_without_a_job_the_page_says_what_would_be_there(client: ConsoleClient) -> None:
    assert "No job yet" in client.open("/jobs").words


def test_a_job_shows_how_far_it_is(console: ConsoleHarness, client: ConsoleClient) -> None:
    show_everything(console)
    page = client.open(_RUNNING)
    assert page.headings == ["Resync of people"]
    for said in ("Read of Hub 1,234", "40 of 300", "Pairs looked at 12", "Which records All"):
        assert said in page.words
    assert ("progress", "value", "40") in page.attributes
    assert ("progress", "max", "300") in page.attributes
    assert _actions(page) == ["pause", "cancel"]
    assert "It will look at 3 pairs." in client.open(_REVIEW).words
    console.ask("some", sync="people", statuses=["failing", "pending"])
    console.follow()
    assert "Which records Failing, Pending" in client.open("/jobs/resync-people.some").words
    client.open("/jobs/nothing", status=404)


def test_what_may_be_done_depends_on_how_it_stands(console: ConsoleHarness, client: ConsoleClient) -> None:
    """Each button writes its order, and the page that follows offers what may be done then."""
    show_everything(console)
    assert _actions(client.open(_REVIEW)) == ["confirm", "cancel"]
    answer = client.send(client.open(_RUNNING).form(f"{_RUNNING}/pause"))
    console.follow()
    page = client.open(answer.headers["location"])
    assert "It stops after the page that is under way" in page.words
    assert "Paused" in page.words
    assert _actions(page) == ["resume", "cancel"]
    client.send(page.form(f"{_RUNNING}/resume"))
    client.send(page.form(f"{_RUNNING}/cancel"))
    console.follow()
    page = client.open(_RUNNING)
    assert "Being cancelled" in page.words
    assert _actions(page) == []
    last = {row.key: row.message for row in MemoryReader(console.env.broker, topics.JOBS).poll(0)}
    assert last["paused:resync-people.running"] is None
    assert last["cancelled:resync-people.running"] is not None


def test_a_job_tells_record_by_record_what_it_led_to(
    console: ConsoleHarness, client: ConsoleClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page, the API and the command tell the same; of what went wrong, with why."""
    show_everything(console)
    page = client.open(_RUNNING)
    assert "Ann In sync f is written to Book. Book took the update. 0 s ago" in page.words
    assert "Text too long f is written to Book. Book refused the write: text too long." in page.words
    assert "25 on this page" in page.words
    further = next(link for link in page.links if "cursor=" in link)
    assert "17 on this page" in client.open(further).words
    failing = client.open(f"{_RUNNING}?status=failing")
    assert "1 on this page" in failing.words
    assert "/records/bob" in failing.links
    assert "No record A record stands here once the job led to a decision" in client.open(_REVIEW).words
    assert "stands so now" in client.open(f"{_RUNNING}?status=excluded").words

    name = "resync-people.running"
    first = console.get(f"jobs/{name}/rows", limit=40)
    second = console.get(f"jobs/{name}/rows", limit=40, cursor=first["next"])
    rows = first["rows"] + second["rows"]
    assert (len(rows), second["next"]) == (42, None)
    told = {row["id"]: row["decisions"] for row in rows}
    assert told["bob"] == ["f is written to Book.", "Book refused the write: text too long."]
    is_problem(console.call("GET", "jobs/nothing/rows"), 404)
    other = console.call("POST", f"jobs/{name}/rows")
    assert (other.status_code, other.headers["Allow"]) == (405, "GET"), "it is no order"
    is_problem(console.call("GET", f"jobs/{name}/rows?cursor=eA=="), 400)

    port = urlsplit(console.address).port
    service: Any = SimpleNamespace(
        jobs=console.env.jobs, read_jobs=lambda: None,
        settings=Settings(console_host="127.0.0.1", console_port=port, console_token=TOKEN),  # type: ignore[arg-type]
    )  # fmt: skip

    def said(*words: str) -> str:
        given = parser().parse_args(["jobs", *words])
        assert jobs.run(service, given.what, given.name, status=given.status, as_json=given.json) == 0
        return capsys.readouterr().out

    assert said("show", name) == f"{name}: running; 1,234 read; 40 of 300 read; 12 looked at\n"
    assert said("rows", name, "--status", "failing") == (
        f"{NASTY} (h-bob and b-bob)  failing (too_long)  f is written to Book. Book refused the write: text too long.\n"
    )
    assert json.loads(said("rows", name, "-o", "json")) == rows
    assert json.loads(said("rows", "resync-people.review", "--output", "json")) == []
    assert said("rows", "resync-people.review") == "nothing was decided about a record because of this job\n"
    assert jobs.run(service, "rows", "nothing") == 1
    assert "There is no job 'nothing'" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["confirm", "explode"])
def test_an_order_that_does_not_fit_is_refused(console: ConsoleHarness, client: ConsoleClient, what: str) -> None:
    show_everything(console)
    form = client.open(_RUNNING).form(f"{_RUNNING}/pause")
    form.action = f"{_RUNNING}/{what}"
    assert client.send(form).status_code == (409 if what == "confirm" else 404)


def test_who_may_only_look_sees_no_button(console: ConsoleHarness) -> None:
    show_everything(console)
    assert _actions(client_as(console, "editor").open(_RUNNING)) == []


def test_a_job_that_ended_tells_what_it_did(console: ConsoleHarness, client: ConsoleClient) -> None:
    show_everything(console)
    name = "resync-people.running"
    console.env.set_job(
        "progress", JobDoc(progress=JobProgress(job=name, phase="done", result="12 of 12 pairs looked at")), name
    )
    page = client.open(_RUNNING)
    assert "Done 12 of 12 pairs looked at" in page.words
    assert _actions(page) == []


def test_a_job_that_waits_for_somebody_stands_on_the_first_page(console: ConsoleHarness, client: ConsoleClient) -> None:
    show_everything(console)
    page = client.open("/")
    assert "A resync of people waits to be confirmed Confirm or cancel it. Acts: operator." in page.words
    assert _REVIEW in page.links
    assert "/jobs/resync-people.everything" in page.links, "the failed one leads to itself"


def test_a_first_sync_that_failed_is_called_one() -> None:
    job = {"id": "first-s", "kind": "first_sync", "asked_at_ms": 1, "state": "failed", "error": "x"}
    sync = {"id": "s", "not_run_here": "", "not_run_hint": "", "lacks": [], "jobs": [job], "reasons": {}}
    (found,) = troubles({"connections": [], "syncs": [sync], "feeds": [], "parked": {}, "ready": True})
    assert (found.title, found.remedy, found.job) == (
        "The last first sync of s failed", "Ask for the first sync again.", "first-s",
    )  # fmt: skip

"""Jobs are confirmed, paused, resumed and cancelled by the API and by a command."""

import pytest

from services.console.commands.records import jobs as job_commands
from shared.io.memory import MemoryReader
from shared.io.ports import Outbound, run_blocking
from shared.model.job_kinds import JobKind
from shared.model.syncs import Job
from shared.wire import topics
from shared.wire.messages import JobDoc, JobProgress
from tests.services.console.harness import ConsoleHarness, is_problem
from tests.services.console.setup_harness import SetupHarness
from tests.services.environment import SYNC


def keys(console: ConsoleHarness) -> list[str]:
    return [row.key for row in MemoryReader(console.env.broker, topics.JOBS).poll(0)]


def asked(console: ConsoleHarness, **more: object) -> str:
    name = str(console.ask("k", sync=SYNC, **more).json()["id"])
    console.follow()
    return name


@pytest.mark.parametrize(
    ("what", "part", "state"), [("pause", "paused", "paused"), ("cancel", "cancelled", "cancelling")]
)
def test_an_order_is_written_under_a_key_of_its_own(console: ConsoleHarness, what: str, part: str, state: str) -> None:
    """None overwrites another one, or what the job tells of itself."""
    name = asked(console)
    answer = console.call("POST", f"jobs/{name}/{what}")
    assert (answer.status_code, answer.json()["state"]) == (202, state)
    assert keys(console) == [f"job:{name}", f"{part}:{name}"]


def test_a_job_that_is_resumed_waits_again(console: ConsoleHarness) -> None:
    name = asked(console)
    console.call("POST", f"jobs/{name}/pause")
    assert console.call("POST", f"jobs/{name}/resume").json()["state"] == "waiting"
    last = {row.key: row.message for row in MemoryReader(console.env.broker, topics.JOBS).poll(0)}
    assert last[f"paused:{name}"] is None


def test_a_job_that_was_asked_for_to_be_reviewed_is_confirmed(console: ConsoleHarness) -> None:
    name = asked(console, review=True)
    assert console.get(f"jobs/{name}")["state"] == "unconfirmed"
    assert console.call("POST", f"jobs/{name}/confirm").json()["state"] == "waiting"


def test_what_cannot_be_done_is_said(console: ConsoleHarness) -> None:
    name = asked(console)
    assert "no job 'x'" in is_problem(console.call("POST", "jobs/x/pause"), 404)
    assert "needs no confirmation" in is_problem(console.call("POST", f"jobs/{name}/confirm"), 409)
    is_problem(console.call("POST", f"jobs/{name}/explode"), 422)
    with console.env.kafka_away():
        is_problem(console.call("POST", f"jobs/{name}/pause"), 503)
    console.env.set_job("progress", JobDoc(progress=JobProgress(job=name, phase="done")), name)
    assert "has ended (done)" in is_problem(console.call("POST", f"jobs/{name}/cancel"), 409)


def test_a_command_lists_jobs_and_gives_orders(harness: SetupHarness, capsys: pytest.CaptureFixture[str]) -> None:
    """With how far each is, and why it waits."""
    assert job_commands.run(harness.service, "list", "") == 0
    assert capsys.readouterr().out == "there are no jobs\n"
    job = Job(id="j", kind=JobKind.FIRST_SYNC, sync="people", asked_at_ms=1)
    told = JobProgress(job="j", phase="reading", read={"L": 1200}, totals={"L": 5000}, error="the app is away")
    docs = {"job:j": JobDoc(job=job), "progress:j": JobDoc(progress=told)}
    run_blocking(
        harness.service.bus.publish([Outbound(topic=topics.JOBS, key=key, message=doc) for key, doc in docs.items()])
    )
    assert job_commands.run(harness.service, "list", "") == 0
    assert capsys.readouterr().out == "j: running; 1,200 of 5,000 read; the app is away\n"
    assert job_commands.run(harness.service, "pause", "j") == 0
    assert capsys.readouterr().out.startswith("j: paused")
    assert job_commands.run(harness.service, "confirm", "j") == 1
    assert "needs no confirmation" in capsys.readouterr().err

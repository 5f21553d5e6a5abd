"""Records of a sync that is off cannot be read or tried again: pages say why, API and command refuse it."""

import pytest

from services.console.commands.records import jobs as job_commands
from services.console.use.records import resyncing
from services.console.use.standing.installation import JobRequest
from shared.config.jobs import own_job
from shared.model.syncs import Job
from shared.wire import topics
from shared.wire.messages import JobDoc, JobProgress, SetupDoc
from tests.console.web.client import ConsoleClient
from tests.services.console.harness import ConsoleHarness, is_problem, linked
from tests.services.environment import SYNC, people

SENTENCE = (
    f"The sync {SYNC} is off, so nothing of it is read or written: switch it on, and all of its records are read."
)
OTHERS = "The sync firms is off, so nothing of it is read or written: switch it on, and all of its records are read."


@pytest.fixture(name="off")
def _off(console: ConsoleHarness) -> ConsoleHarness:
    """Offer a console whose sync is off, with a record that fails."""
    console.env.set_up("sync", SetupDoc(sync=people(enabled=False, version=2, judged=2)), SYNC)
    console.show(linked("ann", status="failing", reason="too_long"))
    return console


def asked(console: ConsoleHarness) -> list[Job]:
    return [doc.job for doc in console.env.told(topics.JOBS) if doc.job is not None]


def test_the_api_refuses_it_and_says_what_to_do(off: ConsoleHarness) -> None:
    for path, body in (
        ("jobs", {"sync": SYNC}),
        ("jobs", {"sync": SYNC, "statuses": ["failing"]}),
        ("records/resync?status=failing", None),
        ("records/ann/resync", None),
    ):
        answer = off.call("POST", path, json=body)
        assert is_problem(answer, 409) == SENTENCE, path
        assert answer.json()["type"] == "urn:syncline:problem:the-sync-is-off"
    assert off.env.told(topics.JOBS) == off.env.told(topics.PAIRS) == off.env.told(topics.NOTICES) == []


def test_who_asks_once_more_by_a_key_is_told_of_the_job(console: ConsoleHarness) -> None:
    """Its work was asked for while the sync was on."""
    job = console.ask("k", sync=SYNC).json()["id"]
    console.follow()
    console.env.set_up("sync", SetupDoc(sync=people(enabled=False, version=2)), SYNC)
    assert console.ask("k", sync=SYNC).json()["id"] == job
    is_problem(console.ask("l", sync=SYNC), 409)


@pytest.mark.parametrize("path", ["/records/ann", "/objects", f"/syncs/{SYNC}", f"/syncs/{SYNC}?panel=failing"])
def test_pages_offer_it_no_more_and_say_what_to_do(off: ConsoleHarness, client: ConsoleClient, path: str) -> None:
    page = client.open(path)
    assert [form.action for form in page.forms if form.action.endswith("/resync")] == []
    assert "To read records again, switch the sync on" in page.words
    off.env.set_up("sync", SetupDoc(sync=people(version=3)), SYNC)
    page = client.open(path)
    assert [form.action for form in page.forms if form.action.endswith("/resync")]
    assert "switch the sync on" not in page.words


def test_the_page_of_a_sync_says_that_it_is_off(off: ConsoleHarness, client: ConsoleClient) -> None:
    page = client.open(f"/syncs/{SYNC}")
    assert f"It is off {SENTENCE}" in page.words
    assert f"/syncs/{SYNC}/switch-on" in [form.action for form in page.forms]
    assert SENTENCE not in client.open(f"/syncs/{SYNC}?done=off").words, "that says so itself"
    off.env.set_up("sync", SetupDoc(sync=people(version=3)), SYNC)
    assert SENTENCE not in client.open(f"/syncs/{SYNC}").words


def test_who_has_an_old_page_is_told(off: ConsoleHarness, client: ConsoleClient) -> None:
    off.env.set_up("sync", SetupDoc(sync=people(version=3)), SYNC)
    pages = [client.open(path) for path in (f"/syncs/{SYNC}", "/records/ann", "/records")]
    off.env.set_up("sync", SetupDoc(sync=people(enabled=False, version=4)), SYNC)
    for page, action in zip(pages, (f"/syncs/{SYNC}/resync", "/records/ann/resync", "/records/resync"), strict=True):
        answer = client.send(page.form(action))
        assert (answer.status_code, SENTENCE in answer.text) == (409, True)


# Several syncs


def test_a_resync_of_several_syncs_leaves_out_and_names_those_that_are_off(
    off: ConsoleHarness, client: ConsoleClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are off and have no such record are not named, and they do not count for whether it is many."""
    off.env.set_up("sync", SetupDoc(sync=people(version=3)), SYNC)
    for name in ("firms", "none"):
        off.env.set_up("sync", SetupDoc(sync=people(id=name, enabled=False)), name)
    off.show(*(linked(f"f{number}", sync="firms", status="failing", reason="too_long") for number in range(3)))
    monkeypatch.setattr(resyncing, "MANY", 2)
    told = off.call("POST", "records/resync?status=failing").json()
    assert ([job["sync"] for job in told["jobs"]], told["left_out"]) == ([SYNC], ["firms"])
    assert [job.review for job in asked(off)] == [False]
    assert off.call("POST", f"records/resync?sync={SYNC}").json()["left_out"] == []
    assert is_problem(off.call("POST", "records/resync?sync=firms"), 409) == OTHERS
    off.env.clock.advance(1)
    page = client.open("/records?status=failing")
    assert f"Left out: {OTHERS} Resync all of these" in page.words
    answer = client.send(page.form("/records/resync"))
    off.follow()
    assert f"Left out {OTHERS}" in client.open(answer.headers["Location"]).words
    assert "Left out" not in client.open(f"/jobs?without={SYNC},nobody").words, "an address says what it wants"
    page = client.open("/records?sync=firms")
    assert OTHERS in page.words
    assert "/records/resync" not in [form.action for form in page.forms]


def test_several_that_are_off_are_named_together(off: ConsoleHarness) -> None:
    for name in ("firms", "cars"):
        off.env.set_up("sync", SetupDoc(sync=people(id=name, enabled=False)), name)
        off.show(linked(name, sync=name))
    told = is_problem(off.call("POST", "records/resync"), 409)
    assert told.startswith(f"The syncs {SYNC}, firms and cars are off, so nothing of them is")


# Jobs that were asked for before


def test_a_job_of_a_sync_that_is_off_does_not_begin_or_go_on(console: ConsoleHarness, client: ConsoleClient) -> None:
    """It can be cancelled; and goes on once the sync is on."""
    review, paused = (console.ask(key, sync=SYNC, review=key == "r").json()["id"] for key in ("r", "p"))
    console.follow()
    console.call("POST", f"jobs/{paused}/pause")
    console.follow()
    console.env.set_up("sync", SetupDoc(sync=people(enabled=False, version=2)), SYNC)
    for job, what in ((review, "confirm"), (paused, "resume")):
        assert is_problem(console.call("POST", f"jobs/{job}/{what}"), 409) == SENTENCE
        page = client.open(f"/jobs/{job}")
        assert f"It waits for its sync {SENTENCE}" in page.words
        assert [form.action for form in page.forms if job in form.action] == [f"/jobs/{job}/cancel"]
    assert console.call("POST", f"jobs/{review}/cancel").json()["state"] == "cancelling"
    console.env.set_up("sync", SetupDoc(sync=people(version=3)), SYNC)
    assert "It waits for its sync" not in client.open(f"/jobs/{paused}").words
    assert "held" not in console.get(f"jobs/{paused}")
    assert console.call("POST", f"jobs/{paused}/resume").json()["state"] == "waiting"


def test_a_job_whose_sync_was_switched_off_meanwhile_says_that_it_waits(
    console: ConsoleHarness, client: ConsoleClient
) -> None:
    """By page and API, until it ends or its sync is on."""
    job = console.ask("k", sync=SYNC).json()["id"]
    console.follow()
    console.env.set_up("sync", SetupDoc(sync=people(enabled=False, version=2)), SYNC)
    assert (console.get(f"jobs/{job}")["state"], console.get(f"jobs/{job}")["held"]) == ("held", True)
    page = client.open(f"/jobs/{job}")
    assert f"It waits for its sync {SENTENCE}" in page.words
    assert [form.action for form in page.forms if job in form.action] == [f"/jobs/{job}/cancel"]
    assert "Its sync is off" in client.open("/jobs").words
    console.env.set_job("progress", JobDoc(progress=JobProgress(job=job, phase="done")), job)
    assert console.get(f"jobs/{job}")["state"] == "done"
    assert "held" not in console.get(f"jobs/{job}")


def test_the_job_that_follows_from_switching_off_goes_on(console: ConsoleHarness) -> None:
    """It has what was never sent cease to wait."""
    sync = people(enabled=False, version=2, judged=2)
    console.env.set_up("sync", SetupDoc(sync=sync), SYNC)
    job = own_job(sync, console.env.clock.now_ms())
    console.env.set_job("job", JobDoc(job=job), job.id)
    assert console.call("POST", f"jobs/{job.id}/pause").json()["state"] == "paused"
    console.follow()
    assert console.call("POST", f"jobs/{job.id}/resume").json()["state"] == "waiting"


def test_a_command_is_refused_in_the_same_words(
    console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That which orders jobs reads Kafka itself; the others ask the API."""
    job = console.installation.add_job(JobRequest(sync=SYNC, review=True), "k")["id"]
    console.follow()
    console.env.set_up("sync", SetupDoc(sync=people(enabled=False, version=2)), SYNC)
    monkeypatch.setattr(console.env, "read_jobs", lambda: None, raising=False)
    assert job_commands.run(console.env, "confirm", job) == 1  # type: ignore[arg-type]  # all that it needs of a service
    assert capsys.readouterr().err == f"{SENTENCE}\n"

"""The command `syncline resync`: some records, those that filters choose, and whole syncs."""

import json
import time
from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import pytest

from services.console.commands import calling
from services.console.commands.__main__ import main
from services.console.commands.calling import Calls
from services.console.use.records import resyncing
from shared.model.syncs import Job
from shared.settings import Settings
from shared.wire import topics
from shared.wire.messages import JobDoc, JobProgress, SetupDoc
from tests.services.console.harness import TOKEN, ConsoleHarness, linked
from tests.services.environment import LEFT, RIGHT, SYNC, as_json, people, report

Run: TypeAlias = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="run")
def _run(console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Offer the command as it is written; returns the exit code, and both outputs."""
    port = urlsplit(console.address).port
    there = Settings(console_host="127.0.0.1", console_port=port, console_token=TOKEN)  # type: ignore[arg-type]

    class Followed(Calls):
        """Calls a console that reads what it has published at once."""

        def _call(self, *asked: Any) -> Any:
            console.follow()
            return super()._call(*asked)

    monkeypatch.setattr(calling, "Calls", Followed)
    monkeypatch.setattr(calling, "settings_for_command", lambda: there)

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["resync", *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def _jobs(console: ConsoleHarness) -> list[Job]:
    return [doc.job for doc in console.env.told(topics.JOBS) if doc.job is not None]


def test_a_whole_sync_is_read_again_also_where_it_has_no_record(console: ConsoleHarness, run: Run) -> None:
    code, out, _ = run("--sync", SYNC)
    (job,) = _jobs(console)
    assert (code, out) == (0, f"{job.id}: waiting\n")
    assert (job.sync, job.statuses, job.review) == (SYNC, (), False)
    code, out, err = run("--sync", "nope")
    assert (code, out) == (1, "")
    assert "There is no sync 'nope'" in err


def test_filters_choose_records_as_the_list_does(console: ConsoleHarness, run: Run) -> None:
    console.env.set_up("sync", SetupDoc(sync=people(id="firms")), "firms")
    console.show(
        linked("a", status="failing", reason="too_long"),
        linked("b", sync="firms", status="failing", reason="too_long"),
        linked("c", sync="firms"),
    )
    code, out, _ = run(
        "--status", "failing", "--category", "too_long", "--q", "ann", "--since", "2026-01-01", "-o", "json"
    )
    told = [(row["sync"], row["statuses"], row["category"], row["q"], row["since"]) for row in json.loads(out)]
    since = 1_767_225_600_000
    assert (code, told) == (0, [(sync, ["failing"], "too_long", "ann", since) for sync in (SYNC, "firms")])
    console.env.clock.advance(1)
    assert run("--object", "contact")[0] == 0
    assert [(job.sync, job.statuses) for job in _jobs(console)[2:]] == [(SYNC, ()), ("firms", ())]
    console.env.clock.advance(1)
    assert run("--all")[0] == 0
    assert len(_jobs(console)) == 6
    assert run("--status", "pending") == (1, "", "These filters choose no record.\n")


def test_syncs_that_are_off_are_left_out_and_named(console: ConsoleHarness, run: Run) -> None:
    console.env.set_up("sync", SetupDoc(sync=people(id="firms", enabled=False)), "firms")
    console.show(linked("a"), linked("b", sync="firms"))
    code, out, err = run("--all", "-o", "json")
    assert (code, [row["sync"] for row in json.loads(out)]) == (0, [SYNC])
    assert err == "firms is off, and left out: ./syncline syncs switch-on firms has all of its records read\n"
    for words in (("--sync", "firms"), ("--sync", "firms", "--status", "in_sync"), ("b",)):
        code, out, err = run(*words)
        assert (code, out) == (1, "")
        assert err.startswith("The sync firms is off, so nothing of it is read or written: switch it on")


def test_a_record_is_read_again_by_its_id_here_or_in_an_app(console: ConsoleHarness, run: Run) -> None:
    console.show(linked("a", label="Ann Lee"), linked("b"))
    assert run("a", "h-b") == (
        0, f"a: Ann Lee ({SYNC}) is read again\nb: B ({SYNC}) is read again\n", "",
    )  # fmt: skip
    assert {row.pair for row in console.env.told(topics.PAIRS)} == {"a", "b"}
    assert {row.id for row in console.env.told(topics.NOTICES)} == {"h-a", "b-a", "h-b", "b-b"}
    code, _, err = run("h-nobody")
    assert code == 1
    assert "There is no row 'h-nobody'" in err


def test_a_record_that_no_sync_has_seen_is_read_by_its_id(console: ConsoleHarness, run: Run) -> None:
    """Where two accounts have one, it is not guessed."""
    held = {at: as_json([report("h-new", 3, at=at)]) for at in (LEFT, RIGHT)}
    console.env.answers["read"] = lambda at, _: held[LEFT] if at == LEFT else []
    assert run("h-new") == (0, f"contact h-new of {LEFT} is read now\n", "")
    (notice,) = console.env.told(topics.NOTICES)
    assert (notice.connection, notice.id) == (LEFT, "h-new")
    console.env.answers["read"] = lambda at, _: held[at]
    code, _, err = run("h-new")
    assert (code, "several accounts have a record 'h-new' (contact of book, contact of hub)" in err) == (1, True)
    assert len(console.env.told(topics.NOTICES)) == 1


def test_a_record_of_two_syncs_is_not_guessed(console: ConsoleHarness, run: Run) -> None:
    console.show(linked("a"), linked("a2", L=linked("a").L, sync="firms"))
    code, _, err = run("h-a")
    assert code == 1
    assert f"a (sync {SYNC})" in err
    assert "a2 (sync firms)" in err
    assert console.env.told(topics.PAIRS) == []


def _tells(console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch, *steps: dict[str, Any]) -> None:
    """Have the job be one step further at each look."""
    left = list(steps)

    def sleep(_: float) -> None:
        (job,) = _jobs(console)
        console.env.set_job("progress", JobDoc(progress=JobProgress(job=job.id, **left.pop(0))), job.id)

    monkeypatch.setattr(time, "sleep", sleep)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ({"phase": "done", "result": "3 of 3 pairs looked at"}, 0),
        ({"phase": "failed", "error": "the app went away"}, 1),
        ({"phase": "cancelled", "result": "2 of 3 pairs looked at"}, 1),
    ],
)
def test_it_waits_for_the_end_and_the_exit_code_says_which(
    console: ConsoleHarness, run: Run, monkeypatch: pytest.MonkeyPatch, end: dict[str, Any], code: int
) -> None:
    same = {"phase": "matching", "touched": 1, "pairs": 3}
    _tells(console, monkeypatch, same, same, {"touched": 3, "pairs": 3, **end})
    found, out, err = run("--sync", SYNC, "--wait")
    (job,) = _jobs(console)
    assert found == code
    assert out.startswith(f"{job.id}: {end['phase']}; ")
    assert out.endswith(f"{end.get('result') or end.get('error')}\n")
    assert err.splitlines() == [f"{job.id}: waiting", f"{job.id}: running; 1 of 3 looked at"], "each once"


def test_very_many_are_counted_and_wait_to_be_confirmed(
    console: ConsoleHarness, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else may confirm them, or the command does."""
    monkeypatch.setattr(resyncing, "MANY", 1)
    console.show(linked("a"), linked("b"))
    _tells(console, monkeypatch, {"phase": "reading", "pairs": 2})
    code, out, err = run("--all", "--wait")
    (job,) = _jobs(console)
    assert (code, out) == (1, f"{job.id}: unconfirmed; 0 of 2 looked at\n")
    assert err.splitlines()[-1] == f"it waits until somebody confirms it: ./syncline jobs confirm {job.id}"
    console.env.clock.advance(1)
    code, out, err = run("--all", "--confirm")
    assert (code, err) == (0, "")
    assert out.endswith(": waiting\n")
    console.follow()
    assert console.installation.jobs.rows()[-1].orders == {"confirmed"}


def test_it_waits_no_longer_once_the_sync_is_off(
    console: ConsoleHarness, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(_: float) -> None:
        console.env.set_up("sync", SetupDoc(sync=people(version=2, enabled=False)), SYNC)

    monkeypatch.setattr(time, "sleep", sleep)
    code, out, err = run("--sync", SYNC, "--wait")
    (job,) = _jobs(console)
    assert (code, out) == (1, f"{job.id}: held\n")
    assert err.splitlines()[-1] == f"it waits until its sync is on: ./syncline syncs switch-on {SYNC}"


@pytest.mark.parametrize("words", [(), ("a", "--all"), ("--all", "--sync", SYNC), ("a", "--wait"), ("a", "--confirm")])
def test_what_does_not_fit_together_asks_for_nothing(console: ConsoleHarness, run: Run, words: tuple[str, ...]) -> None:
    console.show(linked("a"))
    code, out, err = run(*words)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert _jobs(console) == []
    assert console.env.told(topics.PAIRS) == []

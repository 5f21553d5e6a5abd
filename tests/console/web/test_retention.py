"""For how long things are kept: an admin decides it at run time, Kafka is told, and every console keeps to it."""

import threading
from typing import Any

import pytest

from services.console.commands.parser import parser
from services.console.commands.settings.retention import said as run
from services.console.use.problems import Problem
from services.console.views.following import Follower
from shared.io.clock import SystemClock
from shared.settings import Settings
from shared.wire import topics
from shared.wire.topics import DAY_MS, Kept
from tests.console.web.client import ConsoleClient
from tests.console.web.test_roles import client_as
from tests.services.console.harness import ConsoleHarness, FollowedPeople, MemoryRetention, is_problem

PATH = "/settings/retention"


class OneRound(threading.Event):
    """Stops whoever waits."""

    def wait(self, timeout: float | None = None) -> bool:
        """Stop."""
        del timeout
        self.set()
        return True


def kafka(console: ConsoleHarness) -> MemoryRetention:
    found = console.access.keeping.topics
    assert isinstance(found, MemoryRetention)
    return found


def test_the_page_changes_what_kafka_keeps(console: ConsoleHarness, twin: tuple[ConsoleClient, FollowedPeople]) -> None:
    admin = client_as(console, "admin")
    page = admin.open(PATH)
    assert page.form(PATH).fields["history_days"] == "", "nobody has decided"
    assert "What was decided about records, with old and new values 90 days the installation's settings" in page.words
    answer = admin.send(page.form(PATH), history_days="30", exports_days="3")
    assert answer.headers["Location"].startswith(f"{PATH}?done=changed")
    assert {name: held / DAY_MS for name, held in kafka(console).held.items()} == {
        "history": 30, "health": 90, "activity": 365, "export-chunks": 4,
    }  # fmt: skip
    page = admin.open(PATH)
    assert "old and new values 30 days an admin, here Set in Kafka" in page.words
    assert page.form(PATH).fields["history_days"] == "30"
    twin[1].settle()
    assert Kept().decided(twin[1].people.retention()) == Kept(history_days=30, exports_days=3), "in every console"
    every = [row.message for row in console.stored(topics.ACTIVITY) if row.message is not None]
    (told,) = [one for one in every if one.what == "retention.changed"]
    assert [(one.name, one.before, one.after) for one in told.changes] == [
        ("history_days", "90", "30"), ("exports_days", "1", "3"),
    ]  # fmt: skip
    admin.send(page.form(PATH), history_days="", exports_days="")
    assert kafka(console).held == MemoryRetention().held, "left empty, it is as long as usual"


@pytest.mark.parametrize(
    "given", [{"history_days": "0"}, {"health_days": "x"}, {"activity_days": "3651"}, {"exports_days": "31"}]
)
def test_what_is_no_number_of_days_is_told_at_its_field(console: ConsoleHarness, given: dict[str, str]) -> None:
    admin = client_as(console, "admin")
    answer = admin.send(admin.open(PATH).form(PATH), **given)
    assert answer.status_code == 422
    assert f'id="{next(iter(given))}-error"' in answer.text
    assert kafka(console).held == MemoryRetention().held


def test_what_kafka_does_not_take_is_told_and_tried_again(console: ConsoleHarness) -> None:
    admin = client_as(console, "admin")
    kafka(console).refuses = "Kafka does not take it: not authorized"
    answer = admin.send(admin.open(PATH).form(PATH), history_days="30")
    assert "Kafka has not taken it" in admin.open(answer.headers["Location"]).words
    assert "not authorized" in is_problem(console.call("PUT", "retention", json={"history_days": 30}), 409)
    assert {row["state"] for row in console.get("retention")["kept"]} == {"unknown"}
    kafka(console).refuses = ""
    assert console.get("retention")["kept"][0]["state"] == "differs"
    kafka(console).held["activity"] = 7 * DAY_MS
    console.access.keeping.run(OneRound())
    assert kafka(console).held["activity"] == 7 * DAY_MS, "where nobody has decided here, it is not ours to change"
    assert console.get("retention")["kept"][0] | {"what": ""} == {
        "name": "history_days", "what": "", "days": 30, "usual_days": 90, "decided": True, "topic": "history",
        "topic_days": 30.0, "state": "applied",
    }  # fmt: skip


def test_the_command_does_the_same(console: ConsoleHarness) -> None:
    def told(*words: str) -> list[str]:
        return [row.text for row in run(console.access.keeping, parser().parse_args(["retention", *words]))]

    assert told("--history-days", "30")[0].startswith("history_days  30 (decided, applied)")
    assert told("--health-days", "7")[0].startswith("history_days  30 (decided, applied)"), "the others stay"
    assert kafka(console).held["health"] == 7 * DAY_MS
    assert told("--history-days", "0")[0].startswith("history_days  90 (usual, applied)")
    with pytest.raises(Problem, match="from 1 to 3,650"):
        told("--history-days", "4000")


def test_a_console_forgets_what_is_older_once_it_knows_what_was_decided(
    console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before that it would forget what an admin wants to keep for longer than usual."""
    forgotten: list[Any] = []
    decided: list[Kept] = []
    monkeypatch.setattr(console.views, "forget_before", forgotten.append)
    follower = Follower(Settings(), console.views, lambda: decided[0] if decided else None)
    follower._forget()
    assert forgotten == []
    decided.append(Kept(history_days=400))
    follower._forget()
    assert SystemClock().now_ms() - forgotten[0] == pytest.approx(400 * DAY_MS, abs=60_000)

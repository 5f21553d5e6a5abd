"""What somebody changed is in the next page, whichever replica makes it; a page that is older says so."""

import threading
import time
from typing import Any

import pytest

from services.console.use import changes
from services.console.web.parts.words import with_query
from tests.console.web.client import ConsoleClient
from tests.console.web.test_parked import boxes, decide_form, message
from tests.services.console.harness import ConsoleHarness, is_problem
from tests.services.environment import SYNC


def test_the_next_page_waits_for_the_change(console: ConsoleHarness, client: ConsoleClient) -> None:
    """As long as another replica needs that reads it a little later."""
    (at,) = console.park(message(1))
    answer = client.send(boxes(decide_form(client), at), what="replay")
    assert "change=parked-decisions.0" in answer.headers["Location"]
    follows = threading.Timer(0.4, console.follow_views)
    follows.start()
    page = client.open(answer.headers["Location"])
    follows.join()
    assert "Nothing is parked" in page.words
    assert "Not shown here yet" not in page.words


def test_a_page_that_is_older_says_so(
    console: ConsoleHarness, client: ConsoleClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    (at,) = console.park(message(1))
    answer = client.send(boxes(decide_form(client), at), what="replay")
    monkeypatch.setattr(changes.wait_for, "__defaults__", (0.2,))
    began = time.monotonic()
    page = client.open(answer.headers["Location"])
    assert time.monotonic() - began > 0.2
    assert "Not shown here yet Your change is kept" in page.words
    assert "broken 1" in page.words
    console.follow_views()
    assert "Not shown here yet" not in client.open(answer.headers["Location"]).words


def test_a_job_that_was_asked_for_is_waited_for(console: ConsoleHarness, client: ConsoleClient) -> None:
    form = next(form for form in client.open(f"/syncs/{SYNC}").forms if form.fields.get("what") == "all")
    answer = client.send(form)
    assert answer.headers["Location"].endswith("asked=all&change=jobs.0")
    follows = threading.Timer(0.3, console.follow)
    follows.start()
    words = client.open(answer.headers["Location"]).words
    follows.join()
    assert "Jobs Job State" in words


def test_the_api_tells_changes_and_waits_for_them(console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = console.ask("a", sync=SYNC)
    told = {"Syncline-Change": answer.headers["Syncline-Change"]}
    assert told == {"Syncline-Change": "jobs.0"}
    assert "Syncline-Change" not in console.call("GET", "jobs").headers
    follows = threading.Timer(0.3, console.follow)
    follows.start()
    assert len(console.call("GET", "jobs", headers=told).json()["jobs"]) == 1
    follows.join()
    monkeypatch.setattr(changes.wait_for, "__defaults__", (0.1,))
    late = console.call("GET", "jobs", headers={"Syncline-Change": "jobs.7"})
    assert "not read yet" in is_problem(late, 503)
    assert late.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}), ("jobs.3~setups.0", {"jobs": 3, "setups": 0}), ("parked-decisions.12", {"parked-decisions": 12}),
        ("jobs", {}), ("jobs.-1", {}), ("jobs.x", {}), (".3", {}), ("jobs.9999999999999999", {}), ("~~", {}),
    ],
)  # fmt: skip
def test_changes_are_read_from_an_address(text: str, found: dict[str, int]) -> None:
    assert changes.read(text) == found
    assert changes.read(changes.spell(found)) == found


def test_what_nobody_follows_is_not_waited_for(console: ConsoleHarness, client: ConsoleClient) -> None:
    began = time.monotonic()
    client.open("/parked?change=notices.99~nonsense.1~pair-state.77")
    assert time.monotonic() - began < 1.5
    assert console.installation.reached("pair-state") is None


def test_changes_are_those_of_one_request() -> None:
    """Also of what is done in a thread for it."""
    with changes.noting() as outer:
        changes.note("jobs", 3)
        with changes.noting() as inner:
            changes.note("jobs", 5)
            changes.note("jobs", 4)
        assert inner == {"jobs": 5}
    assert outer == {"jobs": 3}
    changes.note("jobs", 9)
    assert outer == {"jobs": 3}


@pytest.mark.parametrize(
    ("address", "more", "expected"),
    [
        ("/a", {"x": "1"}, "/a?x=1"), ("/a?y=2#z", {"x": "1"}, "/a?y=2&x=1#z"),
        ("/a?x=0&y=%C3%A9+b", {"x": "1"}, "/a?x=1&y=%C3%A9+b"),
    ],
)  # fmt: skip
def test_an_address_keeps_what_it_says(address: str, more: dict[str, Any], expected: str) -> None:
    assert with_query(address, **more) == expected

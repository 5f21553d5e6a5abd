"""Each token and each session may ask so often, at all consoles together; answers say how much is left."""

import re

from services.console.access.rates import COSTS
from services.console.access.roles import NEEDS
from tests.console.web.client import ConsoleClient
from tests.console.web.test_roles import client_as
from tests.services.console.harness import ConsoleHarness, FollowedPeople, is_problem


def test_a_token_is_held_up_at_all_consoles_and_no_other_one_with_it(
    console: ConsoleHarness, twin: tuple[ConsoleClient, FollowedPeople]
) -> None:
    beside, followed = twin
    console.access.limits.per_minute = 4
    tokens = [console.token("viewer") for _ in range(2)]
    followed.settle()
    headers = [{"Authorization": f"Bearer {token}"} for token in tokens]
    for left in (3, 2):
        answer = console.call("GET", "jobs", headers=headers[0])
        assert answer.headers["RateLimit-Policy"] == '"default";q=4;w=60'
        assert answer.headers["RateLimit"].startswith(f'"default";r={left};t=')
    for _ in range(2):
        assert beside.ask("/api/v1/jobs", headers=headers[0]).status_code == 200
    for answer in (beside.ask("/api/v1/jobs", headers=headers[0]), console.call("GET", "jobs", headers=headers[0])):
        assert is_problem(answer, 429) == "This is more than 4 calls a minute: wait for 15 s, then go on."
        assert answer.json()["type"] == "urn:syncline:problem:too-many-calls"
        assert answer.headers["Retry-After"] == "15"
        assert answer.headers["RateLimit"] == '"default";r=0;t=60'
    assert console.call("GET", "jobs", headers=headers[1]).status_code == 200
    console.env.clock.advance(15_000)
    assert console.call("GET", "jobs", headers=headers[0]).status_code == 200
    assert console.call("GET", "jobs", headers=headers[0]).status_code == 429


def test_what_is_dear_counts_as_several(console: ConsoleHarness) -> None:
    """Also where it is refused to this role; and where there are fewer than it takes, it takes all."""
    console.access.limits.per_minute = 30
    headers = {"Authorization": f"Bearer {console.token('viewer')}"}
    assert console.call("POST", "jobs", json={"sync": "people"}, headers=headers).status_code == 403
    assert console.call("GET", "jobs", headers=headers).headers["RateLimit"].startswith('"default";r=9;')
    console.access.limits.per_minute = 5
    assert console.ask(sync="people").status_code == 202
    is_problem(console.ask(sync="people"), 429)


def test_a_session_is_held_up_by_a_page_that_says_so(console: ConsoleHarness) -> None:
    """Each by itself; whoever is not signed in is counted where wrong passwords are."""
    console.access.limits.per_minute = 3
    one, two = client_as(console, "viewer"), client_as(console, "viewer")
    for _ in range(3):
        one.open("/jobs")
    answer = one.ask("/jobs")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "20")
    assert "more than 3 calls a minute" in one.page(answer, 429).words
    two.open("/jobs")
    assert one.ask("/static/base.css").status_code != 429
    assert one.ask("/sign-in").status_code != 429


def test_no_limit_is_no_limit(console: ConsoleHarness) -> None:
    answer = console.call("GET", "jobs")
    assert console.access.limits.per_minute == 0
    assert not [name for name in answer.headers if re.match("ratelimit", name, re.IGNORECASE)]


def test_what_is_dear_is_an_address_that_there_is() -> None:
    assert set(COSTS) <= set(NEEDS)

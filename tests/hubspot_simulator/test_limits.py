"""Rate limits: laws over any sequence of calls, and what an answer says about them."""

import requests
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.hubspot import HubSpotServer
from deploy.local.hubspot.limits import Limiter, Policy
from tests.hubspot_simulator.conftest import Portal

DAY = 86_400_000


@given(
    gaps=st.lists(st.integers(0, 3_000), min_size=1, max_size=150),
    limit=st.integers(1, 12),
    searches=st.integers(1, 5),
)
def test_no_rolling_window_holds_more_than_the_limit(gaps: list[int], limit: int, searches: int) -> None:
    """Whatever the calls, no ten seconds hold more accepted calls than allowed, nor a second more searches."""
    limiter = Limiter(Policy(ten_secondly=limit, search_per_second=searches))
    now = 1_700_000_000_000
    accepted: dict[bool, list[int]] = {False: [], True: []}
    for number, gap in enumerate(gaps):
        now += gap
        search = number % 3 == 0
        refusal, headers = limiter.admit(now, 1, private=True, search=search)
        if refusal is None:
            accepted[search].append(now)
        else:
            assert refusal.policy == ("SECONDLY" if search else "TEN_SECONDLY_ROLLING")
        if search:
            assert headers == {}
        else:
            in_window = [at for at in accepted[False] if at > now - 10_000]
            assert int(headers["x-hubspot-ratelimit-remaining"]) == limit - len(in_window)
    for search, span, most in ((False, 10_000, limit), (True, 1_000, searches)):
        for start in accepted[search]:
            assert sum(start <= at < start + span for at in accepted[search]) <= most


def test_refused_calls_do_not_count() -> None:
    """A client that hammers is let in again as soon as the window has room."""
    limiter = Limiter(Policy(ten_secondly=1))
    assert limiter.admit(0, 1, private=True, search=False)[0] is None
    for now in range(100, 10_000, 100):
        assert limiter.admit(now, 1, private=True, search=False)[0] is not None
    assert limiter.admit(10_000, 1, private=True, search=False)[0] is None


def test_apps_have_windows_of_their_own_and_share_the_day() -> None:
    """Ten seconds are counted per app, the day per account; OAuth apps have no day."""
    limiter = Limiter(Policy(ten_secondly=5, oauth_ten_secondly=2, daily=3))
    assert [limiter.admit(0, app, private=True, search=False)[0] for app in (1, 2, 2)] == [None] * 3
    refusal = limiter.admit(0, 1, private=True, search=False)[0]
    assert refusal is not None
    assert refusal.policy == "DAILY"
    assert [limiter.admit(0, 9, private=False, search=False)[0] is None for _ in range(3)] == [True, True, False]


def test_day_turns_at_midnight_of_the_account() -> None:
    """The daily count starts anew at local midnight, not at midnight UTC."""
    limiter = Limiter(Policy(daily=1), time_zone="Australia/Sydney")
    midnight = 20_454 * DAY + 13 * 3_600_000  # 13:00 UTC is midnight there, in summer
    assert limiter.admit(midnight - 2, 1, private=True, search=False)[0] is None
    assert limiter.admit(midnight - 1, 1, private=True, search=False)[0] is not None
    assert limiter.admit(midnight, 1, private=True, search=False)[0] is None


def test_answers_carry_limits_and_a_429_names_its_policy(portal: Portal) -> None:
    """Headers count down; the 429 has HubSpot's body; search answers carry no headers; refusals are counted."""
    portal.admin.settings(portal.number, ten_secondly=2, search_per_second=1, daily=10)
    path = "/crm/v3/objects/contacts"
    first = portal.send("GET", path)
    assert first.headers["X-HubSpot-RateLimit-Max"] == "2"
    assert first.headers["X-HubSpot-RateLimit-Remaining"] == "1"
    assert first.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    assert first.headers["X-HubSpot-RateLimit-Daily"] == "10"
    assert first.headers["X-HubSpot-RateLimit-Daily-Remaining"] == "9"
    portal.send("GET", path)
    refused = portal.send("GET", path)
    body = refused.json()
    assert (refused.status_code, body["errorType"], body["policyName"]) == (429, "RATE_LIMIT", "TEN_SECONDLY_ROLLING")
    assert body["status"] == "error"
    assert body["correlationId"]
    assert body["requestId"]
    searches = [portal.send("POST", f"{path}/search", {}) for _ in range(2)]
    assert [answer.status_code for answer in searches] == [200, 429]
    assert searches[1].json()["policyName"] == "SECONDLY"
    assert not [name for answer in searches for name in answer.headers if "ratelimit" in name.lower()]
    calls = portal.admin.calls(portal.number)
    assert calls["refused"] == {"TEN_SECONDLY_ROLLING": 1, "SECONDLY": 1}
    assert calls["byClass"] == {"list": 3, "search": 2}
    assert sum(row[1] for row in calls["windows"]) == 3
    assert sum(row[2] for row in calls["windows"]) == 2
    portal.admin.settings(portal.number, ten_secondly=0, daily=1)
    assert portal.send("GET", path).json()["policyName"] == "DAILY"


def test_limits_are_kept_under_a_frozen_clock() -> None:
    """With time standing still exactly the allowed number gets through, and all again ten seconds later."""
    now = [1_700_000_000_000]
    with HubSpotServer(clock=lambda: now[0]) as server:
        admin = server.admin()
        admin.add_account(1, token="t", settings={"ten_secondly": 20})
        with requests.Session() as session:
            session.headers["Authorization"] = "Bearer t"
            url = f"{server.url}/crm/v3/objects/contacts"
            statuses = [session.get(url, timeout=5).status_code for _ in range(30)]
            now[0] += 9_999
            late = session.get(url, timeout=5)
            statuses.append(late.status_code)
            assert late.headers["date"] == "Tue, 14 Nov 2023 22:13:29 GMT"
            now[0] += 1
            statuses += [session.get(url, timeout=5).status_code for _ in range(21)]
        admin.close()
    assert statuses == [200] * 20 + [429] * 11 + [200] * 20 + [429]

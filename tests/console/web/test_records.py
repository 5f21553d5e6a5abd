"""The list of records, one sync, and parked messages: every number is a link, and every filter an address."""

import base64

import pytest

from services.console.use.records import resyncing
from services.console.views import lists
from services.console.views.rows import SHOWN
from services.console.web.screens.records import columns
from shared.model.syncs import SyncSide
from shared.wire import topics
from shared.wire.messages import SetupDoc
from tests.console.web.client import ConsoleClient, Page
from tests.console.web.examples import show_everything
from tests.services.console.harness import PASSWORD, ConsoleHarness, is_problem, linked
from tests.services.environment import LEFT, RIGHT, SYNC, people


def names(page: Page) -> list[str]:
    """List the records that a page shows, by their links."""
    return [link.removeprefix("/records/") for link in page.links if link.startswith("/records/")]


# Records


def test_the_newest_change_comes_first_and_every_page_follows(console: ConsoleHarness, client: ConsoleClient) -> None:
    """Also where many changed at one moment: each is seen once."""
    console.show(*(linked(f"p{number:03d}", changed_ms=number // 7) for number in range(120)))
    page, found = client.open("/records"), []
    for _ in range(3):
        found.append(names(page))
        following = [link for link in page.links if "cursor=" in link]
        page = client.open(following[0]) if following else page
    assert [len(part) for part in found] == [50, 50, 20]
    every = [name for part in found for name in part]
    changed = [int(name[1:]) // 7 for name in every]
    assert changed == sorted(changed, reverse=True)
    assert len(set(every)) == 120
    assert "120 records" in page.words
    assert "/records" in page.links, "back to the first page"


def test_filters_are_in_the_address_and_in_every_link(console: ConsoleHarness, client: ConsoleClient) -> None:
    show_everything(console)
    page = client.open("/records?status=failing&category=too_long&q=scr&period=24h")
    assert names(page) == ["bob"]
    assert "1 record " in page.words
    tabs = [link for link in page.links if link.startswith("/records?")]
    assert "/records?category=too_long&q=scr&period=24h" not in tabs, "a reason belongs to its status"
    assert "/records?status=pending&period=24h&q=scr" in tabs
    fields = page.form("/records").fields
    assert fields["q"] == "scr"
    assert fields["status"] == "failing"
    assert ("option", "value", "too_long") in page.attributes


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=ANN@x", 66), ("q=h-bob", 1), ("q=person+5", 11), ("status=excluded", 2), ("category=email_missing", 1),
        ("sync=other", 0), ("status=nonsense", 66), ("period=1h", 64), ("q=%00", 0), ("status=failing&period=24h", 2),
        ("q=%25", 0),
    ],
)  # fmt: skip
def test_filters_narrow_the_list(console: ConsoleHarness, client: ConsoleClient, query: str, expected: int) -> None:
    show_everything(console)
    page = client.open(f"/records?{query}")
    found = len(names(page))
    if expected > 50:
        assert f"{expected} records" in page.words
        assert found == 50
    else:
        assert found == expected


def test_every_tab_counts_what_it_lists(console: ConsoleHarness, client: ConsoleClient) -> None:
    show_everything(console)
    words = client.open("/records").words
    assert "All66 Failing2 Pending1 Excluded2 In sync61" in words
    assert "All0 Failing0" in client.open("/records?sync=other").words


def test_a_list_without_records_says_which_kind_of_nothing_it_is(client: ConsoleClient) -> None:
    assert "No record yet" in client.open("/records").words
    assert "No record fails" in client.open("/records?status=failing").words
    assert "No record matches" in client.open("/records?q=x").words


def test_a_search_among_very_many_goes_on_page_by_page(
    console: ConsoleHarness, client: ConsoleClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says how far it looked, and leads on until the end."""
    for name, value in {"SMALL": 0, "SMALL_WITH_TEXT": 0, "_BLOCK": 10, "_LARGEST_BLOCK": 10, "_WALK_S": 0.0}.items():
        monkeypatch.setattr(lists, name, value)
    now = console.env.clock.now_ms()
    console.show(*(linked(f"p{number:02d}", changed_ms=now - number * 60_000) for number in range(25)))
    page = client.open("/records?q=p23")
    assert "There is no match among what changed since 9 min ago." in page.words
    assert "Search on" in page.words
    (link,) = [link for link in page.links if "cursor=" in link]
    page = client.open(link)
    (link,) = [link for link in page.links if "cursor=" in link]
    page = client.open(link)
    assert names(page) == ["p23"]
    assert "Searched in part" not in page.words


@pytest.mark.parametrize(
    "inside",
    ["", "x", "[1]", "{}", '["a", "b"]', f'[{10**30}, "a"]', '[-1, "a"]', '[1, "\\ud800"]', "[" * 10_000, "\xff"],
)
def test_an_address_that_is_not_whole_is_refused(client: ConsoleClient, inside: str) -> None:
    """Whatever the place holds once it is opened."""
    after = base64.urlsafe_b64encode(inside.encode("latin-1")).decode() or "="
    page = client.open(f"/records?cursor={after}", status=400)
    assert page.headings == ["Not a page of this list"]


def test_the_navigation_counts_problems(console: ConsoleHarness, client: ConsoleClient) -> None:
    show_everything(console)
    assert "Problems2" in client.open("/parked").words
    assert "Parked2" in client.open("/").words


def test_object_and_connection_choose_syncs(console: ConsoleHarness, client: ConsoleClient) -> None:
    """Both on one side of a sync; its tabs count the same, and the API lists the same."""
    other = people(id="firms", left=SyncSide(connection=LEFT, object="company"))
    console.env.set_up("sync", SetupDoc(sync=other), "firms")
    console.show(linked("a"), linked("b", sync="firms"), linked("c", sync="firms", status="failing"))
    for query, expected in (
        ("object=company", ["b", "c"]), (f"connection={LEFT}", ["a", "b", "c"]), ("connection=nobody", []),
        (f"object=company&connection={LEFT}", ["b", "c"]), (f"object=company&connection={RIGHT}", []),
        ("object=contact", ["a", "b", "c"]), ("object=company&sync=people", []),
        ("object=company&status=failing", ["c"]),
    ):  # fmt: skip
        page = client.open(f"/records?{query}")
        assert sorted(names(page)) == expected, query
        assert sorted(row["id"] for row in console.get(f"records?{query}")["records"]) == expected, query
    assert "All2 Failing1" in client.open("/records?object=company").words


def test_a_page_goes_on_in_the_api_and_back(console: ConsoleHarness, client: ConsoleClient) -> None:
    """One list: filters and cursors are spelt alike."""
    console.show(*(linked(f"p{number:03d}", changed_ms=number) for number in range(120)))
    first = client.open("/records?q=p")
    (following,) = [link for link in first.links if "cursor=" in link]
    second = console.get(following.removeprefix("/"))
    assert [row["id"] for row in second["records"]] == [f"p{number:03d}" for number in range(69, 19, -1)]
    third = client.open(f"/records?q=p&cursor={second['next']}")
    assert names(third) == [f"p{number:03d}" for number in range(19, -1, -1)]


def test_the_list_is_sorted_by_what_is_chosen(console: ConsoleHarness, client: ConsoleClient) -> None:
    """In the address, in the filters, in every page and in the API."""
    console.show(*(linked(f"p{at:03d}", label=f"Änn {at * 7 % 60:02d}", changed_ms=at) for at in range(60)))
    first = client.open("/records?sort=name&status=in_sync")
    assert [int(name[1:]) * 7 % 60 for name in names(first)] == list(range(50))
    assert "/records?status=failing&sort=name" in first.links
    (following,) = [link for link in first.links if "cursor=" in link]
    assert [int(name[1:]) * 7 % 60 for name in names(client.open(following))] == list(range(50, 60))
    assert names(client.open("/records?sort=changed"))[0] == "p000"
    assert names(client.open("/records?sort=nonsense"))[0] == "p059"
    assert console.get("records?sort=-name&limit=1")["records"][0]["label"] == "Änn 59"
    assert console.call("GET", "records?sort=nonsense").status_code == 422


def test_a_list_that_is_being_built_is_shown_as_far_as_it_is(console: ConsoleHarness, client: ConsoleClient) -> None:
    """The page says what it lacks, and finds what is there."""
    console.views.begin_build()
    console.show(*(linked(f"p{number:03d}", changed_ms=number) for number in range(120)))
    console.views.tell_read(0.61)
    page = client.open("/records?sort=name")
    said = "61% of the records are read. Until all are, numbers are too small, and the list is in no order."
    assert said in page.words
    found = names(page)
    while following := [link for link in page.links if "cursor=" in link]:
        page = client.open(following[0])
        found += names(page)
    assert sorted(found) == [f"p{number:03d}" for number in range(120)]
    assert names(client.open("/records?q=p007")) == ["p007"]
    assert client.ask("/why?q=p007").headers["Location"] == "/records/p007"
    console.views.end_build()
    page = client.open("/records")
    assert "being built" not in page.words
    assert names(page)[0] == "p119"


# Columns


def heads(page: Page) -> str:
    """Return the heads of the list, with its first cells."""
    return page.words.partition("All columns")[2].partition("Export all that the filters choose")[2].strip()


def test_columns_are_in_the_address_in_their_order(console: ConsoleHarness, client: ConsoleClient) -> None:
    console.show(linked("a", status="failing", reason="too_long"))
    assert heads(client.open("/records")).startswith("Name Status Address Last change Sync Hub Book A Failing")
    page = client.open("/records?columns=right,status,nonsense,right&status=failing")
    assert heads(page).startswith("Name Book Status A b-a FailingText too long")
    assert heads(client.open("/records?columns=none")).startswith("Name A ")
    assert "/records?status=pending&columns=right%2Cstatus" in page.links, "tabs keep them"
    assert page.form("/records").fields["columns"] == "right,status", "filters keep them"
    assert heads(client.open("/records?columns=nonsense")).startswith("Name Status Address")


def test_columns_that_somebody_chose_are_kept_for_that_person(console: ConsoleHarness, client: ConsoleClient) -> None:
    """In every browser and console, until others are chosen; what an address names comes first."""
    console.show(linked("a", status="failing", reason="too_long"))
    form = client.open("/records?status=failing&sort=name").form("/records/columns")
    places = dict.fromkeys(columns.PLACES, "")
    answer = client.send(form, **{**places, "column1": "right", "column3": "status", "column4": "right"})
    assert answer.headers["Location"].partition("&change")[0] == "/records?status=failing&sort=name"
    assert heads(client.open("/records")).startswith("Name Book Status A b-a FailingText too long")
    assert heads(client.open("/records?columns=sync")).startswith("Name Sync A people")
    assert not any("columns=" in link for link in client.open("/records").links), "no address needs to name them"
    console.person("viewer", "dot@x.example")
    other = ConsoleClient(console.address)
    other.send(other.open("/sign-in").form("/sign-in"), email="dot@x.example", password=PASSWORD)
    assert heads(other.open("/records")).startswith("Name Status Address")
    assert other.send(other.open("/records").form("/records/columns"), **places).status_code == 303
    assert heads(other.open("/records")).startswith("Name A ")
    assert heads(client.open("/records")).startswith("Name Book Status A")
    client.send(form, every="on")
    assert heads(client.open("/records")).startswith("Name Status Address")


def test_columns_that_cannot_be_kept_are_said(console: ConsoleHarness, client: ConsoleClient) -> None:
    console.show(linked("a"))
    form = client.open("/records").form("/records/columns")
    with console.env.kafka_away():
        assert client.send(form, column1="sync").status_code == 503
    assert heads(client.open("/records")).startswith("Name Status Address")


# Resyncing what is listed


def test_what_filters_choose_is_resynced_by_a_job_for_each_sync(console: ConsoleHarness, client: ConsoleClient) -> None:
    """The page leads to the job; the API asks for the same."""
    console.env.set_up("sync", SetupDoc(sync=people(id="firms")), "firms")
    console.show(
        linked("a", status="failing", reason="too_long"), linked("b", status="failing", reason="too_long"),
        linked("c", sync="firms", status="failing", reason="invalid_value"), linked("d"),
    )  # fmt: skip
    page = client.open("/records?status=failing&category=too_long")
    assert "Resync 2 records" in page.words
    answer = client.send(page.form("/records/resync"))
    assert answer.headers["Location"].startswith("/jobs/resync-people.")
    (job,) = [doc.job for doc in console.env.told(topics.JOBS)]
    assert (job.sync, job.statuses, job.reasons, job.review) == (SYNC, ("failing",), ("too_long",), False)
    answer = client.send(client.open("/records?status=failing").form("/records/resync"))
    assert answer.headers["Location"].partition("?")[0] == "/jobs"
    made = console.call("POST", "records/resync?q=ann&period=7d", headers={"Idempotency-Key": "k"}).json()["jobs"]
    assert [(row["sync"], row["q"], row["since"] > 0) for row in made] == [(SYNC, "ann", True), ("firms", "ann", True)]
    assert {tuple(row["statuses"]) for row in made} == {SHOWN}
    is_problem(console.call("POST", "records/resync?status=pending"), 404)


def test_a_resync_of_very_many_waits_to_be_confirmed(
    console: ConsoleHarness, client: ConsoleClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resyncing, "MANY", 2)
    console.show(*(linked(name) for name in "abc"))
    client.send(client.open("/records").form("/records/resync"))
    (job,) = [doc.job for doc in console.env.told(topics.JOBS)]
    assert (job.statuses, job.review) == ((), True), "without a filter, both sides are read, too"
    assert "Resync 3 records" in client.open("/records").words


# One sync


def test_numbers_open_their_reasons_with_what_to_do_and_who_acts(
    console: ConsoleHarness, client: ConsoleClient
) -> None:
    show_everything(console)
    page = client.open(f"/syncs/{SYNC}")
    assert "Required field is blank 1 owner of the record Fill the named field" in page.words
    shown = client.open(f"/records?sync={SYNC}&status=failing&category=required_missing")
    assert names(shown) == ["eve"]
    assert f"/records?sync={SYNC}&status=failing&category=required_missing" in page.links
    excluded = client.open(f"/syncs/{SYNC}?panel=excluded")
    assert "Excluded: 2 records" in excluded.words
    assert "No e-mail address 1" in excluded.words
    in_sync = client.open(f"/syncs/{SYNC}?panel=in_sync")
    assert "Both records hold what they should." in in_sync.words


def test_what_is_not_there_is_said(client: ConsoleClient) -> None:
    assert client.open("/syncs/nope", status=404).headings == ["No such sync"]
    assert "None at this moment." in client.open(f"/syncs/{SYNC}").words
    assert client.open("/records/nope", status=404).headings == ["No such record"]


def test_failing_records_are_looked_at_again_by_a_button(console: ConsoleHarness, client: ConsoleClient) -> None:
    """The same job that the API asks for, once, and the page says so."""
    show_everything(console)
    page = client.open(f"/syncs/{SYNC}")
    form = next(form for form in page.forms if form.fields.get("what") == "failing")
    answer = client.send(form)
    assert answer.headers["Location"] == f"/syncs/{SYNC}?panel=failing&asked=failing&change=jobs.3"
    assert "Asked for" in client.open(answer.headers["Location"]).words
    (job,) = [doc.job for doc in console.env.told(topics.JOBS) if doc.job.statuses]
    assert (job.kind, job.sync, job.statuses) == ("resync", SYNC, ("failing",))
    whole = next(form for form in page.forms if form.fields.get("what") == "all")
    assert client.send(whole).status_code == 303
    assert client.send(whole, what="everything").status_code == 422
    with console.env.kafka_away():
        assert client.send(whole).status_code == 503

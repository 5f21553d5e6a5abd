"""Times are shown in the zone of whoever looks: that which is kept, else the browser's, else UTC; widths are kept."""

import datetime as dt

import pytest

from services.console.use.health.series import SLOTS, Range, starts_of
from services.console.use.records.exporting import listing_of
from services.console.use.standing.records import Filter
from services.console.use.zones import local, times_in, zone_name, zone_of
from services.console.web.parts.words import ago, moment
from shared.io.envelope import Stored
from shared.model.records import Version
from shared.wire import topics
from shared.wire.messages import HealthHour
from tests.console.web.client import ConsoleClient
from tests.console.web.examples import show_everything
from tests.console.web.test_roles import client_as
from tests.services.console.harness import ConsoleHarness, is_problem, linked, pair

AT_MS = 1_700_000_000_000


def titles(client: ConsoleClient, path: str) -> set[str]:
    page = client.open(path)
    return {value for tag, name, value in page.attributes if (tag, name) == ("time", "title")}


def test_the_zone_that_is_kept_counts_before_the_browsers(console: ConsoleHarness) -> None:
    console.show(linked("a", changed_ms=AT_MS))
    ann = client_as(console, "viewer")
    assert titles(ann, "/records") == {"2023-11-14 22:13:20 UTC"}
    ann.http.cookies.set("syncline-zone", "America%2FNew_York")
    assert titles(ann, "/records") == {"2023-11-14 17:13:20 EST"}
    form = ann.open("/account").form("/account/zone")
    assert form.fields["zone"] == ""
    answer = ann.send(form, zone="Asia/Kathmandu")
    assert answer.headers["Location"].startswith("/account?done=zone")
    assert titles(ann, "/records") == {"2023-11-15 03:58:20 +0545"}
    again = client_as(console, "viewer")
    assert titles(again, "/records") == {"2023-11-15 03:58:20 +0545"}, "in every browser"
    assert "Times and days are shown in Asia/Kathmandu now." in again.open("/account").words
    refused = ann.send(form, zone="Europe/Nowhere")
    assert (refused.status_code, "Write a time zone" in refused.text) == (422, True)
    ann.send(ann.open("/account").form("/account/zone"), zone="")
    assert titles(ann, "/records") == {"2023-11-14 17:13:20 EST"}


def test_charts_and_histories_are_in_that_zone_too(console: ConsoleHarness) -> None:
    show_everything(console)
    ann = client_as(console, "viewer")
    utc = ann.open("/health?range=24h").words
    assert "could not be handled at 2023-11-14 22:13:20 UTC" in ann.open("/records/bob").words
    ann.http.cookies.set("syncline-zone", "Asia/Kathmandu")
    told = ann.open("/health?range=24h").words
    assert "could not be handled at 2023-11-15 03:58:20 +0545" in ann.open("/records/bob").words
    assert "Times are those of UTC." in utc
    assert "Times are those of Asia/Kathmandu." in told
    assert (":45" in told, ":45" in utc) == (True, False), "hours begin at another minute there"
    assert "Days are those of Asia/Kathmandu." in ann.open("/health?range=90d").words


@pytest.mark.parametrize("name", ["", "nowhere", "../../etc/passwd", "Europe", "x" * 200, "/etc/localtime", "\0"])
def test_what_is_no_zone_is_none(name: str, console: ConsoleHarness) -> None:
    assert zone_of(name) is None
    with times_in(name):
        assert zone_name() == "UTC"
    assert name == "" or is_problem(
        console.call("PUT", "account/preferences", json={"columns": None, "zone": name}), 422
    )


def test_the_hour_that_comes_twice_says_which(console: ConsoleHarness) -> None:
    del console
    first = int(dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC).timestamp() * 1000)
    with times_in("Europe/Rome"):
        assert [moment(local(first + hour * 3_600_000)) for hour in range(2)] == [
            "2026-10-25 02:30:00 CEST", "2026-10-25 02:30:00 CET",
        ]  # fmt: skip
        assert 'datetime="2026-10-25T02:30:00+02:00"' in str(ago(first, first))


# Days


NOW = "2026-03-03T01:30:00+00:00"
"""The third of March in Kathmandu since 18:15 UTC, and the second in New York since 05:00 UTC."""
MIDNIGHTS = {"": "03-03T00:00", "Asia/Kathmandu": "03-02T18:15", "America/New_York": "03-02T05:00"}


def at(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


def at_night(console: ConsoleHarness) -> None:
    """Have it be `NOW`, with a record that changed just before each midnight, and one that changed as it began."""
    console.env.clock.advance(at(NOW) - console.env.clock.now_ms())
    midnights = [at(f"2026-{text}:00+00:00") for text in MIDNIGHTS.values()]
    console.show(*(linked(f"p{ms}", changed_ms=ms) for one in midnights for ms in (one - 1, one)))


@pytest.mark.parametrize(("zone", "found"), [("", 1), ("Asia/Kathmandu", 3), ("America/New_York", 5)])
def test_today_begins_at_the_midnight_of_whoever_asks(console: ConsoleHarness, zone: str, found: int) -> None:
    """By page, by API, and in a file, which is made later and elsewhere."""
    at_night(console)
    ann = client_as(console, "viewer")
    ann.http.cookies.set("syncline-zone", zone.replace("/", "%2F"))
    page = ann.open("/records?period=today")
    assert len([link for link in page.links if link.startswith("/records/p")]) == found
    console.call("PUT", "account/preferences", json={"columns": None, "zone": zone})
    assert console.get("records", period="today")["total"] == {"number": found, "exact": True}
    asked = console.call("POST", "exports", json={"period": "today"}).json()
    assert asked["records"] == f"Records: changed today ({zone or 'UTC'})"
    export = console.installation.exports.known.get(asked["id"])
    assert export is not None
    console.env.clock.advance(86_400_000)
    begins = listing_of(console.installation, export.export).since_ms
    assert begins == at(f"2026-{MIDNIGHTS[zone]}:00+00:00")


def test_a_filter_without_a_day_is_stored_without_a_zone() -> None:
    with times_in("Asia/Kathmandu"):
        assert Filter(period="24h").store() == {"period": "24h"}
        assert Filter.stored(Filter(period="today").store()).zone == "Asia/Kathmandu"


@pytest.mark.parametrize("zone", ["", "Europe/Rome", "Asia/Kathmandu", "America/St_Johns", "Africa/Cairo"])
@pytest.mark.parametrize("wanted", ["30d", "90d"])
def test_days_begin_at_midnight_whatever_the_clocks_do(zone: str, wanted: Range) -> None:
    """Over the days on which clocks change, where midnight itself may be left out, too."""
    number, size = SLOTS[wanted]
    for month in (1, 4, 5, 11, 12):
        for hour in (0, 11, 23):
            now = at(f"2026-{month:02}-20T{hour:02}:59:00+00:00")
            with times_in(zone):
                starts = starts_of(wanted, now)
                days = [local(start) for start in starts]
            assert len(starts) == number
            assert starts == sorted(set(starts))
            assert starts[-1] <= now < starts[-1] + (size + 1) * 3_600_000
            assert [day for day in days if day.hour % size and minute_before(day).date() == day.date()] == []
            assert {start % 60_000 for start in starts} == {0}


def minute_before(day: dt.datetime) -> dt.datetime:
    """Return the moment a minute earlier, by the same zone's clocks."""
    return dt.datetime.fromtimestamp(day.timestamp() - 60, day.tzinfo)


def test_hours_count_to_the_day_of_whoever_asks(console: ConsoleHarness) -> None:
    """An hour in which a day begins counts to that day."""
    console.env.clock.advance(at(NOW) - console.env.clock.now_ms())
    rows = [
        HealthHour(name="sync/people", hour_ms=at(f"2026-03-{text}:00:00+00:00"), covered_s=3600, edits=edits)
        for text, edits in (("02T04", 1), ("02T05", 10), ("02T17", 100), ("02T18", 1_000), ("03T00", 10_000))
    ]
    console.views.take(
        topics.HEALTH.name,
        [Stored(partition=0, offset=0, key=row.name, message=row, raw=b"", headers={}) for row in rows], {},
    )  # fmt: skip

    def edits(zone: str) -> dict[str, int]:
        console.call("PUT", "account/preferences", json={"columns": None, "zone": zone})
        slots = console.get("health/series", range="90d")["slots"]
        begins = (dt.datetime.fromtimestamp(slot["from_ms"] / 1000, dt.UTC) for slot in slots)
        return {f"{day:%d %H:%M}": slot["edits"] for day, slot in zip(begins, slots, strict=True) if slot["edits"]}

    assert edits("") == {"02 00:00": 1_111, "03 00:00": 10_000}
    assert edits("Asia/Kathmandu") == {"01 18:15": 111, "02 18:15": 11_000}
    assert edits("America/New_York") == {"01 05:00": 1, "02 05:00": 11_110}
    page = client_as(console, "viewer")
    page.http.cookies.set("syncline-zone", "Asia%2FKathmandu")
    assert "3 Mar" in page.open("/health?range=90d").words


def test_widths_are_kept_with_the_columns(console: ConsoleHarness) -> None:
    console.show(pair("a", version=Version(order=1)))
    ann = client_as(console, "viewer")
    form = ann.open("/records").form("/records/columns")
    ann.send(
        form,
        **{
            "width-name": "wide",
            "column1": "status",
            "width-column1": "narrow",
            "column2": "left",
            "width-column2": "huge",
        },
    )

    def classes() -> set[str]:
        page = client_as(console, "viewer").open("/records")
        return {value for tag, name, value in page.attributes if tag in ("th", "td") and name == "class"}

    assert {"name is-wide", "stat is-narrow"} <= classes()
    assert console.access.accounts.people.preferences(console.person("viewer").id).widths == {
        "name": "wide", "status": "narrow",
    }  # fmt: skip
    ann.send(ann.open("/records").form("/records/columns"), every="on")
    assert not any("is-" in one for one in classes())


def test_the_api_keeps_all_of_it_at_once(console: ConsoleHarness) -> None:
    wanted = {"columns": ["status"], "widths": {"name": "medium"}, "zone": "Europe/Rome"}
    assert console.call("PUT", "account/preferences", json=wanted).json() == wanted
    assert console.get("account/preferences") == wanted
    bare = console.call("PUT", "account/preferences", json={"columns": None}).json()
    assert bare == {"columns": None, "widths": {}, "zone": ""}
    for wrong in ({"widths": {"name": "huge"}}, {"widths": {"nothing": "wide"}}, {"zone": 5}):
        assert console.call("PUT", "account/preferences", json={"columns": None, **wrong}).status_code == 422

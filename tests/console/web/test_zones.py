"""Times are shown in the zone of whoever looks: that which is kept, else the browser's, else UTC; widths are kept."""

import datetime as dt

import pytest

from services.console.use.zones import zone_of
from services.console.web.parts.words import ago, local, moment, times_in, zone_name
from shared.core.records import Version
from tests.console.web.examples import show_everything
from tests.console.web.test_roles import visitor_as
from tests.console.web.visitor import Visitor
from tests.services.console.window import Window, is_problem, linked, pair

AT_MS = 1_700_000_000_000


def titles(visitor: Visitor, path: str) -> set[str]:
    page = visitor.open(path)
    return {value for tag, name, value in page.attributes if (tag, name) == ("time", "title")}


def test_the_zone_that_is_kept_counts_before_the_browsers(window: Window) -> None:
    window.show(linked("a", changed_ms=AT_MS))
    ann = visitor_as(window, "viewer")
    assert titles(ann, "/records") == {"2023-11-14 22:13:20 UTC"}
    ann.http.cookies.set("syncline-zone", "America%2FNew_York")
    assert titles(ann, "/records") == {"2023-11-14 17:13:20 EST"}
    form = ann.open("/account").form("/account/zone")
    assert form.fields["zone"] == ""
    answer = ann.send(form, zone="Asia/Kathmandu")
    assert answer.headers["Location"].startswith("/account?done=zone")
    assert titles(ann, "/records") == {"2023-11-15 03:58:20 +0545"}
    again = visitor_as(window, "viewer")
    assert titles(again, "/records") == {"2023-11-15 03:58:20 +0545"}, "in every browser"
    assert "Times are shown in Asia/Kathmandu now." in again.open("/account").words
    refused = ann.send(form, zone="Europe/Nowhere")
    assert (refused.status_code, "Write a time zone" in refused.text) == (422, True)
    ann.send(ann.open("/account").form("/account/zone"), zone="")
    assert titles(ann, "/records") == {"2023-11-14 17:13:20 EST"}


def test_charts_and_histories_are_in_that_zone_too(window: Window) -> None:
    show_everything(window)
    ann = visitor_as(window, "viewer")
    utc = ann.open("/health?range=24h").words
    ann.http.cookies.set("syncline-zone", "Asia/Kathmandu")
    told = ann.open("/health?range=24h").words
    assert "Times are those of UTC." in utc
    assert "Times are those of Asia/Kathmandu." in told
    assert (":45" in told, ":45" in utc) == (True, False), "hours begin at another minute there"
    assert "Days are those of UTC." in ann.open("/health?range=90d").words


@pytest.mark.parametrize("name", ["", "nowhere", "../../etc/passwd", "Europe", "x" * 200, "/etc/localtime", "\0"])
def test_what_is_no_zone_is_none(name: str, window: Window) -> None:
    assert zone_of(name) is None
    with times_in(name):
        assert zone_name() == "UTC"
    assert name == "" or is_problem(
        window.call("PUT", "account/preferences", json={"columns": None, "zone": name}), 422
    )


def test_the_hour_that_comes_twice_says_which(window: Window) -> None:
    del window
    first = int(dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC).timestamp() * 1000)
    with times_in("Europe/Rome"):
        assert [moment(local(first + hour * 3_600_000)) for hour in range(2)] == [
            "2026-10-25 02:30:00 CEST", "2026-10-25 02:30:00 CET",
        ]  # fmt: skip
        assert 'datetime="2026-10-25T02:30:00+02:00"' in str(ago(first, first))


def test_widths_are_kept_with_the_columns(window: Window) -> None:
    window.show(pair("a", version=Version(order=1)))
    ann = visitor_as(window, "viewer")
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
        page = visitor_as(window, "viewer").open("/records")
        return {value for tag, name, value in page.attributes if tag in ("th", "td") and name == "class"}

    assert {"name is-wide", "stat is-narrow"} <= classes()
    assert window.access.accounts.people.preferences(window.person("viewer").id).widths == {
        "name": "wide", "status": "narrow",
    }  # fmt: skip
    ann.send(ann.open("/records").form("/records/columns"), every="on")
    assert not any("is-" in one for one in classes())


def test_the_api_keeps_all_of_it_at_once(window: Window) -> None:
    wanted = {"columns": ["status"], "widths": {"name": "medium"}, "zone": "Europe/Rome"}
    assert window.call("PUT", "account/preferences", json=wanted).json() == wanted
    assert window.get("account/preferences") == wanted
    bare = window.call("PUT", "account/preferences", json={"columns": None}).json()
    assert bare == {"columns": None, "widths": {}, "zone": ""}
    for wrong in ({"widths": {"name": "huge"}}, {"widths": {"nothing": "wide"}}, {"zone": 5}):
        assert window.call("PUT", "account/preferences", json={"columns": None, **wrong}).status_code == 422

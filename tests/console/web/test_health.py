"""How everything stood over time: the same numbers by page, table, API and command."""

import json
import re
from urllib.parse import urlsplit

import pytest

from services.console.commands import health as health_commands
from services.console.views.hours import HOUR_MS, hour_of
from services.console.web.parts.charts import Line, bands, lines
from shared.io.envelope import Stored
from shared.settings import Settings
from shared.wire import topics
from shared.wire.messages import HealthHour
from tests.console.web.client import ConsoleClient
from tests.console.web.examples import show_everything
from tests.services.console.harness import TOKEN, ConsoleHarness, is_problem, linked
from tests.services.environment import LEFT, SYNC


def keep(console: ConsoleHarness, *rows: HealthHour) -> None:
    stored = [Stored(partition=0, offset=0, key=row.name, message=row, raw=b"", headers={}) for row in rows]
    console.views.take(topics.HEALTH.name, stored, {})


def hour(console: ConsoleHarness, back: int, name: str = f"sync/{SYNC}", **more: object) -> HealthHour:
    at = hour_of(console.env.clock.now_ms()) - back * HOUR_MS
    return HealthHour.model_validate({"name": name, "hour_ms": at, "covered_s": 3600, **more})


def test_slots_put_hours_together(console: ConsoleHarness) -> None:
    """Counts are those at a slot's end, the rest is added up; what nobody saw is not known; the last slot is now."""
    console.show(linked("a"), linked("b", status="failing", reason="too_long"))
    keep(
        console,
        hour(console, 26, counts={"in_sync": 1}, edits=2, writes=2, delays={"400": 10}),
        hour(console, 25, counts={"in_sync": 5, "failing": 1}, failing={"too_long": 1}, edits=2, writes=4,
             delays={"400": 8, "12800": 2}),
        hour(console, 2, f"connection/{LEFT}", states={"running": 3000.0, "paused": 600.0}),
    )  # fmt: skip
    day = console.get("health/series", range="24h")
    assert (len(day["slots"]), day["slot_ms"]) == (24, HOUR_MS)
    assert day["slots"][-1]["counts"] == {"in_sync": 1, "failing": 1, "pending": 0, "excluded": 0}
    assert day["slots"][-1]["failing"] == {"too_long": 1}
    assert {json.dumps(slot["counts"]) for slot in day["slots"][:-1]} == {"{}"}
    assert day["connections"][LEFT][21] == {"running": 3000.0, "paused": 600.0}
    assert day["connections"][LEFT][20] == {}
    month = console.get("health/series", range="90d")
    found = [slot for slot in month["slots"] if slot["edits"]]
    assert sum(slot["edits"] for slot in found) == 4
    assert found[-1]["counts"] == {"in_sync": 5, "failing": 1}
    if len(found) == 1:
        assert found[0]["delay_p50_s"] == 0.4
        assert found[0]["delay_p95_s"] == 12.8
        assert found[0]["writes_per_edit"] == 1.5


def test_one_sync_or_all(console: ConsoleHarness) -> None:
    console.show(linked("a"), linked("b", sync="other"))
    assert console.get("health/series", sync=SYNC)["slots"][-1]["counts"]["in_sync"] == 1
    assert console.get("health/series", sync="other")["slots"][-1]["counts"]["in_sync"] == 1
    is_problem(console.call("GET", "health/series?range=1y"), 422)


def test_the_page_shows_charts_with_a_table_behind_each(console: ConsoleHarness, client: ConsoleClient) -> None:
    show_everything(console)
    page = client.open("/health?range=24h&sync=people")
    assert page.answer.text.count("<figure") == 6
    assert page.answer.text.count("Show as a table") == 6
    for words in (
        "Not in sync Failing 2 Pending 1", "Records In sync 61 Excluded 2",
        "From a change to in sync Half within 0.4 s 95 % within", "Failing, by reason Text too long 1",
        "Connections Connected Paused Not known",
    ):  # fmt: skip
        assert words in page.words, words
    rows = re.findall(r"(\d\d:\d\d) (\d+|not known) (\d+|not known) ", page.words)
    assert rows[0][1:] == ("2", "1")
    assert [row[1] for row in rows[1:7]] == ["1", "2", "0", "1", "not known", "not known"]
    for name in ("7d", "30d", "90d", "nonsense"):
        client.open(f"/health?range={name}")


def test_without_a_sync_there_is_nothing_to_show(console: ConsoleHarness, client: ConsoleClient) -> None:
    console.env.set_up("sync", None, SYNC)
    assert "Nothing is synced yet" in client.open("/health").words


def test_a_line_has_a_gap_where_nothing_is_known() -> None:
    made = str(lines("T", "t", ["a", "b", "c", "d"], [Line("L", "one", [0, 2.5, None, 5])], str))
    (wide, _) = re.findall(r'<path class="line one" d="([^"]*)"', made)
    assert re.fullmatch(r"M56\.0,174\.0L[\d.]+,92\.0M488\.0,10\.0", wide), wide
    assert made.count('class="dot one"') == 2, "a value without a neighbour is a dot, in both widths"
    assert "not known" in made
    empty = str(lines("T", "t", ["a"], [Line("L", "one", [None])], str))
    assert "L <b>not known</b>" in empty


@pytest.mark.parametrize(("top", "levels"), [(1, "01"), (2, "012"), (5, "012345"), (8, "0246810")])
def test_what_is_counted_has_whole_levels(top: int, levels: str) -> None:
    made = str(lines("T", "t", ["a"], [Line("L", "one", [top])], lambda value: f"{value:g}", 1))
    wide = made[made.index("plot wide") : made.index("plot narrow")]
    assert "".join(re.findall(r'text-anchor="end">([^<]*)<', wide)) == levels


def test_a_state_is_told_apart_without_its_colour() -> None:
    made = str(
        bands("T", "t", ["a", "b", "c"], {"Hub": ["running", "running", "paused"]}, {"running": "Up", "paused": "Held"})
    )
    wide = made[made.index("plot wide") : made.index("plot narrow")]
    pieces = re.findall(r'class="band (\w+)"><title>([^<]*)</title><rect[^>]*></rect><path d="([^"]*)"', wide)
    assert [piece[:2] for piece in pieces] == [("running", "Hub: Up from a"), ("paused", "Hub: Held from c")]
    assert pieces[0][2] == ""
    assert pieces[1][2].startswith("M")


def test_the_command_prints_a_line_a_slot(console: ConsoleHarness, capsys: pytest.CaptureFixture[str]) -> None:
    there = Settings(console_host="127.0.0.1", console_port=urlsplit(console.address).port, console_token=TOKEN)  # type: ignore[arg-type]  # a secret as text
    console.show(linked("a"))
    keep(console, hour(console, 1, counts={"in_sync": 7}, edits=3, writes=4, delays={"400": 3}))
    assert health_commands.run("24h", "", settings=there) == 0
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 3, "hours before anything is known are left out"
    assert rows[0].split()[-2:] == ["p95", "s"]
    assert rows[-2].split()[2:] == ["7", "-", "-", "-", "3", "4", "0.4", "0.4"]
    assert rows[-1].split()[2:] == ["1", "0", "0", "0", "0", "0", "-", "-"]
    assert health_commands.run("24h", "", as_json=True, settings=there) == 0
    assert len(json.loads(capsys.readouterr().out)["slots"]) == 24

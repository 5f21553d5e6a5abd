"""People at work in a real browser, by keyboard: lists narrow while they type, and pages follow by themselves."""

import json
import re

from playwright.sync_api import expect

from shared.model.pairs import Problem
from shared.wire import topics
from shared.wire.messages import Parked
from tests.console.browser.conftest import WIDTHS, Reader
from tests.console.web.examples import NASTY
from tests.services.console.harness import ConsoleHarness, linked

_BEYOND = """() => {
  const panel = document.querySelector(".pop[open] > .panel"), most = panel.getBoundingClientRect();
  return [...panel.querySelectorAll("*")].filter(node => node.getBoundingClientRect().right > most.right)
    .map(node => node.outerHTML);
}"""
"""What is wider than the panel that it stands in."""
_FOCUS = "document.activeElement.id || document.activeElement.name || document.activeElement.localName"


def test_a_list_narrows_while_somebody_types(reader: Reader) -> None:
    """The box keeps the focus and its caret, the address tells the filter, and back takes it away."""
    reader.go("/records")
    page = reader.page
    page.keyboard.press("/")
    assert page.evaluate(_FOCUS) == "q", "the page's own search comes before the one at the top"
    page.keyboard.type("person 59")
    expect(page.locator("main tbody tr")).to_have_count(1)
    assert page.evaluate(_FOCUS) == "q"
    page.keyboard.press("ArrowLeft")
    page.keyboard.type("4")
    expect(page.locator("#list")).to_contain_text("No record matches")
    assert page.input_value("main [name=q]") == "person 549"
    expect(page).to_have_url(re.compile(r"q=person\+549"))
    assert page.locator("#told").text_content() != ""
    page.go_back()
    expect(page.locator("main tbody tr")).to_have_count(1)


def test_pages_and_rows_are_walked_by_keyboard(reader: Reader) -> None:
    """The focus stays in the page when the link that had it is gone."""
    reader.go("/records")
    page = reader.page
    page.focus("#next")
    page.keyboard.press("Enter")
    expect(page.locator("#first")).to_be_visible()
    expect(page.locator("#next")).to_have_count(0)
    assert page.evaluate(_FOCUS) != "body"
    page.keyboard.press("j")
    page.keyboard.press("j")
    second = page.locator("tbody th a").nth(1)
    expect(second).to_be_focused()
    name = second.text_content()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(name or "")


def test_filters_of_a_list_are_kept_by_its_tabs(reader: Reader) -> None:
    reader.go("/records?q=ann")
    page = reader.page
    page.click("#tab-failing")
    expect(page.locator("main tbody tr")).to_have_count(2)
    assert page.evaluate(_FOCUS) == "tab-failing"
    page.select_option("#f-category", "too_long")
    expect(page.locator("main tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("q=ann.*category=too_long|category=too_long.*q=ann"))


def test_a_failing_record_turns_green_without_a_reload(reader: Reader, console: ConsoleHarness) -> None:
    """From the first page to the record, its resync, and its new state, without touching a mouse."""
    console.show(linked("zed", label="Zed", status="failing", reason="invalid_value"))
    page = reader.page
    reader.go("/")
    page.focus("#ask")
    page.keyboard.type("zed")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Zed")
    expect(page.locator("#sentence")).to_contain_text("Acts: owner of the record.")
    page.get_by_role("button", name="Resync this record").focus()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Both records are read again")
    assert {row.id for row in console.env.told(topics.NOTICES)} >= {"h-zed", "b-zed"}
    console.show(linked("zed", label="Zed"))
    expect(page.locator("#sentence")).to_contain_text("Both records hold the same values")


def test_a_page_that_was_stopped_stands_still(reader: Reader, console: ConsoleHarness) -> None:
    console.show(linked("yan", label="Yan", status="pending", reason="queued"))
    page = reader.page
    page.clock.install()
    reader.go("/records/yan")
    button = page.get_by_role("button", name="Stop updating this page")
    button.press("Space")
    console.show(linked("yan", label="Yan"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(60_000)
    assert asked == []
    expect(page.locator("#sentence")).to_contain_text("A write is on its way.")
    button.press("Space")
    page.clock.run_for(5_000)
    expect(page.locator("#sentence")).to_contain_text("Both records hold the same values")


def test_what_somebody_opened_stays_open(reader: Reader, console: ConsoleHarness) -> None:
    """Also when the page is renewed meanwhile."""
    problem = Problem(code="too_long", message="at most 10", field="f")
    console.show(linked("xia", label="Xia", status="failing", reason="too_long", problems={"f": problem}))
    page = reader.page
    page.clock.install()
    reader.go("/records/xia")
    expect(page.locator("#agree table")).to_be_hidden()
    page.locator("#agree > summary").press("Enter")
    console.show(linked("xia", label="Xia", status="failing", reason="too_long", problems={"f": problem}, n=5,
                       notes={"g": "drift"}))  # fmt: skip
    page.clock.run_for(5_000)
    expect(page.locator("#fields")).to_contain_text("was changed on the side", ignore_case=True)
    expect(page.locator("#agree table")).to_be_visible()


def test_keys_lead_to_places_and_can_be_switched_off(reader: Reader) -> None:
    page = reader.page
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_url("**/records")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.locator(".top .pop > summary").press("Enter")
    page.get_by_label("Single keys").press("Space")
    page.get_by_role("button", name="Keep").press("Enter")
    page.wait_for_load_state()
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_hidden()
    assert page.url.endswith("/records")


def test_a_phone_has_the_navigation_as_a_menu(reader: Reader) -> None:
    reader.look(390, "dark")
    page = reader.page
    page.get_by_role("button", name="Menu").press("Enter")
    page.locator("#menu").get_by_role("link", name="Records").press("Enter")
    expect(page.locator("h1")).to_have_text("Records")
    reader.picture("menu-390-dark")


def test_the_theme_is_chosen(reader: Reader) -> None:
    reader.look(1280, "light")
    page = reader.page
    page.locator(".top .pop > summary").press("Enter")
    reader.picture("account-1280-light")
    assert reader.axe() == []
    page.get_by_label("Dark").check()
    page.get_by_role("button", name="Keep").press("Enter")
    page.wait_for_load_state()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 18, 23)"
    assert reader.axe() == []


def test_a_parked_message_is_replayed_and_another_dropped_by_keyboard(reader: Reader, console: ConsoleHarness) -> None:
    """The list follows, and says what was done; Enter in the reason drops what is chosen."""
    one, other = (
        Parked(
            topic="notices", partition=0, offset=1, key=f"hub/contact/h-{name}", raw_base64="e30=", reason="malformed",
            at_ms=1,
        )
        for name in ("oda", "per")
    )  # fmt: skip
    console.park(one, other)
    page = reader.page
    reader.go("/parked?q=h-oda")
    page.get_by_label("Choose hub/contact/h-oda").press("Space")
    page.get_by_role("button", name="Replay chosen").press("Enter")
    expect(page.locator("#done")).to_contain_text("1 message replayed")
    console.follow_views()
    page.reload()
    expect(page.locator("#list")).to_contain_text("No message matches")
    reader.go("/parked?q=h-per")
    page.get_by_label("Choose hub/contact/h-per").press("Space")
    page.get_by_label("Why they are not needed").fill("a test")
    page.keyboard.press("Enter")
    expect(page.locator("#done")).to_contain_text("1 message dropped")
    console.follow_views()
    reader.go("/parked?state=decided")
    expect(page.locator("tbody")).to_contain_text("dropped: a test")
    assert [row.key for row in console.env.broker.fetch("notices", 0, 0, 999) if "replayed" in row.headers] + [
        row.key for row in console.env.broker.fetch("notices", 1, 0, 999) if "replayed" in row.headers
    ] == ["hub/contact/h-oda"]


def test_columns_are_chosen_by_keyboard_and_stay(reader: Reader) -> None:
    """Also while the list narrows."""
    reader.go("/records?status=failing")
    page = reader.page
    page.locator("#columns > summary").press("Enter")
    page.locator("select[name=column1]").select_option("Last change")
    page.locator("select[name=column2]").select_option("None")
    page.get_by_role("button", name="Keep these").press("Enter")
    expect(page.locator("thead th").nth(1)).to_have_text("Last change")
    expect(page).to_have_url(re.compile("status=failing"))
    heads = page.locator("thead th").count()
    page.fill("main [name=q]", "scr")
    expect(page.locator("main tbody tr")).to_have_count(1)
    assert page.locator("thead th").count() == heads
    reader.look(390, "light")
    page.locator("#columns > summary").press("Enter")
    assert reader.cut() == []
    assert reader.axe() == []
    for width, scheme in ((1280, "light"), (390, "dark")):
        reader.look(width, scheme)
        reader.picture(f"records-columns-{width}-{scheme}")
    page.get_by_role("button", name="All columns").press("Enter")
    expect(page.locator("thead th").nth(1)).to_have_text("Status")


def test_what_a_button_opens_lies_within_the_window(reader: Reader) -> None:
    """And what is in it within that."""
    reader.go("/records?status=failing")
    for width in WIDTHS:
        reader.look(width, "light")
        for opens in ("#export", "#columns", "header > .pop"):
            summary = reader.page.locator(f"{opens} > summary")
            summary.click()
            assert reader.cut() == [], (width, opens)
            assert reader.page.evaluate(_BEYOND) == [], (width, opens)
            summary.click()


def test_a_list_is_exported_and_downloaded(reader: Reader, console: ConsoleHarness) -> None:
    """By keyboard: the page tells how far the file is, and offers it without being loaded again."""
    reader.go("/records?status=failing")
    page = reader.page
    page.focus("#export > summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate(_FOCUS) == "export-format"
    page.keyboard.press("J")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#shown h2")).to_have_text("Your file is being made")
    console.make_files()
    expect(page.locator("#shown h2")).to_have_text("Your file is ready", timeout=10_000)
    with page.expect_download() as download:
        page.focus("#shown-file")
        page.keyboard.press("Enter")
    rows = [json.loads(line) for line in download.value.path().read_text().splitlines()]
    assert {row["label"] for row in rows} >= {NASTY, "Eve"}
    assert {row["status"] for row in rows} == {"Failing"}
    assert download.value.suggested_filename.endswith(".jsonl")


def test_the_second_of_two_people_sees_both_and_decides_by_keyboard(reader: Reader, console: ConsoleHarness) -> None:
    page, connections = reader.page, console.installation.connections
    known = connections.find("hub").label
    reader.go("/connections/hub")
    page.locator("#label").fill("Ours")
    connections.rename("hub", "Theirs")
    page.locator("#label").press("Enter")
    expect(page.locator("#differs")).to_contain_text("Theirs")
    reader.said.clear()  # the browser tells of the 412
    for width in WIDTHS:
        reader.look(width, "dark")
        assert reader.cut() == []
    assert reader.axe() == []
    page.locator("#again").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ours")
    connections.rename("hub", known)

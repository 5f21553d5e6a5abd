"""Messages that nobody could handle: listed, and replayed or dropped, alike by page, API and command."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.console.access.people import INSTALLATION
from services.console.commands import parked as parked_commands
from services.console.use import parked as use
from shared import topics
from shared.io.envelope import Stored
from shared.messages import Parked
from shared.settings import Settings
from tests.console.web.visitor import Form, Visitor
from tests.services.console.window import TOKEN, Window, is_problem, pair
from tests.services.desk import LEFT


def test_parked_messages_are_listed_by_age_in_pages(window: Window, visitor: Visitor) -> None:
    rows = [
        Parked(
            topic="records", partition=0, offset=number, key=f"{LEFT}/contact/h-{number}", raw_base64="",
            reason="unreadable", detail=f"broken {number}", at_ms=number,
        )
        for number in range(60)
    ]  # fmt: skip
    stored = [Stored(partition=0, offset=row.offset + 1, key=row.key, message=row, raw=b"", headers={}) for row in rows]
    window.views.take(topics.PARKED.name, stored, {})
    page = visitor.open("/parked")
    assert re.findall(r"broken (\d+)", page.words) == [str(number) for number in range(59, 9, -1)]
    (following,) = [link for link in page.links if "before=" in link]
    assert re.findall(r"broken (\d+)", visitor.open(following).words) == [str(number) for number in range(9, -1, -1)]
    assert "60 messages" in page.words
    assert "/why?q=h-59" in page.links
    assert "Nothing is parked" not in visitor.open("/parked?before=x").words


def test_on_a_phone_each_cell_says_what_it_is(window: Window, visitor: Visitor) -> None:
    window.park(message(0))
    labels = [value for tag, name, value in visitor.open("/parked").attributes if (tag, name) == ("td", "data-label")]
    assert labels == ["Topic", "Reason", "Details", "When"]


def test_a_parked_message_leads_to_its_record_whatever_its_id_holds(window: Window, visitor: Visitor) -> None:
    """The key of a message to a record ends with its id; that of a message to a pair is the pair's name."""
    for number, key in enumerate((f"{LEFT}/contact//ann/book/1.vcf", "0123456789abcdef0123")):
        row = Parked(topic="x", partition=0, offset=number, key=key, raw_base64="", reason="unreadable", at_ms=1)
        stored = Stored(partition=0, offset=number + 1, key=key, message=row, raw=b"", headers={})
        window.views.take(topics.PARKED.name, [stored], {})
    links = visitor.open("/parked").links
    assert "/why?q=%2Fann%2Fbook%2F1.vcf" in links
    assert "/why?q=0123456789abcdef0123" in links


def test_nothing_is_parked(visitor: Visitor, window: Window) -> None:
    window.show(pair("a"))
    assert "Nothing is parked" in visitor.open("/parked").words


# What people decide


def message(number: int, **more: Any) -> Parked:
    fields: dict[str, Any] = {
        "topic": "notices", "partition": 0, "offset": number, "key": f"{LEFT}/contact/h-{number}",
        "raw_base64": "e30=", "headers": {"ce_dataschema": "1"}, "reason": "malformed", "detail": f"broken {number}",
        "at_ms": 10 + number,
    }  # fmt: skip
    return Parked(**{**fields, **more})


def replayed(window: Window) -> list[tuple[str, bytes, str]]:
    """List what was published once more: key, bytes, and how often it was replayed by then."""
    broker = window.desk.broker
    rows = [row for part in broker.partitions("notices") for row in broker.fetch("notices", part, 0, 1000)]
    return sorted((row.key, row.value or b"", row.headers["replayed"]) for row in rows)


def decide_form(visitor: Visitor, path: str = "/parked") -> Form:
    return next(form for form in visitor.open(path).forms if form.action == "/parked" and form.method == "post")


def boxes(form: Form, *chosen: int) -> Form:
    """Tick these boxes alone, as a browser sends a form."""
    return Form(form.action, form.method, {**form.fields, **{f"at-{at}": "on" for at in chosen}})


def test_chosen_messages_are_replayed_by_a_page(window: Window, visitor: Visitor) -> None:
    ats = window.park(*(message(number) for number in range(4)))
    form = decide_form(visitor)
    assert {*form.boxes} == {f"at-{at}" for at in ats}
    answer = visitor.send(boxes(form, ats[1], ats[3]), what="replay")
    assert answer.status_code == 303
    assert replayed(window) == [(f"{LEFT}/contact/h-{number}", b"{}", "1") for number in (1, 3)]
    window.follow_views()
    page = visitor.open(answer.headers["Location"])
    assert "2 messages replayed A message that still cannot be handled comes back to this list." in page.words
    assert re.findall(r"broken (\d+)", page.words) == ["2", "0"]
    decided = visitor.open("/parked?state=decided").words
    assert decided.count(f"replayed {INSTALLATION}") == 2


def test_one_message_is_replayed_by_its_button(window: Window, visitor: Visitor) -> None:
    """Whatever boxes are ticked; the first place, 0, is a place."""
    ats = window.park(message(0), message(1))
    visitor.send(boxes(decide_form(visitor), ats[1]), what=f"one-{ats[0]}")
    assert [row[0] for row in replayed(window)] == [f"{LEFT}/contact/h-0"]


def test_all_that_a_filter_chooses_are_replayed(window: Window, visitor: Visitor, monkeypatch: Any) -> None:
    """As many as one order may be about, the oldest first; the page says how many are left."""
    monkeypatch.setattr(use, "MOST", 3)
    window.park(*(message(number, reason="malformed" if number < 5 else "too_large") for number in range(7)))
    form = decide_form(visitor, "/parked?reason=malformed")
    assert form.fields["reason"] == "malformed"
    answer = visitor.send(boxes(form), what="replay-all")
    assert [row[0][-1] for row in replayed(window)] == ["0", "1", "2"]
    words = visitor.open(answer.headers["Location"]).words
    assert "2 more are chosen by these filters" in words
    window.follow_views()
    assert [row["key"][-1] for row in window.get("parked")["parked"]] == ["6", "5", "4", "3"]
    assert window.get("parked", reason="too_large")["total"] == {"number": 2, "exact": True}


def test_messages_are_dropped_with_a_reason(window: Window, visitor: Visitor) -> None:
    ats = window.park(message(1), message(2))
    form = boxes(decide_form(visitor), ats[0])
    assert "Say why" in visitor.send(form, what="drop").text
    assert visitor.send(form, what="drop", why=" of a test ").status_code == 303
    window.follow_views()
    assert replayed(window) == []
    assert [row["id"] for row in window.get("parked")["parked"]] == [ats[1]]
    (decided,) = window.get("parked", state="decided")["parked"]
    assert (decided["what"], decided["why"], decided["who"]) == ("dropped", "of a test", INSTALLATION)
    assert "dropped: of a test" in visitor.open("/parked?state=decided").words


def test_what_cannot_be_decided_is_said(window: Window, visitor: Visitor) -> None:
    (at,) = window.park(message(1))
    form = boxes(decide_form(visitor))
    assert visitor.send(form, what="replay").status_code == 422, "nothing is chosen"
    assert visitor.send(boxes(form, at), what="burn").status_code == 422
    assert visitor.send(boxes(form, 77), what="replay").status_code == 404
    (odd,) = window.park(message(2, topic="writes.gone"))
    assert "drop it" in is_problem(window.call("POST", f"parked/{odd}/replay"), 409)
    (torn,) = window.park(message(3, raw_base64="!"))
    assert "not whole" in is_problem(window.call("POST", f"parked/{torn}/replay"), 409)
    with window.desk.kafka_away():
        assert visitor.send(boxes(form, at), what="replay").status_code == 503
    is_problem(window.call("POST", "parked/replay", json={"messages": [at] * 1001}), 422)
    is_problem(window.call("POST", f"parked/{2**80}/replay"), 422)
    assert len(window.get("parked")["parked"]) == 3


def test_what_kafka_has_forgotten_is_said(window: Window) -> None:
    """A message that the views know still, and the topic does not."""
    row = message(1)
    stored = Stored(partition=0, offset=9, key=row.key, message=row, raw=b"", headers={})
    window.views.take(topics.PARKED.name, [stored], {})
    assert window.call("POST", "parked/9/replay").json() == {"what": "replayed", "done": 0, "gone": 1, "left": 0}
    window.views.forget_parked_before(100)
    assert window.get("parked") == {"parked": [], "total": {"number": 0, "exact": True}, "next": None}


def test_a_decision_counts_in_whichever_order_it_is_read(window: Window) -> None:
    """Also on another replica, which reads the two topics one after the other; not for a topic that was made anew."""
    (at,) = window.park(message(1))
    window.call("POST", f"parked/{at}/drop", json={"why": "known"})
    window.follow_views()
    parked = Stored(partition=0, offset=at, key="k", message=message(1), raw=b"", headers={})
    window.views.take(topics.PARKED.name, [parked], {})
    assert window.get("parked")["parked"] == []
    anew = Stored(partition=0, offset=at, key="k", message=message(5), raw=b"", headers={})
    window.views.take(topics.PARKED.name, [anew], {})
    assert [row["key"][-1] for row in window.get("parked")["parked"]] == ["5"]
    assert window.views.parked() == {"malformed": 1}


def test_a_message_that_was_parked_again_says_so(window: Window, visitor: Visitor) -> None:
    window.park(message(1, headers={"replayed": "2"}), message(2, headers={"replayed": "x"}))
    words = visitor.open("/parked").words
    assert words.count("Parked again after") == 1
    assert "Parked again after 2 replays" in words


# The command


@contextmanager
def following(window: Window) -> Iterator[None]:
    """Have the views follow by themselves, as they do in a process."""
    stop = threading.Event()

    def follow() -> None:
        while not stop.wait(0.05):
            window.follow_views()
        window.views.close()

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture(name="there")
def _there(window: Window) -> Settings:
    return Settings(console_host="127.0.0.1", console_port=urlsplit(window.address).port, console_token=TOKEN)  # type: ignore[arg-type]  # a secret as text


def test_the_command_lists_replays_and_drops(
    window: Window, there: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(what: Any, *ats: int, **more: Any) -> tuple[int, str]:
        code = parked_commands.run(what, ats, **{"wanted": {}, "settings": there, **more})
        window.follow_views()
        said = capsys.readouterr()
        return code, said.out + said.err

    assert run("list") == (0, "nothing is parked\n")
    ats = window.park(*(message(number) for number in range(6)))
    assert run("list", wanted={"q": "h-4"})[1] == f"{ats[4]}  notices  {LEFT}/contact/h-4  malformed: broken 4\n"
    assert len(json.loads(run("list", as_json=True)[1])) == 6
    assert run("replay", ats[0]) == (0, "1 replayed\n")
    assert run("drop", ats[1]) == (1, "Write why these messages are not needed: it is kept with them.\n")
    assert run("drop", ats[1], why="known") == (0, "1 dropped\n")
    assert run("replay")[0] == 1
    monkeypatch.setattr(use, "MOST", 3)
    with following(window):
        assert run("replay", every=True) == (0, "4 replayed\n3 replayed, 1 to go\n")
    assert len(replayed(window)) == 5, "none is replayed twice, since each order waits for the one before"
    assert run("list") == (0, "nothing is parked\n")

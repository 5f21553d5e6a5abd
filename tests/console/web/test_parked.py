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
from services.console.commands.records import parked as parked_commands
from services.console.use.records import parked as use
from shared.io.envelope import Stored
from shared.settings import Settings
from shared.wire import topics
from shared.wire.messages import Parked
from tests.console.web.client import ConsoleClient, Form
from tests.services.console.harness import TOKEN, ConsoleHarness, is_problem, pair
from tests.services.environment import LEFT


def test_parked_messages_are_listed_by_age_in_pages(console: ConsoleHarness, client: ConsoleClient) -> None:
    rows = [
        Parked(
            topic="records", partition=0, offset=number, key=f"{LEFT}/contact/h-{number}", raw_base64="",
            reason="unreadable", detail=f"broken {number}", at_ms=number,
        )
        for number in range(60)
    ]  # fmt: skip
    stored = [Stored(partition=0, offset=row.offset + 1, key=row.key, message=row, raw=b"", headers={}) for row in rows]
    console.views.take(topics.PARKED.name, stored, {})
    page = client.open("/parked")
    assert re.findall(r"broken (\d+)", page.words) == [str(number) for number in range(59, 9, -1)]
    (following,) = [link for link in page.links if "before=" in link]
    assert re.findall(r"broken (\d+)", client.open(following).words) == [str(number) for number in range(9, -1, -1)]
    assert "60 messages" in page.words
    assert "/why?q=h-59" in page.links
    assert "Nothing is parked" not in client.open("/parked?before=x").words


def test_on_a_phone_each_cell_says_what_it_is(console: ConsoleHarness, client: ConsoleClient) -> None:
    console.park(message(0))
    labels = [value for tag, name, value in client.open("/parked").attributes if (tag, name) == ("td", "data-label")]
    assert labels == ["Topic", "Reason", "Details", "When"]


def test_a_parked_message_leads_to_its_record_whatever_its_id_holds(
    console: ConsoleHarness, client: ConsoleClient
) -> None:
    """The key of a message to a record ends with its id; that of a message to a pair is the pair's name."""
    for number, key in enumerate((f"{LEFT}/contact//ann/book/1.vcf", "0123456789abcdef0123")):
        row = Parked(topic="x", partition=0, offset=number, key=key, raw_base64="", reason="unreadable", at_ms=1)
        stored = Stored(partition=0, offset=number + 1, key=key, message=row, raw=b"", headers={})
        console.views.take(topics.PARKED.name, [stored], {})
    links = client.open("/parked").links
    assert "/why?q=%2Fann%2Fbook%2F1.vcf" in links
    assert "/why?q=0123456789abcdef0123" in links


def test_nothing_is_parked(client: ConsoleClient, console: ConsoleHarness) -> None:
    console.show(pair("a"))
    assert "Nothing is parked" in client.open("/parked").words


# What people decide


def message(number: int, **more: Any) -> Parked:
    fields: dict[str, Any] = {
        "topic": "notices", "partition": 0, "offset": number, "key": f"{LEFT}/contact/h-{number}",
        "raw_base64": "e30=", "headers": {"ce_dataschema": "1"}, "reason": "malformed", "detail": f"broken {number}",
        "at_ms": 10 + number,
    }  # fmt: skip
    return Parked(**{**fields, **more})


def replayed(console: ConsoleHarness) -> list[tuple[str, bytes, str]]:
    """List what was published once more: key, bytes, and how often it was replayed by then."""
    broker = console.env.broker
    rows = [row for part in broker.partitions("notices") for row in broker.fetch("notices", part, 0, 1000)]
    return sorted((row.key, row.value or b"", row.headers["replayed"]) for row in rows)


def decide_form(client: ConsoleClient, path: str = "/parked") -> Form:
    return next(form for form in client.open(path).forms if form.action == "/parked" and form.method == "post")


def boxes(form: Form, *chosen: int) -> Form:
    """Tick these boxes alone, as a browser sends a form."""
    return Form(form.action, form.method, {**form.fields, **{f"at-{at}": "on" for at in chosen}})


def test_chosen_messages_are_replayed_by_a_page(console: ConsoleHarness, client: ConsoleClient) -> None:
    ats = console.park(*(message(number) for number in range(4)))
    form = decide_form(client)
    assert {*form.boxes} == {f"at-{at}" for at in ats}
    answer = client.send(boxes(form, ats[1], ats[3]), what="replay")
    assert answer.status_code == 303
    assert replayed(console) == [(f"{LEFT}/contact/h-{number}", b"{}", "1") for number in (1, 3)]
    console.follow_views()
    page = client.open(answer.headers["Location"])
    assert "2 messages replayed A message that still cannot be handled comes back to this list." in page.words
    assert re.findall(r"broken (\d+)", page.words) == ["2", "0"]
    decided = client.open("/parked?state=decided").words
    assert decided.count(f"replayed {INSTALLATION}") == 2


def test_one_message_is_replayed_by_its_button(console: ConsoleHarness, client: ConsoleClient) -> None:
    """Whatever boxes are ticked; the first place, 0, is a place."""
    ats = console.park(message(0), message(1))
    client.send(boxes(decide_form(client), ats[1]), what=f"one-{ats[0]}")
    assert [row[0] for row in replayed(console)] == [f"{LEFT}/contact/h-0"]


def test_all_that_a_filter_chooses_are_replayed(
    console: ConsoleHarness, client: ConsoleClient, monkeypatch: Any
) -> None:
    """As many as one order may be about, the oldest first; the page says how many are left."""
    monkeypatch.setattr(use, "MOST", 3)
    console.park(*(message(number, reason="malformed" if number < 5 else "too_large") for number in range(7)))
    form = decide_form(client, "/parked?reason=malformed")
    assert form.fields["reason"] == "malformed"
    answer = client.send(boxes(form), what="replay-all")
    assert [row[0][-1] for row in replayed(console)] == ["0", "1", "2"]
    words = client.open(answer.headers["Location"]).words
    assert "2 more are chosen by these filters" in words
    console.follow_views()
    assert [row["key"][-1] for row in console.get("parked")["parked"]] == ["6", "5", "4", "3"]
    assert console.get("parked", reason="too_large")["total"] == {"number": 2, "exact": True}


def test_messages_are_dropped_with_a_reason(console: ConsoleHarness, client: ConsoleClient) -> None:
    ats = console.park(message(1), message(2))
    form = boxes(decide_form(client), ats[0])
    assert "Say why" in client.send(form, what="drop").text
    assert client.send(form, what="drop", why=" of a test ").status_code == 303
    console.follow_views()
    assert replayed(console) == []
    assert [row["id"] for row in console.get("parked")["parked"]] == [ats[1]]
    (decided,) = console.get("parked", state="decided")["parked"]
    assert (decided["what"], decided["why"], decided["who"]) == ("dropped", "of a test", INSTALLATION)
    assert "dropped: of a test" in client.open("/parked?state=decided").words


def test_what_cannot_be_decided_is_said(console: ConsoleHarness, client: ConsoleClient) -> None:
    (at,) = console.park(message(1))
    form = boxes(decide_form(client))
    assert client.send(form, what="replay").status_code == 422, "nothing is chosen"
    assert client.send(boxes(form, at), what="burn").status_code == 422
    assert client.send(boxes(form, 77), what="replay").status_code == 404
    (odd,) = console.park(message(2, topic="writes.gone"))
    assert "drop it" in is_problem(console.call("POST", f"parked/{odd}/replay"), 409)
    (torn,) = console.park(message(3, raw_base64="!"))
    assert "not whole" in is_problem(console.call("POST", f"parked/{torn}/replay"), 409)
    with console.env.kafka_away():
        assert client.send(boxes(form, at), what="replay").status_code == 503
    is_problem(console.call("POST", "parked/replay", json={"messages": [at] * 1001}), 422)
    is_problem(console.call("POST", f"parked/{2**80}/replay"), 422)
    assert len(console.get("parked")["parked"]) == 3


def test_what_kafka_has_forgotten_is_said(console: ConsoleHarness) -> None:
    """A message that the views know still, and the topic does not."""
    row = message(1)
    stored = Stored(partition=0, offset=9, key=row.key, message=row, raw=b"", headers={})
    console.views.take(topics.PARKED.name, [stored], {})
    assert console.call("POST", "parked/9/replay").json() == {"what": "replayed", "done": 0, "gone": 1, "left": 0}
    console.views.forget_parked_before(100)
    assert console.get("parked") == {"parked": [], "total": {"number": 0, "exact": True}, "next": None}


def test_a_decision_counts_in_whichever_order_it_is_read(console: ConsoleHarness) -> None:
    """Also on another replica, which reads the two topics one after the other; not for a topic that was made anew."""
    (at,) = console.park(message(1))
    console.call("POST", f"parked/{at}/drop", json={"why": "known"})
    console.follow_views()
    parked = Stored(partition=0, offset=at, key="k", message=message(1), raw=b"", headers={})
    console.views.take(topics.PARKED.name, [parked], {})
    assert console.get("parked")["parked"] == []
    anew = Stored(partition=0, offset=at, key="k", message=message(5), raw=b"", headers={})
    console.views.take(topics.PARKED.name, [anew], {})
    assert [row["key"][-1] for row in console.get("parked")["parked"]] == ["5"]
    assert console.views.parked() == {"malformed": 1}


def test_a_message_that_was_parked_again_says_so(console: ConsoleHarness, client: ConsoleClient) -> None:
    console.park(message(1, headers={"replayed": "2"}), message(2, headers={"replayed": "x"}))
    words = client.open("/parked").words
    assert words.count("Parked again after") == 1
    assert "Parked again after 2 replays" in words


# The command


@contextmanager
def following(console: ConsoleHarness) -> Iterator[None]:
    """Have the views follow by themselves, as they do in a process."""
    stop = threading.Event()

    def follow() -> None:
        while not stop.wait(0.05):
            console.follow_views()
        console.views.close()

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture(name="there")
def _there(console: ConsoleHarness) -> Settings:
    return Settings(console_host="127.0.0.1", console_port=urlsplit(console.address).port, console_token=TOKEN)  # type: ignore[arg-type]  # a secret as text


def test_the_command_lists_replays_and_drops(
    console: ConsoleHarness, there: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(what: Any, *ats: int, **more: Any) -> tuple[int, str]:
        code = parked_commands.run(what, ats, **{"wanted": {}, "settings": there, **more})
        console.follow_views()
        said = capsys.readouterr()
        return code, said.out + said.err

    assert run("list") == (0, "nothing is parked\n")
    ats = console.park(*(message(number) for number in range(6)))
    assert run("list", wanted={"q": "h-4"})[1] == f"{ats[4]}  notices  {LEFT}/contact/h-4  malformed: broken 4\n"
    assert len(json.loads(run("list", as_json=True)[1])) == 6
    assert run("replay", ats[0]) == (0, "1 replayed\n")
    assert run("drop", ats[1]) == (1, "Write why these messages are not needed: it is kept with them.\n")
    assert run("drop", ats[1], why="known") == (0, "1 dropped\n")
    assert run("replay")[0] == 1
    monkeypatch.setattr(use, "MOST", 3)
    with following(console):
        assert run("replay", every=True) == (0, "4 replayed\n3 replayed, 1 to go\n")
    assert len(replayed(console)) == 5, "none is replayed twice, since each order waits for the one before"
    assert run("list") == (0, "nothing is parked\n")

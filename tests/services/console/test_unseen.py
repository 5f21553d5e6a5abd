"""Asking apps for records that no sync has seen: who may, how often, for how long, and what is told by the API."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services.console.use import asking
from services.console.use.asking import Asking
from services.console.use.callers import Caller
from services.console.use.problems import Problem
from services.console.use.records import unseen
from shared.io.memory import ManualClock
from shared.io.ports import NotReady
from shared.io.redis.rates import MemoryRates
from shared.model.mapping import FieldMapping
from shared.model.records import Life
from shared.wire import topics
from shared.wire.messages import SetupDoc
from tests.services.console.harness import ConsoleHarness, is_problem
from tests.services.environment import LEFT, RIGHT, SYNC, as_json, fails, people, report, with_binding

ANN = Caller("ann@x.example", "viewer", user="ann")
BOB = Caller("bob@x.example", "viewer", user="bob")


def _holds(console: ConsoleHarness, *reports: Any) -> None:
    """Enter records in the left app."""
    rows = {row["id"]: row for row in as_json(reports)}
    console.env.answers["read"] = lambda at, ids: [rows[one] for one in ids if one in rows and at == LEFT]


def _ask(console: ConsoleHarness, record: str = "h-new", **more: Any) -> Any:
    return console.call(
        "GET", "explanations", params={"connection": LEFT, "object": "contact", "record_id": record}, **more
    )


def _told(console: ConsoleHarness, record: str = "h-new", **more: Any) -> Any:
    answer = _ask(console, record, **more)
    assert answer.status_code == 200, answer.text
    (told,) = answer.json()["explanations"]
    return told


# What is told


def test_what_an_app_says_has_the_shape_of_an_explanation_and_says_who_was_asked(console: ConsoleHarness) -> None:
    _holds(console, report("h-new", 3, fields={"f": "x"}))
    told = _told(console)
    assert (told["id"], told["status"], told["reason"], told["sync"]) == ("", "unseen", "not_told", SYNC)
    assert told["summary"].startswith("Hub has contact h-new, and nothing stands in its way: ")
    assert told["who"] == "operator"
    assert (told["sides"]["L"]["fields"]["f"], told["sides"]["R"]) == ("x", None)
    said = told["asked"]
    assert (said["connection"], said["object"], said["record"], said["found"]) == (LEFT, "contact", "h-new", "not_told")
    assert said["can_be_read"] is True
    assert {row["name"]: row["value"] for row in said["values"]}["email"] == "h-new@x.example"
    (by_text,) = console.get("explanations", q="h-new")["explanations"]
    assert by_text["asked"]["found"] == "not_told"


def test_one_that_nobody_knows_is_not_found_and_the_account_is_named(console: ConsoleHarness) -> None:
    assert is_problem(_ask(console), 404).startswith("No sync has seen it yet. Hub knows no contact h-new. It was ")
    _holds(console, report("h-new", 3, life=Life.GONE))
    assert "Hub knows no contact h-new" in is_problem(_ask(console), 404)
    sentence = is_problem(console.call("GET", "explanations", params={"q": "h-new"}), 404)
    assert "None of these knows a record 'h-new': Hub (contacts), Book (contacts)." in sentence


@pytest.mark.parametrize(
    ("answer", "reason", "said", "who"),
    [
        (fails(), "app_unavailable", "Hub could not be asked: away.", ""),
        (fails(code="auth_expired", retry="auth", message="sign in"), "auth_expired", "be asked: sign in.", "admin"),
        (lambda *_: [{"id": "h-new", "code": "not_readable", "message": "no right"}], "not_readable",
         "Hub has contact h-new, and it cannot be read.", "admin"),
    ],
)  # fmt: skip
def test_what_keeps_an_app_from_saying_is_told_and_nothing_is_invented(
    console: ConsoleHarness, answer: Any, reason: str, said: str, who: str
) -> None:
    console.env.answers["read"] = answer
    told = _told(console)
    assert (told["reason"], told["who"], told["asked"]["can_be_read"]) == (reason, who, False)
    assert told["summary"].endswith(said)
    assert told["asked"]["values"] == []


def test_a_first_sync_and_a_sync_that_does_not_run_here_are_named(console: ConsoleHarness) -> None:
    _holds(console, report("h-new", 3))
    console.env.set_up("sync", SetupDoc(sync=people(id="new")), "new")
    answers = {row["sync"]: row for row in _ask(console).json()["explanations"]}
    assert (answers["new"]["reason"], answers["new"]["asked"]["can_be_read"]) == ("first_sync", False)
    console.env.stop()
    answers = {row["sync"]: row for row in _ask(console).json()["explanations"]}
    assert answers[SYNC]["reason"] == "not_run"
    assert "a word of a newer version" in answers[SYNC]["summary"]


def test_redis_that_is_away_is_said(console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise NotReady(SYNC)

    monkeypatch.setattr(console.env.caller, "run", away)
    told = _told(console)
    assert (told["reason"], told["hint"]) == ("not_answered", "Ask again in a moment.")
    assert "are not ready" in told["summary"]


def test_an_account_that_is_disconnected_while_it_is_asked_is_said_to_be(console: ConsoleHarness) -> None:
    """What it answers counts no more; the others are told as ever."""
    rows = as_json([report("x-new", 3, at=RIGHT)])

    def leave(at: str, _ids: Any) -> Any:
        if at == LEFT:
            console.env.set_up("sync", None, SYNC)
            console.env.set_up("connection", None, LEFT)
        return rows if at == RIGHT else as_json([report("x-new", 3)])

    console.env.answers["read"] = leave
    answer = console.call("GET", "explanations", params={"q": "x-new"})
    assert answer.status_code == 200, answer.text
    left, right = answer.json()["explanations"]
    assert (left["asked"]["found"], left["who"], left["asked"]["url"]) == ("not_answered", "admin", "")
    assert left["summary"] == f"{LEFT} could not be asked: it was disconnected meanwhile."
    assert left["hint"] == "Connect it again, if its records shall travel."
    assert right["summary"].startswith("Book has contact x-new, and no sync uses the contacts")
    assert "There can be no contact" in is_problem(_ask(console, "x-new"), 404)


@pytest.mark.parametrize("text", ["h-new", "ann@x.example"])
def test_an_account_that_is_disconnected_just_before_it_is_asked_is_said_to_be(
    console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Between finding out whom to ask, and asking."""
    with_binding(console.env, LEFT, look_up=_nobody)
    ask = console.installation.asking.ask

    def late(by: Caller, how: Any, questions: Any) -> Any:
        console.env.set_up("connection", None, LEFT)
        return ask(by, how, questions)

    monkeypatch.setattr(console.installation.asking, "ask", late)
    answer = console.call("GET", "explanations", params={"q": text})
    assert answer.status_code == 200, answer.text
    told = answer.json()["explanations"][0]
    assert told["summary"] == f"{LEFT} could not be asked: it was disconnected meanwhile."


@pytest.mark.parametrize(
    ("step", "query", "status"),
    [
        ("with_id", {"q": "h-new"}, 200),
        ("place_of", {"connection": LEFT, "object": "contact", "record_id": "h-new"}, 200),
        ("_search_in", {"q": "ann@x.example"}, 200),
        ("objects_in_use", {"q": "ann@x.example"}, 404),
    ],
)
def test_settings_that_go_between_two_looks_at_them_are_no_error(
    console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch, step: str, query: dict[str, str], status: int
) -> None:
    """The thread that follows them may take an account away at any moment."""
    with_binding(console.env, LEFT, look_up=_nobody)
    where: Any = console.env.setups if step == "objects_in_use" else unseen
    look = getattr(where, step)

    def last(*given: Any) -> Any:
        found = look(*given)
        console.env.set_up("connection", None, LEFT)
        return found

    monkeypatch.setattr(where, step, last)
    answer = console.call("GET", "explanations", params=query)
    assert answer.status_code == status, answer.text
    said = f"{LEFT} could not be asked: it was disconnected meanwhile."
    assert (said if status == 200 else f"Not searched by e-mail address: {LEFT} (contacts)") in answer.text


def _nobody(_session: Any, _values: Any, _names: Any) -> Any:
    yield from ()
    return []


# Who is told what


def test_sensitive_values_are_not_told_to_viewers_nor_those_of_another_sync(console: ConsoleHarness) -> None:
    """As in all other places; a field that only another sync carries is none of this one's."""
    mappings = (
        FieldMapping(key="email", left="email", right="email", lens="email", sensitive=True),
        FieldMapping(key="f", left="f", right="f", lens="text"),
    )
    console.env.set_up("sync", SetupDoc(sync=people(version=2, mappings=mappings)), SYNC)
    _holds(console, report("h-new", 3, fields={"email": "secret@x.example", "f": "open", "g": "others"}))
    for role, is_told in (("viewer", False), ("editor", True)):
        text = _ask(console, headers={"Authorization": f"Bearer {console.token(role)}"}).text  # type: ignore[arg-type]
        assert ("secret@x.example" in text) is is_told, role
        assert "open" in text
        assert "others" not in text


def test_nobody_is_told_without_a_token_and_only_operators_have_it_read(console: ConsoleHarness) -> None:
    _holds(console, report("h-new", 3))
    assert _ask(console, headers={"Authorization": "Bearer x"}).status_code == 401
    assert console.env.asked("read") == []
    body = {"connection": LEFT, "object": "contact", "record_id": "h-new"}
    for role, status in (("viewer", 403), ("editor", 403), ("operator", 202)):
        headers = {"Authorization": f"Bearer {console.token(role)}"}  # type: ignore[arg-type]
        assert console.call("POST", "records/read", json=body, headers=headers).status_code == status


def test_a_record_is_read_as_if_its_app_had_told_of_it(console: ConsoleHarness) -> None:
    """What cannot be is refused with what is wrong."""
    body = {"connection": LEFT, "object": "contact", "record_id": "h-new"}
    answer = console.call("POST", "records/read", json=body)
    assert (answer.status_code, answer.json()) == (202, {"connection": LEFT, "object": "contact", "record": "h-new"})
    (notice,) = console.env.told(topics.NOTICES)
    assert (notice.connection, notice.object, notice.id, notice.version) == (LEFT, "contact", "h-new", None)
    (did,) = console.env.told(topics.ACTIVITY)
    assert (did.what, did.about) == ("record.resynced", f"record:{LEFT}/contact/h-new")
    for change, status in (({"connection": "x"}, 404), ({"object": "x"}, 404), ({"record_id": "../x"}, 404)):
        is_problem(console.call("POST", "records/read", json={**body, **change}), status)
    console.env.set_up("sync", SetupDoc(sync=people(version=2, enabled=False)), SYNC)
    assert f"sync {SYNC} is off" in is_problem(console.call("POST", "records/read", json=body), 409)
    assert len(console.env.told(topics.NOTICES)) == 1


@pytest.mark.parametrize(
    "query", [{}, {"q": " "}, {"q": "x", "connection": LEFT}, {"connection": LEFT, "record_id": "x"}]
)
def test_a_record_is_named_in_one_way(console: ConsoleHarness, query: dict[str, str]) -> None:
    assert console.call("GET", "explanations", params=query).status_code in (404, 422)
    assert console.env.asked("read") == []


def test_who_could_have_been_searched_and_was_not_is_named(
    console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One question asks few accounts."""
    for name in (LEFT, RIGHT):
        with_binding(console.env, name, look_up=_nobody)
    monkeypatch.setattr(unseen, "MOST", 1)
    said = is_problem(console.call("GET", "explanations", params={"q": "ann@x.example"}), 404)
    assert "Nobody with ann@x.example was found in Hub (contacts). Not searched by e-mail address: Book (con" in said


# How often and for how long


def test_one_person_cannot_ask_without_end_and_others_can(console: ConsoleHarness) -> None:
    console.installation.asking.a_minute = 3
    for _ in range(3):
        assert _ask(console).status_code == 404
    answer = _ask(console)
    assert "3 questions a minute" in is_problem(answer, 429)
    assert int(answer.headers["Retry-After"]) >= 1
    assert len(console.env.asked("read")) == 3, "who asked too much is asked for nothing"
    assert _ask(console, headers={"Authorization": f"Bearer {console.token('viewer')}"}).status_code == 404
    console.env.clock.advance(60_000)
    assert _ask(console).status_code == 404


@pytest.fixture(name="hangs")
def _hangs() -> Iterator[threading.Event]:
    """Offer an app that answers once the test lets it."""
    go_on = threading.Event()
    yield go_on
    go_on.set()


def test_nobody_waits_for_an_app_that_hangs_and_other_pages_do_not_either(
    console: ConsoleHarness, hangs: threading.Event
) -> None:
    console.installation.asking.deadline_s = 0.2

    def hang(at: str, _ids: Any) -> Any:
        if at == LEFT:
            assert hangs.wait(20)
        return []

    console.env.answers["read"] = hang
    began = time.monotonic()
    told = _told(console)
    assert time.monotonic() - began < asking.DEADLINE_S
    assert (told["reason"], told["asked"]["found"]) == ("app_unavailable", "not_answered")
    assert told["summary"] == "Hub could not be asked: it did not answer within 0.2 s."
    for _ in range(5):
        assert _told(console)["reason"] == "app_unavailable"
    assert len(console.env.asked("read")) == asking._AT_ONCE, "one account holds few threads, however often it is asked"
    answer = console.call("GET", "explanations", params={"connection": RIGHT, "object": "contact", "record_id": "b-x"})
    assert answer.status_code == 404, "another account is asked meanwhile"
    assert console.call("GET", "health").status_code == 200


def test_the_deadline_is_short() -> None:
    assert asking.DEADLINE_S <= 5
    assert Asking(MemoryRates(ManualClock())).deadline_s == asking.DEADLINE_S


def test_what_an_app_is_asked_goes_behind_all_other_calls(
    console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the lowest share of its budget, about no record that calls are noted for, and with a short wait."""
    seen: dict[str, Any] = {}
    run = console.env.caller.run

    async def noted(connection: str, exchange: Any, **more: Any) -> Any:
        seen.update(more)
        return await run(connection, exchange)

    monkeypatch.setattr(console.env.caller, "run", noted)
    _ask(console)
    assert (seen["share"], seen.get("about", ())) == ("backfill", ())
    assert seen["wait_s"] < asking.DEADLINE_S


def test_questions_are_counted_for_each_person(console: ConsoleHarness) -> None:
    del console
    asks = Asking(MemoryRates(ManualClock()), a_minute=2)
    exchange: Any = iter(())  # nobody runs it
    question = [asking.Question("hub", exchange)] * 2
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(asks.ask, ANN, lambda *_: "told", question).result() == ["told", "told"]
    with pytest.raises(Problem, match="2 questions a minute"):
        asks.ask(ANN, lambda *_: "told", question[:1])
    assert asks.ask(BOB, lambda *_: "told", question) == ["told", "told"]

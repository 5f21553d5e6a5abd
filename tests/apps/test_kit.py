"""What apps share: each part does alone what several apps rely on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.apps.kit.batches import in_batches, one_by_one, read_each
from shared.apps.kit.calls import ask, date_ms, get, inner, read_json, send, wait_s
from shared.apps.kit.cursors import number
from shared.apps.kit.markers import create_missing
from shared.apps.kit.refusals import Meaning, Refusing, error, meaning
from shared.apps.kit.results import gone
from shared.contract.calls import AppError, Exchange, HttpRequest, HttpResponse, Session
from shared.contract.feeds import FeedExpired
from shared.contract.writing import Change, Refused, Stale, WriteResult, Written
from shared.model.records import Life, Report
from shared.model.words import Retry
from shared.rules.errors import CODES
from tests.apps.driver import Driver, replay
from tests.apps.example import EXAMPLE
from tests.apps.example.people import PEOPLE
from tests.apps.json_server import TOKEN, JsonServer

SESSION = Session(connection="c")


def written(change: Change) -> Written:
    return Written(key=change.key, report=gone(SESSION, "contact", change.id or "new"))


def refuse(request: HttpRequest, response: HttpResponse) -> AppError:
    return error(request, response, meaning(response.status), f"{response.status}")


def test_a_body_is_sent_as_it_was_meant_and_an_answer_read_as_an_object() -> None:
    exchange = ask(send("PATCH", "/x", {"name": "é"}, headers={"If-Match": "1"}), refuse)
    found, (request,) = replay(exchange, HttpResponse(status=200, body=b'{"id": 1}'))
    assert found == {"id": 1}
    assert (request.body, request.safe) == ('{"name":"é"}'.encode(), False)
    assert request.headers == {"Content-Type": "application/json", "If-Match": "1"}
    assert read_json(request, HttpResponse(status=204), refuse) == {}


@pytest.mark.parametrize("body", [b"[1]", b"<html>", b""])
def test_what_is_no_object_is_an_outage_and_leaves_a_write_open(body: bytes) -> None:
    for request, unknown in ((get("/x"), False), (send("POST", "/x", {}), True)):
        with pytest.raises(AppError) as caught:
            read_json(request, HttpResponse(status=200, body=body), refuse)
        assert (caught.value.code, caught.value.unknown) == ("app_unavailable", unknown)


def test_headers_that_say_nothing_are_told_from_those_that_do() -> None:
    told = HttpResponse(status=429, headers={"retry-after": "7", "date": "Thu, 01 Jan 1970 00:00:05 GMT"})
    assert (wait_s(told), date_ms(told)) == (7.0, 5000)
    for odd in ("", "soon", "-1", "٣"):
        answer = HttpResponse(status=429, headers={"retry-after": odd, "date": odd})
        assert (wait_s(answer), date_ms(answer)) == (None, 0)


@pytest.mark.parametrize(
    ("status", "code", "unknown"),
    [
        (401, "auth_expired", False),
        (403, "permission_denied", False),
        (404, "not_readable", False),
        (409, "duplicate_in_target", False),
        (413, "too_long", False),
        (422, "invalid_value", False),
        (423, "record_locked", False),
        (429, "rate_limited", False),
        (302, "app_unavailable", False),
        (418, "app_unavailable", False),
        (200, "app_unavailable", True),
        (500, "app_unavailable", True),
    ],
)
def test_a_status_says_what_happened_to_a_write(status: int, code: str, *, unknown: bool) -> None:
    found = refuse(send("POST", "/x", {}), HttpResponse(status=status))
    assert (found.code, found.unknown, found.status) == (code, unknown, status)
    assert CODES[code].retry == found.retry
    assert not refuse(get("/x"), HttpResponse(status=status)).unknown


def test_an_app_that_says_how_long_to_wait_is_obeyed() -> None:
    assert refuse(get("/x"), HttpResponse(status=429, headers={"retry-after": "9"})).retry_after_s == 9
    assert refuse(get("/x"), HttpResponse(status=423)).retry_after_s == 2


def test_a_batch_is_as_large_as_a_call_takes_and_names_no_record_twice() -> None:
    sizes = []

    def batch(some: Sequence[Change]) -> Exchange[list[WriteResult]]:
        yield from ()
        sizes.append(len(some))
        return [written(change) for change in some]

    changes = [Change(key=str(n), id=f"r{n}") for n in range(5)]
    results, _ = replay(in_batches(changes, 2, batch))
    assert [result.key for result in results] == ["0", "1", "2", "3", "4"]
    assert sizes == [2, 2, 1]
    for wrong in ([*changes, Change(key="6", id="r1")], [Change(key="7")]):
        with pytest.raises(ValueError, match=r"twice|neither"):
            replay(in_batches(wrong, 2, batch))


def _failing(at: str, retry: Retry, *, unknown: bool = False) -> Exchange[list[WriteResult]]:
    def one(change: Change) -> Exchange[WriteResult]:
        yield from ()
        if change.key == at:
            raise AppError("rate_limited", "no", retry=retry, unknown=unknown)
        return written(change)

    return one_by_one([Change(key=key) for key in "abc"], one)


def test_one_refused_change_leaves_the_others_alone() -> None:
    results, _ = replay(_failing("b", "edit"))
    assert [type(result) for result in results] == [Written, Refused, Written]


def test_what_was_done_before_the_app_stopped_answering_is_kept() -> None:
    results, _ = replay(_failing("b", "busy"))
    assert [(type(result), result.key) for result in results] == [(Written, "a"), (Refused, "b"), (Refused, "c")]
    for failing in (_failing("a", "busy"), _failing("b", "outage", unknown=True)):
        with pytest.raises(AppError):
            replay(failing)


def test_a_record_that_carries_the_marker_is_not_created_again() -> None:
    made: list[str] = []
    there = gone(SESSION, "contact", "7").model_copy(update={"life": Life.ALIVE})

    def look(markers: Sequence[str]) -> Exchange[Mapping[str, Report]]:
        yield from ()
        return {marker: there for marker in markers if marker == "m1"}

    def make(missing: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
        yield from ()
        made.extend(change.marker for change in missing)
        return [written(change) for change in reversed(missing)]

    changes = [Change(key=f"k{n}", marker=f"m{n}") for n in range(3)]
    results, _ = replay(create_missing(changes, look, make))
    assert made == ["m0", "m2"]
    assert [(result.key, isinstance(result, Written) and result.found) for result in results] == [
        ("k0", False),
        ("k1", True),
        ("k2", False),
    ]


def _told(ids: Sequence[str]) -> Exchange[list[Report]]:
    yield from ()
    there = [one for one in sorted(ids) if one != "c"]
    return [gone(SESSION, "contact", one).model_copy(update={"life": Life.ALIVE}) for one in there]


def test_records_are_read_in_batches_and_what_one_leaves_out_is_asked_for_alone() -> None:
    sizes: list[int] = []

    def some(ids: Sequence[str]) -> Exchange[list[Report]]:
        sizes.append(len(ids))
        return (yield from _told(ids))

    def alone(record: str) -> Exchange[list[Report]]:
        yield from ()
        merged = gone(SESSION, "contact", record).model_copy(update={"life": Life.MERGED, "merged_into": "a"})
        return [merged, gone(SESSION, "contact", "a"), gone(SESSION, "contact", "z")]

    found, _ = replay(read_each(["b", "a", "b", "c"], 2, some, alone))
    assert sizes == [2, 1]
    assert [one.id for one in found] == ["b", "a", "c", "z"]
    told = {one.id: one.life for one in found if isinstance(one, Report)}
    assert told == {"a": Life.ALIVE, "b": Life.ALIVE, "c": Life.MERGED, "z": Life.GONE}


def test_no_is_a_value_and_an_empty_text_is_none() -> None:
    row = {"id": "1", "version": 1, "no": False, "yes": True, "blank": "", "none": [], "null": None, "text": "a"}
    names = ("no", "yes", "blank", "none", "null", "text", "unknown")
    found = PEOPLE.report(Session(connection="c"), row, names).fields
    assert found == {"no": False, "yes": True, "blank": None, "none": None, "null": None, "text": "a"}


def test_a_refusal_is_read_where_the_app_says_it() -> None:
    refusing = Refusing(
        app="Acme", told=lambda body: inner(body, "error"), code=("kind",), named=("at", "field"), twin=("other",),
        codes={"TWIN": Meaning(code="duplicate_in_target", retry="edit")},
    )  # fmt: skip
    body = b'{"error": {"message": "taken", "kind": "TWIN", "at": {"field": "email"}, "other": 7}}'
    answer = HttpResponse(status=400, body=body)
    found = refusing(send("POST", "/x", {}), answer)
    assert (found.code, found.message, found.conflicting_id) == ("duplicate_in_target", "taken", "7")
    assert refusing.field_of(answer) == "email"
    for silent in (b"", b"[]", b'{"error": "no"}'):
        answer = HttpResponse(status=422, body=silent)
        found = refusing(send("POST", "/x", {}), answer)
        assert (found.code, found.message) == ("invalid_value", "Acme answered 422 without a message")
        assert (found.conflicting_id, refusing.field_of(answer)) == (None, None)


@pytest.mark.parametrize("cursor", ["", "-1", "٣", "[]"])
def test_a_cursor_that_is_no_number_has_expired(cursor: str) -> None:
    assert number("42") == 42
    with pytest.raises(FeedExpired):
        number(cursor)


def test_without_a_lock_a_record_is_read_again_before_it_is_written() -> None:
    """And where nothing hides records, what is not listed is gone; one with an address is found by it."""
    server = JsonServer()
    driver = Driver(base_url=server.url, headers=EXAMPLE.auth[0].headers({"token": TOKEN}))
    people = replace(PEOPLE, lock=None, hides=False, email="email")
    (ann,) = server.create([{"email": "ann@mail.test", "job": "cook"}])

    def sent(how: str, **more: Any) -> tuple[WriteResult, list[str]]:
        driver.calls.clear()
        run = people.archive_many if how == "DELETE" else people.update_many
        (result,) = driver.run(run(SESSION, [Change(key="k", id=ann, **more)]))
        return result, [call.method for call in driver.calls if not call.safe]

    def held() -> Report:
        (found,) = driver.run(people.read(SESSION, [ann], ["job"]))
        assert isinstance(found, Report)
        return found

    try:
        assert [one.id for one in driver.run(people.find(SESSION, ["ann@mail.test"], ["email"]))] == [ann]
        before = held()
        server.ask("PATCH", f"people/{ann}", {"job": "smith"})
        stale = Stale(key="k", report=held())
        assert sent("PATCH", fields={"job": "baker"}, before={"job": "cook"}) == (stale, [])
        bare = Stale(key="k", report=held().model_copy(update={"fields": {}}))
        assert sent("DELETE", expected=before.version) == (bare, [])
        result, calls = sent("PATCH", fields={"job": "baker"}, before={"job": "smith"})
        assert (result, calls) == (Written(key="k", report=held()), ["PATCH"])
        assert sent("PATCH", fields={"job": "baker"}, before={"job": "smith"}) == (result, []), "it is done"
        away = Written(key="k", report=gone(SESSION, "contact", ann))
        assert sent("DELETE", expected=held().version) == (away, ["DELETE"])
        assert sent("DELETE", expected=before.version) == (away, [])
        assert all(call.path == "people/read" for call in driver.calls)
    finally:
        server.close()

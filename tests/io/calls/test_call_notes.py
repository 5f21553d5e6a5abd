"""The last calls about records: every process reads them, and there are never many."""

from collections.abc import Iterator

import pytest

from shared.io.calls import call_notes
from shared.io.calls.call_notes import CallNote, CallNotesAway, RedisCallNotes
from shared.io.redis.client import connect

pytestmark = pytest.mark.server


@pytest.fixture(name="notes")
def _notes(redis_url: str) -> Iterator[RedisCallNotes]:
    client = connect(redis_url)
    client.delete("calls:{hub}")
    yield RedisCallNotes(client)
    client.delete("calls:{hub}")
    client.close()


def _call(*about: str, said: str = "") -> CallNote:
    return CallNote(method="POST", path="/é", status=207, took_ms=3, said=said, about=about)


def test_the_last_calls_about_a_record_come_first(notes: RedisCallNotes) -> None:
    """Of each account apart, and with the time of Redis; names of records are compared whole."""
    for note in (_call("7", "é 8"), _call("71"), _call('a"b'), _call("7", said="no: 71")):
        notes.note("hub", note)
    found = notes.about("hub", {"7", "nobody"}, 9)
    assert [(note.said, note.about) for note in found] == [("no: 71", ("7",)), ("", ("7", "é 8"))]
    assert [note.model_copy(update={"at_ms": 0}) for note in notes.about("hub", {"é 8"}, 9)] == [_call("7", "é 8")]
    assert notes.about("hub", {'a"b'}, 9)[0].about == ('a"b',)
    assert [note.said for note in notes.about("hub", {"7"}, 1)] == ["no: 71"]
    assert found[0].at_ms >= found[1].at_ms > 1_700_000_000_000
    assert notes.about("another", {"7"}, 9) == []


def test_an_account_keeps_only_its_last_calls(notes: RedisCallNotes, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a week, and without those that cannot be read."""
    monkeypatch.setattr(call_notes, "KEPT", 100)
    for number in range(400):
        notes.note("hub", _call(str(number)))
    assert notes.about("hub", {"0", "1"}, 9) == []
    assert len(notes.about("hub", {"399"}, 9)) == 1
    assert 0 < notes._client.pttl("calls:{hub}") <= 7 * 86_400_000
    notes._client.xadd("calls:{hub}", {"note": '{"about": ["5000"], "status": "soon"}'})
    assert notes.about("hub", {"5000"}, 9) == []


def test_without_redis_nothing_is_known() -> None:
    away = RedisCallNotes(connect("redis://127.0.0.1:9/0"))
    for ask in (lambda: away.about("hub", {"7"}, 9), lambda: away.note("hub", _call("7"))):
        with pytest.raises(CallNotesAway):
            ask()

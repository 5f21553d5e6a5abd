"""Logs: one JSON object a line, and no secret in any of them."""

import io
import json
import logging
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared import logs

SECRET = "zq7Xk2-Jw9"  # in no word of ours, so that finding it means a leak


@pytest.fixture(name="stream")
def _stream() -> io.StringIO:
    stream = io.StringIO()
    logs.set_up("info", service="test", stream=stream)
    return stream


@pytest.mark.parametrize("time", ["first", "again"])
def test_no_test_inherits_the_logs_of_another(time: str) -> None:
    """A file that a test logged to is closed when it ends."""
    faust = logging.getLogger("faust")
    assert not structlog.is_configured(), time
    assert faust.level == logging.NOTSET, time
    assert not any(
        isinstance(row.formatter, structlog.stdlib.ProcessorFormatter) for row in logging.getLogger().handlers
    )
    logs.set_up("warning", service="test")
    assert faust.level == logging.WARNING


def test_a_line_is_one_json_object(stream: io.StringIO) -> None:
    """Level, time, service and the given keys are in one line, also with newlines in values."""
    logs.get("x").info("published", topic="pairs", detail="two\nlines")
    (line,) = stream.getvalue().splitlines()
    row = json.loads(line)
    assert row["event"] == "published"
    assert row["topic"] == "pairs"
    assert row["service"] == "test"
    assert row["level"] == "info"
    assert row["at"].endswith("Z")


def test_lines_of_libraries_are_json_too(stream: io.StringIO) -> None:
    """A library that logs through the standard module is scrubbed and formatted alike."""
    logging.getLogger("some.library").warning("calling with Authorization: Bearer %s", SECRET)
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["level"] == "warning"
    assert SECRET not in line


def test_noisy_libraries_are_quiet(stream: io.StringIO) -> None:
    """INFO of Faust and of the Kafka clients is off."""
    for name in ("faust", "aiokafka", "kafka", "kafka.coordinator"):
        logging.getLogger(name).info("heartbeat")
    assert stream.getvalue() == ""


def test_that_faust_speaks_a_language_of_its_own_is_no_news(stream: io.StringIO) -> None:
    """`doctor` asks Kafka for the matcher's members; the client warns with all the bytes that it cannot read."""
    groups = logging.getLogger("kafka.admin._groups")
    groups.warning("Unable to decode member_metadata")
    assert stream.getvalue() == ""
    groups.error("something else")
    assert "something else" in stream.getvalue()


def test_an_exception_is_scrubbed(stream: io.StringIO) -> None:
    """A secret inside an exception's message does not get out through its traceback."""
    try:
        int(f"https://user:{SECRET}@example.org/x?access_token={SECRET}")
    except ValueError:
        logs.get("x").exception("failed")
    assert "ValueError" in stream.getvalue()
    assert SECRET not in stream.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"authorization=Basic {SECRET}",
        f"{{'Authorization': 'Bearer {SECRET}'}}",
        f'{{"refresh_token": "{SECRET}"}}',
        f"client_secret={SECRET}&grant_type=x",
        f"password: {SECRET}",
        f"redis://:{SECRET}@127.0.0.1:6379/0",
        f"https://anna:{SECRET}@example.org/",
        "pat-eu1-0f9a8b7c-1234-5678-9abc-def012345678",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
        f"X-Api-Key: {SECRET}",
    ],
)
def test_texts_that_look_like_secrets_are_hidden(text: str) -> None:
    """Known shapes are replaced wherever they stand."""
    hidden = logs.scrub_text(f"before {text} after")
    assert SECRET not in hidden
    assert "0f9a8b7c" not in hidden
    assert hidden.startswith("before")


def test_plain_text_stays() -> None:
    """An ordinary sentence is not touched."""
    text = "pair 12ab: 3 fields written to hubspot in 20 ms (https://example.org/contacts/7)"
    assert logs.scrub_text(text) == text


NAMES = st.sampled_from(["password", "token", "client_secret", "Authorization", "x-api-key", "Set-Cookie", "apiKey"])
SHAPES = st.recursive(
    st.one_of(
        st.just(SecretStr(SECRET)),
        st.builds(lambda name: {name: SECRET}, NAMES),
        st.builds(lambda name: {name: [SECRET]}, NAMES),
        st.just(f"Bearer {SECRET}"),
        st.integers(),
        st.none(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=5), inner, max_size=3),
        st.tuples(inner, inner),
    ),
    max_leaves=12,
)


@given(SHAPES)
def test_no_shape_leaks_a_secret(value: Any) -> None:
    """However deep a secret is nested, and whichever net must catch it, it never comes out."""
    event = logs.hide_secrets(None, "info", {"event": "x", "value": value})
    assert SECRET not in json.dumps(event, default=str)


def test_a_library_that_repeats_itself_is_written_once_until_it_has_been_silent_for_a_minute() -> None:
    now = [0.0]
    repeats = logs.Repeats(lambda: now[0])

    def passes(text: str, name: str = "kafka.net") -> bool:
        return bool(repeats.filter(logging.LogRecord(name, logging.ERROR, "", 0, text, (), None)))

    assert passes("Connection to 127.0.0.1:9092 failed (backoff 0.05 secs)")
    assert not passes("Connection to 127.0.0.1:9092 failed (backoff 1.2 secs)")
    assert passes("The broker refuses this user")
    now[0] = 59.0
    assert not passes("Connection to 127.0.0.1:9092 failed (backoff 1.2 secs)")
    now[0] = 120.0
    assert passes("Connection to 127.0.0.1:9092 failed (backoff 0.05 secs)")
    assert all(passes("kept", "services.writer") for _ in range(3)), "lines of our own are never held back"


def test_what_a_library_says_of_ever_new_kinds_is_not_remembered_for_ever() -> None:
    repeats = logs.Repeats()
    for number in range(3000):
        repeats.filter(logging.LogRecord("kafka", logging.ERROR, "", 0, "kind " + "x" * number, (), None))
    assert len(repeats._said) <= 500


def test_trouble_is_told_when_it_begins_and_when_it_is_over(stream: io.StringIO) -> None:
    trouble = logs.Trouble(logs.get("x"), "kafka_away")
    trouble.over()
    for _ in range(3):
        trouble.begun(detail="refused")
    trouble.over()
    trouble.over()
    trouble.begun(detail="refused")
    events = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert events == ["kafka_away", "kafka_away_over", "kafka_away"]


def test_trouble_that_is_noticed_now_and_then_is_over_only_after_a_while(stream: io.StringIO) -> None:
    now = [0.0]
    trouble = logs.Trouble(logs.get("x"), "kafka_away", settle_s=30, monotonic=lambda: now[0])
    for moment in (0.0, 20.0, 40.0):
        now[0] = moment
        trouble.begun()
        trouble.over()
    now[0] = 71.0
    trouble.over()
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(row["event"], row.get("seconds")) for row in rows] == [("kafka_away", None), ("kafka_away_over", 40.0)]

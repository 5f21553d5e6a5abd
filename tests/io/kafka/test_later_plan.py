"""Which delayed messages are due, and what becomes of those that a newer version delayed."""

import base64

from shared.io.envelope import Received
from shared.io.kafka.later import Head, plan
from shared.wire.messages import Delayed
from shared.wire.topics import LATER

TOPIC = LATER["10s"]


def delayed(offset: int, *, version: str = "1", due_ms: int = 0) -> Received:
    message = Delayed(topic="pairs", key="k", raw_base64=base64.b64encode(b"{}").decode(), due_ms=due_ms)
    return Received(
        topic=TOPIC.name, partition=0, offset=offset, key="k", value=TOPIC.encode(message),
        headers={"ce_dataschema": version},
    )  # fmt: skip


def test_what_is_due_goes_where_it_came_from() -> None:
    """The first that is not due ends the round."""
    made = plan([delayed(4), delayed(5, due_ms=3_000)], now_ms=1_000, monotonic=50.0, known=None)
    assert [row.topic for row in made.publish] == ["pairs"]
    assert made.head == Head(5, 52.0)


def test_what_a_newer_version_delayed_waits_on_for_a_loop_of_that_one() -> None:
    """Its time is not known here: it stays for a whole delay and goes back to the end, as it was, and is not parked."""
    item = delayed(4, version="2")
    first = plan([item, delayed(5)], now_ms=1_000, monotonic=50.0, known=None)
    assert (first.publish, first.park, first.head) == ([], [], Head(4, 60.0))
    then = plan([item, delayed(5)], now_ms=11_000, monotonic=60.0, known=first.head)
    assert [(row.topic, row.value, row.headers) for row in then.publish] == [
        (TOPIC.name, item.value, item.headers),
        ("pairs", b"{}", {}),
    ]
    assert then.park == []


def test_what_is_no_delayed_message_is_parked() -> None:
    """Nobody will ever read it."""
    made = plan([delayed(4, version="none")], now_ms=1_000, monotonic=50.0, known=None)
    assert (made.publish, len(made.park)) == ([], 1)

"""What one call tells one partition goes as one message, and nobody who handles it sees a difference."""

import dataclasses
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.io.envelope import BUNDLED, SCHEMA, TRACE, WAITED, Raw, Received, is_late, setups_seen, unwrap
from shared.io.handling import process
from shared.io.kafka.bundles import BUNDLE_BYTES, items_of, pack, topics_of
from shared.io.kafka.connecting import partition_of
from shared.io.memory import ManualClock, MemoryBroker, MemoryBus
from shared.io.ports import Outbound, run_blocking
from shared.metrics import Metrics
from shared.model.outcomes import NEWER_VERSION, Done, Drop, Later, Outcome, Park
from shared.model.pairs import MOST_IN_BUNDLE, place_at
from shared.wire import topics
from shared.wire.messages import Delayed, Notice, Parked

PARTS = 3


def part_of(_topic: str, key: str) -> int:
    return partition_of(key, PARTS)


def notice(key: str, record: str = "1", **more: Any) -> Outbound:
    return Outbound(topic=topics.NOTICES, key=key, message=Notice(connection="a", object="contact", id=record), **more)


def packed(*messages: Outbound) -> tuple[list[Raw], list[int]]:
    return pack(messages, setups=7, bits=random.Random(1), partitions=dict.fromkeys(topics_of(messages), PARTS))


def arrived(raw: Raw, offset: int = 0) -> Received:
    part = part_of(raw.topic, raw.key)
    return Received(
        topic=raw.topic, partition=part, offset=offset, key=raw.key, value=raw.value, headers=dict(raw.headers)
    )


def ids(items: list[Received]) -> list[tuple[str, str]]:
    return [(item.key, unwrap(item, {"notices": topics.NOTICES}).message.id) for item in items]


texts = st.text(max_size=12)


@given(st.lists(st.tuples(texts.filter(bool), texts, st.booleans()), max_size=40))
def test_each_partition_gets_its_messages_in_their_order(rows: list[tuple[str, str, bool]]) -> None:
    """Whatever they say, and whether or not one of them goes under headers of its own."""
    out = [notice(key, f"{number}{text}", headers={SCHEMA: "1", TRACE: ""} if own else None)
           for number, (key, text, own) in enumerate(rows)]  # fmt: skip
    raws, numbers = packed(*out)
    found = [item for number, raw in enumerate(raws) for item in items_of(arrived(raw, number))]
    for part in range(PARTS):
        sent = [
            (one.key, one.message.id) for one in out if isinstance(one.message, Notice) and part_of("", one.key) == part
        ]
        assert ids([item for item in found if item.partition == part]) == sent
        places = [(item.offset, item.index) for item in found if item.partition == part]
        assert places == sorted(set(places))
    assert len(numbers) == len(out)
    for one, number in zip(out, numbers, strict=True):
        assert one.key in {item.key for item in items_of(arrived(raws[number]))}


def test_a_bundle_says_once_what_its_items_have_in_common() -> None:
    raws, numbers = packed(*(notice("k", str(number)) for number in range(5)))
    assert (len(raws), numbers) == (1, [0] * 5)
    items = items_of(arrived(raws[0], 4))
    assert {setups_seen(item.headers) for item in items} == {7}
    assert {item.headers[SCHEMA] for item in items} == {"1"}
    assert len({item.headers[TRACE] for item in items}) == 5
    assert [(item.offset, item.index, item.after) for item in items] == [
        (4, 0, 4), (4, 1, 4), (4, 2, 4), (4, 3, 4), (4, 4, 5),
    ]  # fmt: skip


def test_one_message_goes_as_it_always_did() -> None:
    """So that a worker of the version before takes it."""
    ((raw,), _) = packed(notice("k"))
    assert (raw.headers[SCHEMA], BUNDLED in raw.headers) == ("1", False)
    assert items_of(arrived(raw)) == [arrived(raw)]


def test_bundles_have_an_end() -> None:
    """By their number, which a place has room for, and by their size."""
    raws, _ = packed(*(notice("k", str(number)) for number in range(2 * MOST_IN_BUNDLE + 1)))
    assert [len(items_of(arrived(raw))) for raw in raws] == [MOST_IN_BUNDLE, MOST_IN_BUNDLE, 1]
    long = "x" * (BUNDLE_BYTES // 3)
    raws, _ = packed(*(notice("k", long) for _ in range(5)), notice("k", "x" * BUNDLE_BYTES), notice("k"), notice("k"))
    assert [len(items_of(arrived(raw))) for raw in raws] == [2, 2, 1, 1, 2]


def test_a_worker_that_knows_no_bundles_leaves_them_to_a_newer_one() -> None:
    ((raw,), _) = packed(notice("k"), notice("k"))
    with pytest.raises(topics.UnreadableMessage) as refused:
        unwrap(arrived(raw), {"notices": topics.NOTICES})
    assert refused.value.reason == "newer_version"


def test_what_waited_as_a_bundle_waited_in_each_of_its_parts() -> None:
    ((raw,), _) = packed(notice("k"), notice("k"))
    back = dataclasses.replace(arrived(raw), headers={**raw.headers, WAITED: NEWER_VERSION.reason})
    assert [is_late(item.headers) for item in items_of(back)] == [True, True]


@pytest.mark.parametrize("value", [b"", b"[]", b"[[1]]\n{}", b'[["k","t","1"],["k","t","1"]]\n{}', b"\xff\n{}"])
def test_a_bundle_that_cannot_be_taken_apart_is_parked(value: bytes) -> None:
    """It does not wait for ever for a worker of a newer version, and stops nobody."""
    ((raw,), _) = packed(notice("k"), notice("k"))
    (broken,) = items_of(dataclasses.replace(arrived(raw), value=value))
    with pytest.raises(topics.UnreadableMessage) as refused:
        unwrap(broken, {"notices": topics.NOTICES})
    assert refused.value.reason == "malformed"


def test_bundles_of_a_form_to_come_wait_for_whoever_knows_it() -> None:
    ((raw,), _) = packed(notice("k"), notice("k"))
    (newer,) = items_of(dataclasses.replace(arrived(raw), headers={**raw.headers, BUNDLED: "2"}))
    with pytest.raises(topics.UnreadableMessage) as refused:
        unwrap(newer, {"notices": topics.NOTICES})
    assert refused.value.reason == "newer_version"


def test_each_item_is_handled_delayed_and_parked_alone() -> None:
    """With its own key, value and trace; one that nobody can read does not harm its neighbours."""
    ((raw,), _) = packed(*(notice("k", name) for name in ("done", "drop", "later", "park", "broken")))
    broken = (raw.value or b"").replace(b'"broken"', b"broken")
    said: dict[str, Outcome] = {"done": Done(), "drop": Drop("x"), "later": Later("y", "1m"), "park": Park("z")}

    async def handle(batch: Any) -> list[Outcome]:
        return [said[inbound.message.id] for inbound in batch]

    broker = MemoryBroker((topics.NOTICES, topics.PARKED, *topics.LATER.values()))
    items = items_of(dataclasses.replace(arrived(raw, 3), value=broken))
    work = process(
        items, {"notices": topics.NOTICES}, handle, bus=MemoryBus(broker), clock=ManualClock(), metrics=Metrics()
    )
    outcomes = run_blocking(work)
    assert [type(outcome) for outcome in outcomes] == [Done, Drop, Later, Park, Park]
    (delayed,) = broker.fetch("later.1m", 0, 0, 9)
    waits = Delayed.model_validate_json(delayed.value or b"")
    assert (waits.headers[TRACE], waits.headers[SCHEMA], BUNDLED in waits.headers) == (
        items[2].headers[TRACE],
        "1",
        False,
    )
    parked = [Parked.model_validate_json(row.value or b"") for row in broker.fetch("parked", 0, 0, 9)]
    assert {(row.key, row.reason) for row in parked} == {("k", "malformed"), ("k", "z")}
    assert {row.headers[TRACE] for row in parked} == {items[3].headers[TRACE], items[4].headers[TRACE]}


def test_a_place_is_one_number_in_the_order_of_the_partition() -> None:
    found = [place_at(offset, index) for offset in (0, 1, 2) for index in (0, 1, MOST_IN_BUNDLE - 1)]
    assert found == sorted(set(found))
    assert place_at(-1, 0) < found[0]

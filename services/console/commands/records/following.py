"""Shows what becomes of records as it happens, and one record's way through the topics.

Both read Kafka itself, from a time on and without a group of consumers, so they work while the console is away or is
building its lists, move nobody's offsets, and leave nothing behind.
"""

import argparse
import json
import sys
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Any, Final

from services.console.commands.calling import Calls, NoAnswerError
from services.console.commands.printing import ending_on, write_json
from services.console.use.records.tracing import Event, Followed, stages, traced
from services.console.use.standing.outcomes import Chosen, Outcome, outcome_of
from shared.config.setups import Setups
from shared.io.envelope import Received, Stored
from shared.io.kafka.connecting import KafkaFault
from shared.io.kafka.reader import TopicReader
from shared.io.links.store import Store
from shared.io.ports import BusUnavailable, NotReady, run_blocking
from shared.io.process.service import Service
from shared.model.ids import record_key
from shared.model.pairs import NewerState, Pair
from shared.model.records import SIDES
from shared.wire import topics
from shared.wire.topics import UnreadableMessage

_MOST: Final = 100_000
"""Most messages of one partition that a trace looks at."""
_AT_ONCE: Final = 5_000
"""States that are put in order at a time: those of a long time are too many to be held together."""
_SEVERAL: Final = 5
"""Records with a name that are followed together."""


@ending_on(BusUnavailable, KafkaFault)
def tail(service: Service, given: argparse.Namespace) -> int:
    """Print what steps come to, and go on until Ctrl-C; returns the exit code: 0 printed, 1 not."""
    chosen = Chosen(sync=given.sync, record=given.record, status=given.status)
    start = service.offsets.since(topics.PAIR_STATE.name, _begin(service, given))
    with TopicReader(service.settings, topics.PAIR_STATE, start=start, unreadable=_unreadable) as reader:
        told = reader.read_to_end()
        while some := list(islice(told, _AT_ONCE)):
            _print(_outcomes(some, service.setups, chosen), as_json=given.json)
        while not given.no_follow:
            _print(_outcomes(reader.poll(1.0), service.setups, chosen), as_json=given.json)
            service.follow(0.0)
    return 0


@ending_on(BusUnavailable, KafkaFault)
def trace(service: Service, given: argparse.Namespace) -> int:
    """Print the messages about a record; returns the exit code: 0 printed, 1 nothing is found."""
    try:
        pairs = find(service.store, service.setups, given.record) or _by_name(service, given.record)
        followed = Followed.of(pairs, _keys(service.setups, given.record), service.setups)
        told = [(topic, _read(service, topic, followed, _begin(service, given))) for topic in stages(service.setups)]
        events = traced(followed, told, service.setups)
    except NotReady:
        sys.stderr.write("Redis is being filled again: nobody knows which pair holds a record. Try again in a minute\n")
        return 1
    if not events:
        sys.stderr.write(_nothing(given.record, known=bool(pairs)))
        return 1
    if not given.json:
        sys.stdout.writelines(f"{_title(pair)}\n" for pair in pairs)
    _print(events, as_json=False, whole=given.json)
    return 0


def find(store: Store, setups: Setups, text: str) -> list[Pair]:
    """Return the pairs that hold a record, or have a name; raises `NotReady`."""
    syncs = [sync.id for sync in setups.syncs()]
    asked = [(sync, side, text, None) for sync in syncs for side in SIDES]
    held = run_blocking(store.look(asked))
    names = {(sync, name) for (sync, *_), (name, _) in zip(asked, held, strict=True) if name}
    loaded = run_blocking(store.load([*names, *((sync, text) for sync in syncs)]))
    return [_state(row.state) for row in loaded.values() if row.state]


def _state(text: str) -> Pair:
    try:
        return Pair.read(text)
    except NewerState as error:
        raise BusUnavailable(f"a newer version wrote the state of this record: use its command ({error})") from error


def _keys(setups: Setups, text: str) -> set[str]:
    """Return the keys under which a record with an id travels, wherever it is."""
    ends = [end for sync in setups.syncs() for end in (sync.left, sync.right)]
    return {record_key(end.connection, end.object, text) for end in ends}


def _by_name(service: Service, text: str) -> list[Pair]:
    """Ask the console whom a name or an address means; nobody where there is none to ask."""
    try:
        rows = Calls(service.settings).get("records", q=text, limit=str(_SEVERAL))["records"]
    except NoAnswerError:
        return []
    found = run_blocking(service.store.load([(row["sync"], row["id"]) for row in rows]))
    return [_state(row.state) for row in found.values() if row.state]


def _read(service: Service, topic: topics.Topic[Any], followed: Followed, since_ms: int) -> Iterable[Stored[Any]]:
    """Read what is followed of one topic: of bundles of steps, those that name a pair."""
    start, ends = service.offsets.since(topic.name, since_ms), service.offsets.end_offsets(topic.name)
    first = {part: max(offset, ends[part] - _MOST) for part, offset in start.items()}
    if first != start:
        sys.stderr.write(f"of {topic.name} only the newest {_MOST:,} messages are looked at\n")
    bundles = topic is topics.HISTORY
    names = [name.encode() for name in followed.pairs]

    def decode(raw: bytes, headers: Mapping[str, str]) -> Any:
        return topic.decode(raw, headers) if any(name in raw for name in names) else None

    keys: Collection[str] | None = None if bundles else followed.keys
    with TopicReader(
        service.settings, topic, start=first, unreadable=_unreadable, keys=keys, decode=decode if bundles else None
    ) as reader:
        return [stored for stored in reader.read_to_end() if stored.message is not None or stored.raw is None]


def _begin(service: Service, given: argparse.Namespace) -> int:
    return service.clock.now_ms() - 1000 * int(given.since)


def _unreadable(item: Received, error: UnreadableMessage) -> None:
    sys.stderr.write(f"a message cannot be read here: {item.topic} {item.partition}@{item.offset}, {error.reason}\n")


def _outcomes(messages: Iterable[Stored[Pair]], setups: Setups, chosen: Chosen) -> list[Outcome]:
    found = (outcome_of(stored, setups, chosen) for stored in messages)
    return sorted((one for one in found if one is not None), key=lambda one: (one.at, one.partition, one.offset))


def _print(rows: Iterable[Outcome | Event], *, as_json: bool, whole: bool = False) -> None:
    """Print rows as lines, or for programs: as lines of JSON, or as one list."""
    if whole:
        write_json([row.row() for row in rows])
        return
    for row in rows:
        sys.stdout.write((json.dumps(row.row(), ensure_ascii=False) if as_json else row.line()) + "\n")
    sys.stdout.flush()


def _title(pair: Pair) -> str:
    ends = " and ".join(end.id for end in (pair.L, pair.R) if end is not None)
    return f"{pair.label or 'A record without a name'}: {ends} of sync {pair.sync}, pair {pair.pair}"


def _nothing(text: str, *, known: bool) -> str:
    if known:
        return f"nothing was told of {text!r} in that time: look further back, such as with --since 7d\n"
    return f"no record has the id {text!r}, and the console knows none of this name or address\n"

"""One record's way through the topics: the messages about it in their order, without what the record holds."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from services.console.explain import decided, names_of, summary
from shared.config.setups import Setups, UnknownSetup
from shared.io.envelope import WAITED, Stored, trace_id
from shared.model.ids import pair_id, record_key
from shared.model.pairs import Answer, Pair, PairEvent
from shared.model.records import LEFT, SIDES, Life, Report
from shared.rules.searching import title_of
from shared.wire import topics
from shared.wire.messages import Delayed, HistoryBundle, Notice, Parked, RecordSeen, WriteCommand

_VERSION: Final = 20
"""Characters of a version that are shown."""
_TOLD: Final = {
    "changed": "changed",
    "deleted": "was deleted",
    "erased": "is to be forgotten",
    "merged": "was merged with another one",
}
_ANSWERED: Final = {
    "written": "it is written",
    "found": "the record was there already",
    "stale": "the record has changed meanwhile",
    "refused": "it is refused",
    "held": "nothing was sent, or nothing is known of it",
    "dropped": "it was decided under older settings, and not sent",
}


@dataclass(frozen=True, slots=True)
class Followed:
    """Whose messages are followed: records and pairs, by the keys of their messages."""

    records: frozenset[str]
    pairs: frozenset[str]

    @property
    def keys(self) -> frozenset[str]:
        """Return all keys that their messages have."""
        return self.records | self.pairs

    @classmethod
    def of(cls, pairs: Iterable[Pair], records: Iterable[str], setups: Setups) -> "Followed":
        """Return pairs with their records and the pairs that these founded, and other records besides."""
        keys, names = set(records), set[str]()
        for pair in pairs:
            names.add(pair.pair)
            sync = setups.sync(pair.sync)
            for side in SIDES:
                held = pair.side(side)
                if held is not None and sync is not None:
                    end = sync.side(side)
                    keys.add(record_key(end.connection, end.object, held.id))
                    names.add(pair_id(sync.id, side, held.id))
        return cls(frozenset(keys), frozenset(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One message about what is followed."""

    at: str
    topic: str
    partition: int
    offset: int
    key: str
    trace: str
    sentence: str

    def row(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self)

    def line(self) -> str:
        """Return it for people."""
        place = f"{self.topic} {self.partition}@{self.offset}"
        return f"{self.at[11:23]}  {place:<24}  {self.sentence}"


def stages(setups: Setups) -> list[topics.Topic[Any]]:
    """List the topics that a change passes, in its order."""
    apps = sorted({row.app for row in setups.connections()})
    writes = [topics.writes(app, backfill=backfill) for app in apps for backfill in (False, True)]
    decisions: list[topics.Topic[Any]] = [
        topics.NOTICES,
        topics.RECORDS,
        topics.PAIRS,
        topics.PAIR_STATE,
        topics.HISTORY,
    ]
    return [*decisions, *writes, *topics.LATER.values(), topics.PARKED]


def traced(
    followed: Followed, told: Iterable[tuple[topics.Topic[Any], Iterable[Stored[Any]]]], setups: Setups
) -> list[Event]:
    """Return the messages about what is followed, in the order in which they were sent."""
    found: list[tuple[str, int, int, int, Event]] = []
    states: set[tuple[str, int]] = set()
    for stage, (topic, messages) in enumerate(told):
        for stored in messages:
            event = Event(
                at=stored.at, topic=topic.name, partition=stored.partition, offset=stored.offset,
                key=stored.key, trace=trace_id(stored.headers),
                sentence="",
            )  # fmt: skip
            if isinstance(stored.message, Pair):
                states.add((stored.message.pair, stored.message.rev))
            found += [
                (event.at, stage, stored.partition, stored.offset, replace(event, sentence=sentence))
                for sentence in _sentences(topic, stored, followed, setups, states)
            ]
    return [row[-1] for row in sorted(found, key=lambda row: row[:-1])]


def _sentences(
    topic: topics.Topic[Any], stored: Stored[Any], followed: Followed, setups: Setups, states: set[tuple[str, int]]
) -> Iterator[str]:
    message = stored.message
    if isinstance(message, HistoryBundle):
        # What is compacted on `pair-state` already is told here alone.
        for step in message.steps:
            if step.pair in followed.pairs and (step.pair, step.rev) not in states:
                yield f"Decided: {' '.join(decided(step.decisions, step.sync, setups, sealed=True))}"
    elif stored.key not in followed.keys:
        return
    elif stored.raw is None:
        yield "What was kept under this key is removed."
    else:
        yield _sentence(topic, message, stored, setups)


def _sentence(topic: topics.Topic[Any], message: Any, stored: Stored[Any], setups: Setups) -> str:  # noqa: PLR0911 - one for each type
    match message:
        case Notice():
            return _notice(message, setups)
        case RecordSeen():
            return _seen(message, setups)
        case PairEvent():
            return _event(message, setups)
        case Pair():
            return " ".join((*decided(message.log, message.sync, setups), summary(message, setups)))
        case WriteCommand():
            return _write(message, setups)
        case Delayed():
            why = message.headers.get(WAITED, "").replace("_", " ")
            return f"A message for {message.topic} waits{f', {why}' if why else ''}, and comes again."
        case Parked():
            return f"Nobody could handle a message of {message.topic}: {message.reason}. `./syncline parked` lists it."
    return f"A message of {topic.name}, {len(stored.raw or b'')} bytes."


def _notice(message: Notice, setups: Setups) -> str:
    app = _app(setups, message.connection)
    if message.ask:
        return f"Record {message.id} of {app} is to be read a second time."
    return f"{app} says that record {message.id} {_TOLD.get(message.kind, message.kind)}."


def _seen(message: RecordSeen, setups: Setups) -> str:
    app = _app(setups, message.report.connection)
    answers = [_answered(row.answer) for row in message.answers]
    if answers:
        return f"{app} answered the write: {' '.join(answers)} {_held(message.report)}"
    verb = "was listed by a first sync or resync of" if message.origin == "snapshot" else "was read from"
    return f"Record {message.report.id} {verb} {app}. {_held(message.report)}"


def _held(report: Report) -> str:
    if report.life is not Life.ALIVE:
        return f"It is {report.life.replace('_', ' ')} there."
    held = [name for name, value in report.fields.items() if value not in (None, "", ())]
    version = str(report.version.order or report.version.token)[:_VERSION]
    return f"Version {version}, with values in {', '.join(held) or 'none of its fields'}."


def _event(message: PairEvent, setups: Setups) -> str:
    names, side = names_of(setups, message.sync), message.side or LEFT
    parts = []
    if message.answer is not None:
        parts.append(f"{names[side]} answered the write: {_answered(message.answer)}")
    if message.report is not None:
        parts.append(f"Record {message.report.id} of {names[side]} belongs to pair {message.pair} of {message.sync}.")
    if parts:
        return " ".join(parts)
    return f"The pair is to be looked at again{f' ({message.reason})' if message.reason else ''}."


def _answered(answer: Answer) -> str:
    """Return what became of a write, without the app's own words: these may name values."""
    why = title_of("failing", answer.code) or answer.code
    return f"{_ANSWERED.get(answer.result, answer.result)}{f' ({why})' if why else ''}."


def _write(message: WriteCommand, setups: Setups) -> str:
    names = ", ".join((*message.fields, *message.links)) or "nothing"
    what = f"Record {message.id}" if message.id else "A new record"
    verb = {"create": "created", "update": "updated"}.get(message.op, "archived")
    return f"{what} is to be {verb} in {_app(setups, message.connection)}: {names}."


def _app(setups: Setups, connection: str) -> str:
    try:
        return setups.connection(connection).label or connection
    except UnknownSetup:
        return connection

"""Why a record is in no sync's lists: its app is asked, and what it says is judged as the sync would judge it.

Nothing of it is kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from services.console.explain import names_of, time_of
from services.console.use.activity import Did
from services.console.use.asking import NotAsked, Question
from services.console.use.callers import Caller
from services.console.use.connections.apps import title_in
from services.console.use.meant import Place, accounts_at, address_in, addressed, label_of, page_of, place_of, with_id
from services.console.use.problems import Problem
from services.console.use.publishing import publish
from services.console.use.reasons import Reason, reason_of
from services.console.use.records.finding import find, held_at
from services.console.use.records.judging import judged
from services.console.use.rereading import notice_of
from services.console.use.standing.fields import text_of
from services.console.use.standing.installation import Installation
from services.console.use.syncs import is_off
from services.console.withholding import withheld_from
from shared.config.setups import Setups, UnknownSetup
from shared.contract.calls import Exchange, Session
from shared.contract.reading import ReadResult, Unreadable
from shared.engine.policies import Policy
from shared.model.pairs import Pair
from shared.model.records import LEFT, SIDES, Life, Report, Side, opposite
from shared.model.syncs import HALTED
from shared.model.words import Code, Status
from shared.rules import identifiers
from shared.rules.errors import CODES
from shared.wire.messages import Role

Found: TypeAlias = Literal[
    "archived", "merged", "no_sync", "not_run", "sync_off", "first_sync", "one_way", "excluded", "failing", "not_told",
    "not_readable", "not_answered",
]  # fmt: skip
"""What came of asking an app for a record. `failing`: it would fail if it were read; `not_told`: it would enter."""
Search: TypeAlias = Callable[[Session, Sequence[str], Sequence[str]], Exchange[Sequence[Report]]]
"""As `Binding.find`."""
MOST: Final = 6
"""Objects of accounts in which one id is looked for."""
MOST_EXPLAINED: Final = 5
"""Records that one answer explains."""
_READ: Final = frozenset(("excluded", "failing", "not_told"))
"""What another reading may change: the sync may find a partner then, which lets in who may not enter alone."""
_NOTHING: Final = Reason("")
_SOON: Final = "What was made just now comes by itself. If it is older than a few minutes, have it read now."
_BY_NAME: Final = (
    "Records are found by words of their name, address or id, or by the beginnings of such words. No app was asked: "
    "they are asked by id, link or e-mail address, not by name."
)
_GONE: Final = NotAsked("", "it was disconnected meanwhile")
_CONNECT: Final = Reason("", "Connect it again, if its records shall travel.", "admin")
_LOST: Final = "It was deleted, never existed, or this sign-in may not see it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an app says of one record, as one sync sees it."""

    place: Place
    found: Found
    summary: str
    """One sentence."""
    reason: Reason = _NOTHING
    """What to do, and who acts."""
    code: str = ""
    """A row of `shared.rules.errors`, where the reason is one."""
    sync: str = ""
    side: Side = LEFT
    why: tuple[str, ...] = ()
    report: Report | None = None
    """What it holds; None where that is not known, or nobody's business: no sync uses its object."""
    life: Life | None = None
    """None where it is not known."""
    names: tuple[str, ...] = ()
    """Fields that decide."""
    survivor: str = ""
    """The record into which it was merged."""

    @property
    def can_be_read(self) -> bool:
        """Whether its sync would take it up when it is told of it."""
        return self.found in _READ


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What came of asking for a record."""

    answers: tuple[Answer, ...] = ()
    pairs: tuple[Pair, ...] = ()
    """What was found, and is known already."""
    nowhere: str = ""
    """Who was asked in vain, or why nobody was, in sentences; empty where everybody knew it."""


@dataclass(frozen=True, slots=True)
class _Unknown:
    """An account does not know a record."""

    place: Place


def why_of(console: Installation, by: Caller, text: str) -> tuple[list[Pair], Told]:
    """Return the pairs that a text may mean; where there is none, what apps say, which are asked; raises `Problem`."""
    pairs = find(console, text)
    if pairs:
        return pairs, Told()
    told = ask_for(console, by, text)
    return list(told.pairs), told


def why_at(console: Installation, by: Caller, connection: str, object_: str, record: str) -> tuple[list[Pair], Told]:
    """Return the same for a record that is named in full."""
    pairs = held_at(console, Place(connection, object_, record))
    if pairs:
        return pairs, Told()
    place = place_of(console.setups, connection, object_, record)
    if place is None:
        return [], Told(nowhere=f"There can be no {object_} {record!r} in connection {connection!r}.")
    return [], ask_at(console, by, [place])


def ask_for(console: Installation, by: Caller, text: str) -> Told:
    """Ask apps for what somebody wrote: an id, a web address or an e-mail address; raises `Problem`."""
    text = text.strip()
    if address_in(text) is not None:
        places = addressed(console.setups, text)
        return ask_at(console, by, places) if places else Told(nowhere=_leads_elsewhere(console, text))
    addresses = identifiers.emails(text) if "@" in text else ()
    if addresses:
        return _search(console, by, addresses)
    places = with_id(console.setups, text)
    if not places:
        return Told(nowhere=_BY_NAME)
    told = ask_at(console, by, places[:MOST])
    left = f" Not asked: {_spelled(console, places[MOST:])}." if told.nowhere and places[MOST:] else ""
    return Told(answers=told.answers, nowhere=told.nowhere + left)


def ask_at(console: Installation, by: Caller, places: Sequence[Place]) -> Told:
    """Ask for records in these places; raises `Problem` for who asks too much."""
    came = _asked(console, by, places, lambda place: _reading(console, place))
    found = {place: _judged(console, place, one) for place, one in zip(places, came, strict=True)}
    answers = tuple(answer for rows in found.values() for answer in rows)
    exists = any(answer.found != "not_answered" for answer in answers)
    return Told(
        answers=answers,
        nowhere="" if exists else _nowhere(console, [place for place, rows in found.items() if not rows]),
    )


def _asked(
    console: Installation, by: Caller, places: Sequence[Place], asking: Callable[[Place], Exchange[Any]]
) -> list[Any | NotAsked]:
    """Return what each account says; one that is paused is not called, one that is disconnected says nothing more."""
    answers: dict[Place, Any] = {row: NotAsked(HALTED, "") for row in places if _is_paused(console, row)}
    questions: dict[Place, Question] = {}
    for place in places:
        try:
            questions |= {} if place in answers else {place: Question(place.connection, asking(place))}
        except UnknownSetup:
            answers[place] = _GONE
    answers |= zip(questions, console.asking.ask(by, console.connections.ask, list(questions.values())), strict=True)
    connected = {row.id for row in console.setups.connections()}  # somebody may disconnect one while it is asked
    return [answers[place] if place.connection in connected else _GONE for place in places]


def _is_paused(console: Installation, place: Place) -> bool:
    return any(row.paused for row in console.setups.connections() if row.id == place.connection)


def _reading(console: Installation, place: Place) -> Exchange[Sequence[ReadResult]]:
    """Return what reads a record; of an object that no sync uses, no value."""
    binding = console.setups.binding(place.connection, place.object)
    return binding.read(console.setups.session(place.connection), [place.record], _names(console, place))


def _names(console: Installation, place: Place) -> list[str]:
    """List the fields that syncs know of a record: what decides, and what people know it by."""
    sides = console.setups.sides_of(place.connection, place.object)
    return sorted({name for policy, side in sides for name in policy.sides[side].fields})


def _search(console: Installation, by: Caller, addresses: Sequence[str]) -> Told:
    """Ask those accounts for e-mail addresses that can be searched by them."""
    setups = console.setups
    used = [Place(connection, object_, "") for connection, object_ in setups.objects_in_use()]
    searches = {place: search for place in used if (search := _search_in(setups, place)) is not None}
    wanted, left = [*searches][:MOST], [*searches][MOST:]
    came_from = _asked(
        console, by, wanted, lambda at: searches[at](setups.session(at.connection), addresses, _names(console, at))
    )
    answers: list[Answer] = []
    pairs: dict[str, Pair] = {}
    for place, came in zip(wanted, came_from, strict=True):
        if isinstance(came, NotAsked):
            answers.append(_not_answered(console, place, came))
            continue
        for report in came:
            if not _has(console, report, addresses):
                continue
            at = Place(place.connection, place.object, report.id)
            known = held_at(console, at)
            pairs |= {pair.pair: pair for pair in known}
            answers += [] if known else _of_living(console, at, report)
    if pairs or any(answer.found != "not_answered" for answer in answers):
        return Told(answers=tuple(answers), pairs=tuple(pairs.values()))
    told = [f"Nobody with {addresses[0]} was found in {_spelled(console, wanted)}."] if wanted else []
    unable = [*(place for place in used if place not in searches), *left]
    if unable:
        told.append(
            f"Not searched by e-mail address: {_spelled(console, unable)}. Give the record's id, or its link there."
        )
    return Told(answers=tuple(answers), nowhere=" ".join(told) or "No sync uses an account that could be asked.")


def _search_in(setups: Setups, place: Place) -> Search | None:
    """Return what finds records of an object by what identifies them; None where its app cannot be asked."""
    try:
        binding = setups.binding(place.connection, place.object)
    except UnknownSetup:  # it was disconnected meanwhile
        return None
    return binding.find or binding.look_up


def _has(console: Installation, report: Report, addresses: Sequence[str]) -> bool:
    """Check whether a record has one of these addresses: an app may find more than it was asked for.

    One that stands for none, by a rule of the sync, is an address to whoever asks for it.
    """
    sides = console.setups.sides_of(report.connection, report.object)
    names = {name for policy, side in sides for name in policy.sides[side].identifiers}
    texts = [text for name in names for text in identifiers.texts(report.fields.get(name))]
    return not {*addresses}.isdisjoint(one for text in texts for one in identifiers.emails(text))


# What it says


def _judged(console: Installation, place: Place, came: Sequence[ReadResult] | NotAsked) -> list[Answer]:
    """Return what an app's answer means; nothing where it does not know the record."""
    if isinstance(came, NotAsked):
        return [_not_answered(console, place, came)]
    found = next((one for one in came if one.id == place.record), None)
    what, app = _called(place), _label(console, place)
    if isinstance(found, Unreadable):
        summary = f"{app} has {what}, and it cannot be read."
        reason = reason_of(Status.FAILING, found.code)
        return [
            Answer(place=place, found="not_readable", summary=summary, reason=reason, code=found.code,
                   why=(found.message,))
        ]  # fmt: skip
    if found is None or found.life in (Life.GONE, Life.ERASED):
        return []
    if found.life is Life.MERGED:
        into = found.merged_into or ""
        summary = f"{app} has merged {what} into {into or 'another record'}."
        return [Answer(place=place, found="merged", summary=summary, survivor=into, life=found.life)]
    if found.life is Life.ARCHIVED:
        reason = Reason("", f"Restore it in {app}: what a sync takes enters then.", "")
        summary = f"{app} keeps {what} in its bin: it was deleted before any sync heard of it."
        return [Answer(place=place, found="archived", summary=summary, reason=reason, life=found.life)]
    return _of_living(console, place, found)


def _of_living(console: Installation, place: Place, report: Report) -> list[Answer]:
    running, not_run = console.setups.running, console.setups.not_run()
    sides = running.sides_of(place.connection, place.object)
    held = f"{_label(console, place)} has {_called(place)}"
    answers = [_of_sync(console, place, report, policy, side, held) for policy, side in sides]
    for sync in running.foreign_syncs(place.connection, place.object):
        summary = f"{held}. Sync {sync} does not run here: {not_run.get(sync, 'nobody knows why')}."
        reason = Reason("", "Finish the update of all of Syncline's processes, or mend what the reason names.", "admin")
        answers.append(
            Answer(place=place, found="not_run", sync=sync, summary=summary, reason=reason, life=report.life)
        )
    if not answers:
        reason = Reason("", "Set up a sync of them, if they shall travel.", "admin")
        objects = title_in(console.setups, place.connection, place.object).lower()
        summary = f"{held}, and no sync uses the {objects} of this account."
        answers.append(Answer(place=place, found="no_sync", summary=summary, reason=reason, life=report.life))
    return answers


def _of_sync(console: Installation, place: Place, report: Report, policy: Policy, side: Side, held: str) -> Answer:
    """Return what one sync makes of a record."""
    other, part = names_of(console.setups, policy.sync)[opposite(side)], policy.sides[side]
    pair = judged(policy, side, report, console.clock.now_ms())
    names = {*part.identifiers}
    found: Found
    why: list[str] = []
    reason, code = reason_of(pair.status, pair.reason), ""
    title = f"{reason.title[:1].lower()}{reason.title[1:]}"
    looked_up = f"Whether it has a partner in {other} is looked up when it is read."
    if not policy.enabled:
        found, summary = "sync_off", f"{held}, and sync {policy.sync} is switched off: nothing enters it."
        reason = Reason("", "Switch the sync on.", "operator")
    elif pair.status is Status.FAILING:
        found, code, why = "failing", pair.reason, [looked_up]
        summary = f"{held}, and it would not be written to {other}: {title}."
        names |= _lacking(policy, side) if code == Code.REQUIRED_MISSING else {*()}
    elif pair.status is Status.EXCLUDED:
        found, code, why = "excluded", pair.reason, [looked_up]
        summary = f"{held}, and it takes no part in sync {policy.sync} by itself: {title}."
    elif pair.status is Status.HIDDEN:
        found, summary = "one_way", f"{held}, and sync {policy.sync} takes no records out of this account."
        reason = Reason("", "Change the direction of the sync, if they shall travel.")
    elif not policy.live:
        found, summary = "first_sync", f"{held}. The first sync of {policy.sync} has not come to it yet."
        reason = Reason("", "Nothing to do: it is read with all others.")
    else:
        found, why = "not_told", [looked_up]
        summary = f"{held}, and nothing stands in its way: sync {policy.sync} has not been told of it yet."
        reason = Reason("", _SOON, "operator")
    own = {name: value for name, value in report.fields.items() if name in part.fields}  # others belong to other syncs
    return Answer(
        place=place, found=found, summary=summary, reason=reason, code=code, sync=policy.sync, side=side,
        why=(*([pair.detail] if pair.detail else ()), *why),
        report=report.model_copy(update={"fields": own}),
        life=report.life, names=tuple(sorted(names)),
    )  # fmt: skip


def _lacking(policy: Policy, side: Side) -> set[str]:
    """Return the fields of a side from which the other side's required fields are filled."""
    wanted = {name for group in policy.sides[opposite(side)].required for name in group}
    return {name for flow in policy.rules if wanted & {*flow.fields(opposite(side))} for name in flow.fields(side)}


def _not_answered(console: Installation, place: Place, why: NotAsked) -> Answer:
    reason = reason_of(Status.FAILING, why.code) if why.code in CODES else Reason("", "Ask again in a moment.")
    reason = _CONNECT if why is _GONE else reason
    said = why.message or (reason.title[:1].lower() + reason.title[1:])
    return Answer(
        place=place, found="not_answered", code=why.code, reason=reason,
        summary=f"{_label(console, place)} could not be asked: {said}.",
    )  # fmt: skip


def _nowhere(console: Installation, places: Sequence[Place]) -> str:
    if not places:
        return ""
    if len(places) == 1:
        return f"{_label(console, places[0])} knows no {_called(places[0])}. {_LOST}"
    return f"None of these knows a record {places[0].record!r}: {_spelled(console, places)}. {_LOST}"


def _leads_elsewhere(console: Installation, text: str) -> str:
    accounts = accounts_at(console.setups, text)
    if not accounts:
        return "This address leads to no account that is connected here."
    named = " or ".join(row.label or row.id for row in accounts)
    return f"This address leads to {named}, and to no record of an object that is known there: no sync uses it."


def _called(place: Place) -> str:
    return f"{place.object.replace('_', ' ')} {place.record}"


def _label(console: Installation, place: Place) -> str:
    return label_of(console.setups, place.connection)


def _columns(setups: Setups, place: Place) -> dict[str, str]:
    """Return what people call the fields of an object; nothing of an account that was disconnected meanwhile."""
    try:
        return {info.name: info.label for info in setups.binding(place.connection, place.object).fields}
    except UnknownSetup:
        return {}


def _spelled(console: Installation, places: Sequence[Place]) -> str:
    objects: dict[str, list[str]] = {}
    for place in places:
        title = title_in(console.setups, place.connection, place.object).lower()
        objects.setdefault(_label(console, place), []).append(title)
    return ", ".join(f"{label} ({', '.join(names)})" for label, names in objects.items())


# As others see it


def explained(console: Installation, answer: Answer, role: Role) -> dict[str, Any]:
    """Return an answer as the explanation of a record, for somebody of a role."""
    place, report, setups = answer.place, answer.report, console.setups
    withheld, policy = withheld_from(role, setups.sync(answer.sync)), setups.policy(answer.sync)
    url = page_of(setups, place) if place.record else ""
    fields = {
        name: withheld.told(answer.side, name, value) for name, value in (report.fields if report else {}).items()
    }
    clear = {name: value for name, value in (report.fields if report else {}).items() if fields[name] == value}
    labels = _columns(setups, place)
    end = None
    if report is not None:
        end = {
            "connection": place.connection, "record": place.record, "url": url, "life": report.life, "fields": fields,
            "settled": {}, "links": {},
        }  # fmt: skip
    return {
        "id": "",
        "sync": answer.sync,
        "label": policy.sides[answer.side].label(clear) if policy is not None else "",
        "status": "unseen",
        "reason": answer.code or answer.found,
        "summary": answer.summary,
        "why": list(answer.why),
        "hint": answer.reason.remedy,
        "who": answer.reason.who,
        "sides": {side: end if side == answer.side else None for side in SIDES},
        "pending": [], "history": [], "fields": [], "calls": [], "calls_known": True,
        "asked": {
            "connection": place.connection,
            "object": place.object,
            "record": place.record,
            "url": url,
            "life": answer.life or "",
            "at": time_of(console.clock.now_ms()),
            "found": answer.found,
            "merged_into": answer.survivor,
            "can_be_read": answer.can_be_read,
            "values": [
                {"name": name, "label": labels.get(name) or name, "value": text_of(fields[name])}
                for name in (*(one for one in labels if one in answer.names), *sorted({*answer.names} - {*labels}))
                if name in fields
            ],
        },
    }  # fmt: skip


def read_now(console: Installation, connection: str, object_: str, record: str) -> Place:
    """Ask for one record to be read as if its app had told of it, be it known or not; raises `Problem`."""
    place = place_of(console.setups, connection, object_, record)
    if place is None:
        raise Problem(404, "No such record", f"There can be no {object_} {record!r} in connection {connection!r}.")
    syncs = [policy for policy, _ in console.setups.sides_of(connection, object_)]
    if not syncs:
        said = f"No sync uses {object_} of connection {connection!r}: what is read would go nowhere."
        raise Problem(409, "Nobody takes it", said)
    if not any(policy.enabled for policy in syncs):
        raise is_off(*(policy.sync for policy in syncs))
    about = f"record:{connection}/{object_}/{place.record}"
    publish(console, [notice_of(place, console.clock.now_ms())], Did(what="record.resynced", about=about))
    return place

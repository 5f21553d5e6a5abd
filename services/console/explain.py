"""Why a pair is as it is, in plain words: from its state and from what was decided about it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from services.console.setups.owners import named
from services.console.use.zones import local
from services.console.withholding import Withheld, withheld_from
from shared.config.setups import Setups, UnknownSetup
from shared.engine.merging import UNKNOWN, Flow, are_known, equal
from shared.engine.refusals import WHOLE
from shared.model.pairs import Awaited, Pair, Pending, Problem, Trace
from shared.model.records import LEFT, RIGHT, SIDES, Side, ids_of, opposite
from shared.model.sides import SPOKEN, BySide, read_side, side_and_name, with_side
from shared.model.syncs import Connection, Sync
from shared.model.wording import Hidden, capital, flow_title, said
from shared.model.words import By, Did, Note, Status, Wait
from shared.rules.errors import CODES, EXCLUDED
from shared.wire.messages import Role

NEVER: Final = "never"
"""When something was of which no time is known."""
_SURVIVED: Final = {
    "told": ", which won the merge, as the app says",
    "identifier": ", which won the merge: its identifier is the one that is left",
    "fields": ", which won the merge: more of its values are the ones that are left",
    "older": "; nothing tells which record won the merge, so the older link stays",
}
"""What says that a record lives on in the survivor of a merge."""
_OTHERS: Final = {
    "duplicate_identifier": "The identifier is held by {records}.",
    "ambiguous_match": "It may be {records}, and nothing tells which.",
    "partner_merged": "Its partner was merged into {records}.",
}
"""What other records have to do with a reason."""
_UNNAMED: Final = {Did.WRITTEN: "write", Did.HELD: "it was not sent", Did.SUPERSEDED: "write"}
"""What a decision's note is when it has none."""
_MATCHED: Final = {
    "marker": "Syncline created one of them from the other",
    "create": "Syncline created one of them from the other",
    "surplus": "the record carries the mark of a create whose place is taken",
}

HIDDEN: Final = Hidden("a value")

LabelOf: TypeAlias = Callable[[str, Side, str], str]
"""(sync, side, id) to what people call the record; empty where nobody knows."""


def explain(
    pair: Pair,
    setups: Setups,
    steps: Sequence[Mapping[str, Any]],
    parked: Sequence[Mapping[str, Any]] = (),
    label_of: LabelOf = lambda _sync, _side, _record: "",
    role: Role = "admin",
) -> dict[str, Any]:
    """Explain a pair: one sentence, the reasons in order, both records, what waits, and what was decided before.

    Args:
        pair: As it stands.
        setups: The settings.
        steps: What was decided, the newest first.
        parked: Messages about it that could not be handled.
        label_of: Tells what people call a record.
        role: Of whoever asks: not everybody is told sensitive values.
    """
    sync = setups.sync(pair.sync)
    names, withheld = names_of(setups, pair.sync), withheld_from(role, sync)

    def records(refs: Sequence[str], of: str = pair.sync) -> str:
        return " or ".join(_record(setups, of, ref, label_of) for ref in refs)

    return {
        "id": pair.pair,
        "sync": pair.sync,
        "label": pair.label,
        "status": pair.status,
        "reason": pair.reason,
        "summary": summary(pair, setups),
        "why": [*_why(pair, setups, records, withheld), *map(_of_parked, parked)],
        "hint": _hint(pair),
        "sides": {side: _side(pair, sync, setups, side, withheld) for side in SIDES},
        "pending": [_pending(side, row, names, withheld) for side, row in pair.pending.items()],
        "history": [
            {
                "rev": step["rev"],
                "at": time_of(step["at_ms"]),
                "cause": step.get("cause", ""),
                "decisions": [
                    _decided(_with_names(withheld.decision(row), sync, setups), names, records) for row in step["log"]
                ],
            }
            for step in steps
        ],
    }


def summary(pair: Pair, setups: Setups) -> str:  # noqa: PLR0911 - one sentence for each status
    """Return one sentence that says how a pair stands."""
    names, sync = names_of(setups, pair.sync), setups.sync(pair.sync)
    off = sync is not None and not sync.enabled
    if pair.status is Status.IN_SYNC:
        return _in_sync(pair, setups, names, off=off)
    if pair.status is Status.PENDING:
        return Wait(pair.reason).sentence if pair.reason in frozenset(Wait) else "A decision is on its way."
    if pair.status is Status.EXCLUDED:
        row = EXCLUDED.get(pair.reason)
        return f"Takes no part: {_within(row.title, names) if row else pair.reason}."
    if pair.status is Status.FAILING:
        problem = _first_problem(pair)
        return f"Not synced: {_titled(problem.code if problem else pair.reason, names)}."
    if pair.status is Status.CLOSED:
        if pair.L and pair.R:
            return f"Deleted in {names.left} and in {names.right}."
        return "Merged into another record." if pair.reason == "merged" else "Deleted; it had no partner."
    if pair.status is Status.ABSORBED:
        return f"Its record belongs to pair {pair.absorbed_by} now."
    if off:
        return "Not shown: the sync is switched off, and the record is not linked."
    side: Side = RIGHT if pair.L is None else LEFT
    return f"Indexed, and not shown: this sync takes no records out of {names[side]}."


def _in_sync(pair: Pair, setups: Setups, names: BySide[str], *, off: bool) -> str:
    settled = f"last settled {_moment(pair.synced_ms)}"
    if off:
        return f"The sync is switched off: what is edited is not carried over; {settled}."
    if pair.pending:
        return f"Linked; a write to {' and to '.join(names[side] for side in pair.pending)} is on its way; {settled}."
    differing = _differing(pair, setups)
    if differing:
        listed = ", ".join(flow_title(flow.key) for flow in differing)
        return f"Both records hold the same values but for {listed}, which stay different; {settled}."
    return f"Both records hold the same values; {settled}."


def carried_next(flow: Flow, names: BySide[str]) -> str:
    """Return which edit of a flow that differs is carried over, as the beginning of a sentence."""
    if all(flow.writes):
        return "The next edit of either side is carried over"
    return f"The next edit in {names[LEFT if flow.writes.right else RIGHT]} is carried over"


def differs(pair: Pair, flow: Flow) -> bool:
    """Check whether the two sides of an association were settled although they lead to different records."""
    base = pair.link_base.get(flow.names.left)
    return base is not None and {*ids_of(base[0])} != {*ids_of(base[1])}


def agrees(pair: Pair, rule: Flow) -> bool | None:
    """Check whether both fields of a mapping mean the same; None where one of them is not known."""
    ends = pair.ends
    held = BySide.of(lambda side: UNKNOWN if (end := ends[side]) is None else rule.held_in(side, end.fields))
    if not are_known(held):
        return None
    return held.left == held.right or equal(rule, held)


def _differing(pair: Pair, setups: Setups) -> list[Flow]:
    """List the flows whose two sides do not mean the same at this moment."""
    policy = setups.policy(pair.sync)
    if policy is None or pair.L is None or pair.R is None:
        return []
    fields = [rule for rule in policy.rules if rule.on and agrees(pair, rule) is False]
    return [*fields, *(flow for flow in policy.associations if differs(pair, flow))]


def _why(pair: Pair, setups: Setups, records: Callable[..., str], withheld: Withheld) -> list[str]:
    names, sync = names_of(setups, pair.sync), setups.sync(pair.sync)
    found = []
    if pair.L is not None and pair.R is not None:
        found.append(_how_matched(pair, setups, withheld))
    else:
        side: Side = LEFT if pair.L is not None else RIGHT
        found.append(f"The record of {names[side]} has no partner in {names[opposite(side)]}.")
    if pair.others:
        found.append(_OTHERS.get(pair.reason, "It is about {records}.").format(records=records(pair.others)))
    if pair.detail and not pair.problems:
        found.append(_sentence(pair.detail))
    found += [_problem(problem, names) for problem in pair.problems.values()]
    found += [_note(key, note) for key, note in pair.notes.items()]
    if pair.status is Status.IN_SYNC and not pair.pending:
        found += [
            f"{_started(flow.key)} differs, and was settled so. {carried_next(flow, names)}."
            for flow in _differing(pair, setups)
            if flow.key not in pair.notes
        ]
    for wait in pair.waits:
        awaited = Awaited.read(wait)
        found.append(f"Waits for {records((with_side(awaited.side, awaited.record),), awaited.sync)} to be linked.")
    if sync is not None and not sync.enabled:
        found.append("The sync is switched off.")
    return found


def _of_parked(row: Mapping[str, Any]) -> str:
    told = f": {row['detail']}" if row["detail"] else ""
    return (
        f"A message about it could not be handled at {_moment(row['at_ms'])} ({row['reason']}{told}); "
        f"what it said is not taken over, unless a later one said it again."
    )


def _titled(code: str, names: BySide[str]) -> str:
    """Return what a category or reason means, as a part of a sentence."""
    row = CODES.get(code)
    return _within(row.title, names) if row else code


def _within(title: str, names: BySide[str]) -> str:
    """Return a title as a part of a sentence, with the names of the two apps."""
    named = with_apps(title, names)
    return named[:1].lower() + named[1:]


def _sentence(text: str) -> str:
    """Return a text as a sentence of its own."""
    return _ended(capital(text))


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _started(key: str) -> str:
    """Return a flow's title as the beginning of a sentence; a mapping's key stays as people wrote it."""
    title = flow_title(key)
    return title if title == key else capital(title)


def _note(key: str, note: str) -> str:
    """Return the sentence of a note; one about the whole pair is a sentence of its own."""
    text = Note.sentence_of(note)
    return _sentence(text) if key == WHOLE else f"{_started(key)} {text}."


def _how_matched(pair: Pair, setups: Setups, withheld: Withheld) -> str:
    match, policy = pair.match, setups.policy(pair.sync)
    if match is None:
        return "The two records are linked."
    if match.by in _MATCHED:
        return f"Linked because {_MATCHED[match.by]}."
    if policy is not None and any(policy.sides[side].identifiers & withheld.fields[side] for side in SIDES):
        return f"Linked because their {match.by} is the same."
    return f"Linked because their {match.by} is the same: {match.key}." if match.key else f"Linked by {match.by}."


def _problem(problem: Problem, names: BySide[str]) -> str:
    title = capital(_titled(problem.code, names))
    where = f" ({flow_title(problem.field)})" if problem.field else ""
    other = f" The record {problem.other} stands in the way." if problem.other else ""
    return f"{title}{where}: {_ended(problem.message)}{other}" if problem.message else f"{title}{where}.{other}"


def _hint(pair: Pair) -> str:
    if pair.status is Status.EXCLUDED and pair.reason in EXCLUDED:
        return EXCLUDED[pair.reason].hint
    problem = _first_problem(pair)
    code = problem.code if problem else pair.reason
    return CODES[code].remedy if pair.status is Status.FAILING and code in CODES else ""


def decided(log: Sequence[Trace], sync: str, setups: Setups, *, sealed: bool = False) -> list[str]:
    """Return what a step decided, a sentence each, without what any record holds.

    Args:
        log: What was decided.
        sync: Of which sync.
        setups: What is set up.
        sealed: The values were taken out already, so nobody knows whether one was written or emptied.
    """
    names = names_of(setups, sync)

    def records(refs: Sequence[str]) -> str:
        return " or ".join(_record(setups, sync, ref, lambda _sync, _side, _record: "") for ref in refs)

    def told(trace: Trace) -> str:
        row = trace.model_dump(mode="json", exclude_defaults=True)
        if trace.did == Did.ASKED:
            return _decided({**row, "old": HIDDEN, "new": HIDDEN}, names, records)
        if trace.did not in (Did.WRITE, Did.REWRITTEN):
            return _decided(row, names, records)  # its values are ids of records, at most
        if sealed:
            app = names[trace.side or LEFT]
            changed = "is written to" if trace.did == Did.WRITE else "was stored as something else by"
            return f"{_started(trace.key)} {changed} {app}."
        held = {name: HIDDEN for name in ("old", "new", "lost") if row.get(name) is not None}
        return _decided({**row, **held}, names, records)

    return [told(trace) for trace in log]


def _first_problem(pair: Pair) -> Problem | None:
    return next((problem for _, problem in sorted(pair.problems.items())), None)


def _side(pair: Pair, sync: Sync | None, setups: Setups, side: Side, withheld: Withheld) -> dict[str, Any] | None:
    end = pair.side(side)
    if end is None:
        return None
    named = {}
    if sync is not None:
        named = {row.key: row.field(side) for row in sync.mappings}
    return {
        "connection": sync.side(side).connection if sync else "",
        "record": end.id,
        "url": _url(setups, sync, side, end.id),
        "life": end.life,
        "fields": {name: withheld.told(side, name, value) for name, value in end.fields.items()},
        "settled": {
            name: withheld.told(side, name, value)
            for name, value in ((named.get(key, key), value) for key, value in pair.base(side).items())
        },
        "links": dict(end.links),
    }


def _url(setups: Setups, sync: Sync | None, side: Side, record: str) -> str:
    row = _connection(setups, sync, side)
    if sync is None or row is None:
        return ""
    try:
        template = setups.binding(row.id, sync.side(side).object).record_url
    except UnknownSetup:
        return ""
    return template.format(account=row.account, id=record) if template else ""


def _connection(setups: Setups, sync: Sync | None, side: Side) -> Connection | None:
    wanted = sync.side(side).connection if sync else ""
    return next((row for row in setups.connections() if row.id == wanted), None)


def names_of(setups: Setups, sync: str) -> BySide[str]:
    """Return what people call the two accounts of a sync."""
    settings = setups.sync(sync)

    def name(side: Side) -> str:
        row = _connection(setups, settings, side)
        return row.label if row else f"the {SPOKEN[side]} app"

    return BySide.of(name)


def way(writes: BySide[bool], names: BySide[str]) -> str:
    """Return which way values go, in words."""
    return "both ways" if all(writes) else f"into {names[LEFT if writes.left else RIGHT]}"


def with_apps(title: str, names: BySide[str]) -> str:
    """Return the title of a reason with the names of the two apps in it."""
    for side in SIDES:
        title = title.replace(f"the {SPOKEN[side]} app", names[side])
    return title


def _record(setups: Setups, sync: str, ref: str, label_of: LabelOf) -> str:
    """Name a record, given as its side and id."""
    side, record = side_and_name(ref)
    label, where = label_of(sync, side, record), names_of(setups, sync)[side]
    return f"{label} (record {record} of {where})" if label else f"the record {record} of {where}"


def _pending(side: Side, row: Pending, names: BySide[str], withheld: Withheld) -> dict[str, Any]:
    return {
        "side": side,
        "op": row.op,
        "fields": {name: withheld.told(side, name, value) for name, value in row.fields.items()},
        "sentence": f"A{'n update' if row.op == 'update' else ' create'} is on its way to {names[side]}.",
    }


def _decided(row: Mapping[str, Any], names: BySide[str], records: Callable[..., str]) -> str:
    side = read_side(row.get("side"))
    app, did, key = names[side], row["did"], row.get("key", "")
    old, new, note = row.get("old"), row.get("new"), row.get("note", "")
    if did == Did.WRITE:
        return _change(row, app, names[opposite(side)])
    if did == Did.SETTLED:
        return _note(key, note)
    if did not in frozenset(Did):
        return f"{did} {key} {note}".strip()
    what = _titled(note, names) if did in (Did.HELD, Did.REFUSED) and note else note or _UNNAMED.get(did, "")
    what = _SURVIVED.get(note, "") if did == Did.REPLACED else what
    about = records(new) if did == Did.NOT_UNIQUE and isinstance(new, list | tuple) else note
    return Did(did).sentence.format(
        app=app, key=_started(key), old=said(old), new=said(new), note=what, records=about, by=_by(row, names.left)
    )


def _with_names(row: Mapping[str, Any], sync: Sync | None, setups: Setups) -> Mapping[str, Any]:
    """Return a decision with the addresses of people in place of their ids."""
    if sync is None or not row.get("key"):
        return row
    side = read_side(row.get("side"))
    values = {name: row.get(name) for name in ("old", "new", "lost")}
    return {**row, **{name: named(setups, sync, row["key"], side, value) for name, value in values.items()}}


def _by(row: Mapping[str, Any], source: str) -> str:
    """Return the rule that chose a value, as the reason."""
    return By.sentence_of(row.get("by", "")).format(source=source)


def _change(row: Mapping[str, Any], app: str, source: str) -> str:
    lost = f"; {said(row['lost'])} was replaced" if row.get("lost") is not None else ""
    what = "it is emptied in" if row.get("new") is None else f"{said(row['new'])} is written to"
    key, old = _started(row.get("key", "")), said(row.get("old"))
    by = f", for {reason}" if (reason := _by(row, source)) else ""
    return Did.WRITE.sentence.format(key=key, note=what, app=app, old=old, lost=lost, by=by)


def time_of(at_ms: int) -> str:
    """Return a moment as the API tells it, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds") if at_ms else NEVER


def _moment(at_ms: int) -> str:
    """Return a moment within a sentence, in the zone of whoever asks."""
    return f"{local(at_ms):%Y-%m-%d %H:%M:%S %Z}" if at_ms else NEVER

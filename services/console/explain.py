"""Why a pair is as it is, in plain words: from its state and from what was decided about it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from shared.core.pairs import Pair, Pending, Problem
from shared.core.records import SIDES, Side, TooLong, Value, opposite
from shared.core.syncs import Connection, Sync
from shared.rules.errors import CODES, EXCLUDED, WAITING
from shared.setups import Setups

_NOTES: Final = {
    "kept_clear": "was emptied on one side; the other side keeps its value, as the mapping says",
    "settled_difference": "differs on purpose: the mapping does not write in that direction",
    "drift": "was changed on the side that this mapping only writes to; it is not carried back",
    "waiting_parent": "waits for the other record to be linked",
    "not_unique": (
        "other records have the same name and company, and no address tells which of them it is: it got its own partner"
    ),
    "object_sync_off": "is not carried over: the other object is not synced",
}
_DECIDED: Final = {
    "create": "A record is created in {app}.",
    "not_unique": "Not linked to {note}, which may be the same: name and company alone do not tell.",
    "rewritten": "{key}: {app} stored {new} where {old} was sent.",
    "written": "{app} took the {note}.",
    "found": "{app} held the record already.",
    "stale": "The record in {app} had changed before the write: decided anew.",
    "held": "The write to {app} waits: {note}.",
    "refused": "{app} refused the write: {note}.",
    "given_up": "{key}: another record needs what {app} holds here, and its source has given it up.",
    "replaced": "The record {new} of {app} took the place of {old}.",
    "superseded": "The {note} to {app} is not needed any more.",
}
_UNNAMED: Final = {"written": "write", "held": "it was not sent", "superseded": "write"}
"""What a decision's note is when it has none."""
_MATCHED: Final = {
    "marker": "Syncline created one of them from the other",
    "create": "Syncline created one of them from the other",
    "surplus": "the record carries the mark of a create whose place is taken",
}


def explain(
    pair: Pair, setups: Setups, steps: Sequence[Mapping[str, Any]], parked: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Explain a pair: one sentence, the reasons in order, both records, what waits, and what was decided before."""
    sync = setups.sync(pair.sync)
    names = {side: _name(setups, sync, side) for side in SIDES}
    return {
        "id": pair.pair,
        "sync": pair.sync,
        "label": pair.label,
        "status": pair.status,
        "reason": pair.reason,
        "summary": summary(pair, names),
        "why": [*_why(pair, sync, names), *map(_of_parked, parked)],
        "hint": _hint(pair),
        "sides": {side: _side(pair, sync, setups, side) for side in SIDES},
        "pending": [_pending(side, row, names) for side, row in pair.pending.items()],
        "history": [
            {"rev": step["rev"], "at": _time(step["at_ms"]), "decisions": [_decided(row, names) for row in step["log"]]}
            for step in steps
        ],
    }


def summary(pair: Pair, names: Mapping[Side, str]) -> str:  # noqa: PLR0911 - one sentence for each status
    """Say in one sentence how a pair stands."""
    if pair.status == "in_sync":
        return f"Both records hold the same values; last settled {_time(pair.synced_ms)}."
    if pair.status == "pending":
        return WAITING.get(pair.reason, "A decision is on its way.")
    if pair.status == "excluded":
        row = EXCLUDED.get(pair.reason)
        return f"Takes no part: {row.title.lower() if row else pair.reason}."
    if pair.status == "failing":
        problem = _first_problem(pair)
        code = problem.code if problem else pair.reason
        row_ = CODES.get(code)
        return f"Not synced: {row_.title.lower() if row_ else code}."
    if pair.status == "closed":
        if pair.L and pair.R:
            return "Deleted on both sides."
        return "Merged into another record." if pair.reason == "merged" else "Deleted; it had no partner."
    if pair.status == "absorbed":
        return f"Its record belongs to pair {pair.absorbed_by} now."
    return f"Indexed, and not shown: this sync does not take records out of {names['L']} or {names['R']}."


def _why(pair: Pair, sync: Sync | None, names: Mapping[Side, str]) -> list[str]:
    found = []
    if pair.L is not None and pair.R is not None:
        found.append(_how_matched(pair))
    else:
        side: Side = "L" if pair.L is not None else "R"
        found.append(f"The record of {names[side]} has no partner in {names[opposite(side)]}.")
    if pair.detail:
        found.append(pair.detail)
    found += [_problem(problem) for problem in pair.problems.values()]
    found += [_note(key, note) for key, note in pair.notes.items()]
    if pair.waits:
        found.append(f"Waits for: {', '.join(pair.waits)}.")
    if sync is not None and not sync.enabled:
        found.append("The sync is switched off.")
    return found


def _of_parked(row: Mapping[str, Any]) -> str:
    told = f": {row['detail']}" if row["detail"] else ""
    return (
        f"A message about it could not be handled at {_time(row['at_ms'])} ({row['reason']}{told}); "
        f"what it said is not taken over, unless a later one said it again."
    )


def _note(key: str, note: str) -> str:
    """Spell a note; one about the whole pair is a sentence of its own."""
    text = _NOTES.get(note, note)
    return f"{text[0].upper()}{text[1:]}." if key == "*" else f"{key} {text}."


def _how_matched(pair: Pair) -> str:
    match = pair.match
    if match is None:
        return "The two records are linked."
    if match.by in _MATCHED:
        return f"Linked because {_MATCHED[match.by]}."
    return f"Linked because their {match.by} is the same: {match.key}." if match.key else f"Linked by {match.by}."


def _problem(problem: Problem) -> str:
    row = CODES.get(problem.code)
    title = row.title if row else problem.code
    where = f" ({problem.field})" if problem.field else ""
    other = f" It stands in the way: {problem.other}." if problem.other else ""
    return f"{title}{where}: {problem.message}.{other}" if problem.message else f"{title}{where}.{other}"


def _hint(pair: Pair) -> str:
    if pair.status == "excluded" and pair.reason in EXCLUDED:
        return EXCLUDED[pair.reason].hint
    problem = _first_problem(pair)
    code = problem.code if problem else pair.reason
    return CODES[code].remedy if pair.status == "failing" and code in CODES else ""


def _first_problem(pair: Pair) -> Problem | None:
    return next((problem for _, problem in sorted(pair.problems.items())), None)


def _side(pair: Pair, sync: Sync | None, setups: Setups, side: Side) -> dict[str, Any] | None:
    end = pair.side(side)
    if end is None:
        return None
    base: Mapping[str, Value | None] = pair.base_l if side == "L" else pair.base_r
    named = {}
    if sync is not None:
        named = {row.key: row.left if side == "L" else row.right for row in sync.mappings}
    return {
        "connection": sync.side(side).connection if sync else "",
        "record": end.id,
        "url": _url(setups, sync, side, end.id),
        "life": end.life,
        "fields": dict(end.fields),
        "settled": {named.get(key, key): value for key, value in base.items()},
        "links": dict(end.links),
    }


def _url(setups: Setups, sync: Sync | None, side: Side, record: str) -> str:
    row = _connection(setups, sync, side)
    if sync is None or row is None:
        return ""
    template = setups.apps[row.app].objects[sync.side(side).object].record_url
    return template.format(account=row.account, id=record) if template else ""


def _connection(setups: Setups, sync: Sync | None, side: Side) -> Connection | None:
    wanted = sync.side(side).connection if sync else ""
    return next((row for row in setups.connections() if row.id == wanted), None)


def _name(setups: Setups, sync: Sync | None, side: Side) -> str:
    row = _connection(setups, sync, side)
    return row.label if row else ("the left app" if side == "L" else "the right app")


def _pending(side: Side, row: Pending, names: Mapping[Side, str]) -> dict[str, Any]:
    return {
        "side": side,
        "op": row.op,
        "fields": dict(row.fields),
        "sentence": f"A{'n update' if row.op == 'update' else ' create'} is on its way to {names[side]}.",
    }


def _decided(row: Mapping[str, Any], names: Mapping[Side, str]) -> str:
    side: Side = "R" if row.get("side") == "R" else "L"
    app, did, key = names[side], row["did"], row.get("key", "")
    old, new, note = row.get("old"), row.get("new"), row.get("note", "")
    if did == "write":
        return _change(row, app)
    sentence = _DECIDED.get(did)
    if sentence is None:
        return f"{did} {key} {note}".strip()
    what = note or _UNNAMED.get(did, "")
    return sentence.format(app=app, key=key, old=_said(old), new=_said(new), note=what)


def _change(row: Mapping[str, Any], app: str) -> str:
    lost = f"; {_said(row['lost'])} was replaced" if row.get("lost") is not None else ""
    what = "it is emptied in" if row.get("new") is None else f"{_said(row['new'])} is written to"
    return f"{row.get('key', '')}: {what} {app} (it held {_said(row.get('old'))}){lost}."


def _said(value: object) -> str:
    """Spell a value for people."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return str(TooLong.model_validate(value))
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value)) or "nothing"
    return f"'{value}'"


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds") if at_ms else "never"

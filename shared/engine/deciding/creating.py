"""What a record is created with: all that its partner has and the app takes."""

from collections.abc import Mapping

from shared.engine.draft import Draft
from shared.engine.merging import InvalidValue, Unknown
from shared.engine.policies import SidePolicy
from shared.engine.refusals import WHOLE, Links, Parts, is_narrowing, is_refused, mark, mark_whole, note_unfit
from shared.model.pairs import Problem
from shared.model.records import Side, Value, opposite


def fields_for(draft: Draft, side: Side) -> tuple[dict[str, Value | None], dict[str, Value | None]]:
    """Translate a record's values for a create on the other side; a value that does not fit is left out and told."""
    target = opposite(side)
    fields: dict[str, Value | None] = {}
    source: dict[str, Value | None] = {}
    draft.notes = {key: note for key, note in draft.notes.items() if key == WHOLE}
    for rule in draft.policy.rules:
        value = draft.held(side, rule)
        if not rule.on or not rule.writes[target] or isinstance(value, Unknown):
            continue
        source[rule.key] = value
        if value is None:
            draft.problems.pop(rule.key, None)
            continue
        try:
            sent = rule.translated(value, target)
        except InvalidValue as error:
            note_unfit(error, rule, rule.names[side], draft.problems, draft.notes)
            continue
        if sent is not None:
            fields |= rule.as_fields(target, sent, {})
    return fields, source


def to_create(
    draft: Draft, target: Side, fields: Parts, links: Links
) -> tuple[dict[str, Value | None], Problem | None]:
    """Return the fields with which a record is created besides *links*; or the problem that stands against it.

    A record is not created without what identifies it, nor without what its app requires.
    """
    part = draft.policy.sides[target]
    refused = _refused_fields(draft, target, fields)
    left = {name: value for name, value in fields.items() if name not in refused}
    missed = _missed(part, fields, left, refused)
    if missed:
        return left, refused[missed]
    if is_narrowing(draft):
        needed = part.identifiers.union(*part.required)
        whole = {name for rule in draft.policy.rules if needed & {*(names := rule.fields(target))} for name in names}
        left = {name: value for name, value in left.items() if name in needed | whole}
    if is_refused(draft, WHOLE, mark_whole(left, links)):
        return left, draft.problems[WHOLE]
    if not is_narrowing(draft):
        draft.problems.pop(WHOLE, None)
    return left, None


def _refused_fields(draft: Draft, target: Side, fields: Parts) -> dict[str, Problem]:
    """Return why fields cannot be sent, by their names; what was corrected is forgotten."""
    refused: dict[str, Problem] = {}
    for rule in draft.policy.rules:
        problem = draft.problems.get(rule.key)
        if problem is None or not rule.on:
            continue
        sent = rule.held_in(target, fields)
        if isinstance(sent, Unknown) or is_refused(draft, rule.key, mark(sent)):
            refused |= dict.fromkeys(rule.fields(target), problem)
        else:
            del draft.problems[rule.key]
    return refused


def _missed(part: SidePolicy, fields: Parts, left: Parts, refused: Mapping[str, Problem]) -> str:
    """Name the refused field without which no record is created; empty when it can do without all of them."""
    for group in part.required:
        if not any(left.get(name) is not None for name in group):
            return next((name for name in group if name in refused), "")
    if refused and (not left or part.identify(fields).keys[:1] != part.identify(left).keys[:1]):
        return next((name for name in refused if name in part.identifiers), next(iter(refused)))
    return ""

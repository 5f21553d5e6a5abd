"""What an app refused of a pair's write: which part of it that was, and what goes out without it.

A refusal that names no field is narrowed down: of an update, one part at a time is sent until the one that is refused
stands alone; of a create, only what identifies the record is, and the rest follows as an update.
"""

import hashlib
from collections.abc import Mapping
from typing import Final, TypeAlias

from shared.engine.draft import Draft
from shared.engine.merging import Flow, InvalidValue, LeftOut, Send, Unknown
from shared.model.pairs import Answer, Pending, Problem, Trace
from shared.model.records import LinkWrite, Side, Value, opposite
from shared.model.wording import flow_title
from shared.model.words import By, Code, Did, Note

TAKEN: Final = Code.DUPLICATE_IN_TARGET
"""Refused because another record holds the identifier: it may have given it up meanwhile."""
WHOLE: Final = "*"
WITHHELD: Final = "what was said of it may hold a value, and is not told, for the field is sensitive"
"""What is told in place of words about a sensitive field."""

Parts: TypeAlias = Mapping[str, Value | None]
Links: TypeAlias = Mapping[str, LinkWrite]


def mark(value: object) -> str:
    """Return a fingerprint of what was refused, so that it is tried again only when it changes."""
    return hashlib.blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def mark_whole(fields: Parts, links: Links) -> str:
    """Return a fingerprint of all parts of a write."""
    return mark((sorted(fields.items()), sorted(links.items())))


def note_refusal(draft: Draft, side: Side, pending: Pending, answer: Answer) -> str:
    """Remember what was refused of a write at the part that it concerns, and return that part's key."""
    rules = {rule.key: rule for rule in draft.policy.rules if rule.key in pending.source}
    names = {name: rule.key for rule in rules.values() for name in rule.fields(side) if name in pending.fields}
    labels = {flow.key: flow.names[side] for flow in draft.policy.associations if flow.names[side] in pending.links}
    names |= {key: key for key in labels}
    named, several = answer.field, len(set(names.values())) > 1
    if not named and names and not several:
        named = next(iter(names))
    key = names.get(named, WHOLE)
    if key == WHOLE:
        value = mark_whole(pending.fields, pending.links)
    else:
        value = mark(pending.links[labels[key]] if key in labels else rules[key].held_in(side, pending.fields))
    concerned = rules.values() if key == WHOLE else [rules[key]] if key in rules else []
    told = WITHHELD if any(rule.sensitive for rule in concerned) else answer.message
    narrow = not named and several and answer.retry == "edit"
    draft.problems[key] = Problem(
        code=answer.code, message=told, field=named, other=answer.conflicting_id, setup=draft.policy.setup,
        value=value, unnamed=not answer.field, narrow=narrow and (pending.op == "update" or answer.code != TAKEN),
    )  # fmt: skip
    return key


def note_unfit(
    error: InvalidValue, flow: Flow, field: str, problems: dict[str, Problem], notes: dict[str, str]
) -> None:
    """Note that a value of a flow is not carried: a problem of its *field*, or a note where nobody needs to act."""
    if isinstance(error, LeftOut):
        problems.pop(flow.key, None)
        notes[flow.key] = error.code
        return
    told = WITHHELD if flow.sensitive else str(error)
    problems[flow.key] = Problem(code=error.code, message=told, field=field)


def forget_unnamed(draft: Draft) -> None:
    """Forget refusals for which the record as it was may have been the reason: it has changed."""
    draft.problems = {key: one for key, one in draft.problems.items() if key != WHOLE and not one.unnamed}


def is_refused(draft: Draft, key: str, value: str) -> bool:
    """Check whether just this was refused before, under the same settings."""
    problem = draft.problems.get(key)
    return problem is not None and problem.value == value and problem.setup == draft.policy.setup


def is_narrowing(draft: Draft) -> bool:
    """Check whether something was refused of which the app did not say what."""
    problem = draft.problems.get(WHOLE)
    return problem is not None and problem.narrow and problem.setup == draft.policy.setup


def one_part(
    draft: Draft, side: Side, fields: dict[str, Value | None], links: dict[str, LinkWrite]
) -> tuple[dict[str, Value | None], dict[str, LinkWrite]]:
    """Return the parts of an update that may go out: all, one while a refusal is narrowed down, none if all are."""
    together = [rule.fields(side) for rule in draft.policy.rules if rule.names[side] in fields]
    number = len(together) + len(links)
    if is_narrowing(draft) and number > 1:
        first = {name: fields[name] for name in together[0] if name in fields} if together else {}
        return (first, {}) if first else ({}, dict([next(iter(links.items()))]))
    if is_refused(draft, WHOLE, mark_whole(fields, links)):
        return {}, {}
    if number:  # a part that is left alone names itself
        draft.problems.pop(WHOLE, None)
    return fields, links


def give_up(draft: Draft, side: Side, wants: dict[str, Send]) -> None:
    """Clear what a record holds only because its source could not give it something else, where another pair needs it.

    It is either refused the identifier that its source has instead, or its source has none.
    """
    wanted = draft.wanted.get(side, {})
    for rule in draft.policy.rules if wanted else ():
        needed = wanted.get(rule.key)
        held, source = draft.held(side, rule), draft.held(opposite(side), rule)
        if needed is None or held is None or isinstance(held, Unknown) or not rule.on or not rule.writes[side]:
            continue
        if not rule.same(needed, held):
            continue
        send = wants.get(rule.key)
        waits = send is not None and is_refused(draft, rule.key, mark(send.value))
        kept = send is None and source is None and draft.notes.get(rule.key) == Note.KEPT_CLEAR
        if waits or kept:
            wants[rule.key] = Send(side, None, None, by=By.NEEDED)
            draft.trace.append(Trace(did=Did.GIVEN_UP, side=side, key=rule.key))


def about(problem: Problem) -> str:
    """Return what people are told of a problem."""
    told = f"{problem.message} ({problem.other})" if problem.other else problem.message
    return f"{flow_title(problem.field)}: {told}" if problem.field else told

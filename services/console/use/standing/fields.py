"""Both records of a pair side by side, field by field: what each holds, what was last agreed, and what happens."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, TypeAlias

from services.console.explain import agrees, carried_next, differs, names_of, way
from services.console.setups.owners import named
from services.console.use.reasons import reason_of
from services.console.withholding import withheld_from
from shared.config.setups import Setups
from shared.engine.merging import UNKNOWN, Flow, Held, Unknown
from shared.model.mapping import FieldMapping
from shared.model.pairs import Pair, Problem
from shared.model.records import LEFT, RIGHT, SIDES, Fields, Side, Value, goes_to, ids_of
from shared.model.sides import BySide
from shared.model.syncs import Sync
from shared.model.wording import SENSITIVE, capital, flow_title, said
from shared.model.words import Note
from shared.wire.messages import Role

Happens: TypeAlias = Literal["agree", "written", "refused", "differs", "off", "alone", "unknown"]
_LONGEST: Final = 400
"""Characters of a value that are shown."""
ShownAs: TypeAlias = Callable[[Side, Value | None], Value | None]
"""(side, value) to the value as whoever asks is told it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A field on one side."""

    name: str
    """What people call the field."""
    value: str = ""
    known: bool = False
    """Whether it is known what the field holds; an empty value is then an empty field."""
    agreed: str | None = None
    """What it held when both sides were last settled, where that is something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRow:
    """A mapping with its two fields."""

    key: str
    way: str
    left: Cell
    right: Cell
    happens: Happens
    sentence: str
    """What there is to say besides."""


def fields_of(pair: Pair, setups: Setups, role: Role = "admin") -> list[FieldRow]:
    """Return a row for each mapping, those first that are not simply in agreement.

    Whoever has too small a role is not told sensitive values.
    """
    sync, policy = setups.sync(pair.sync), setups.policy(pair.sync)
    if sync is None:
        return []
    rules, withheld = {rule.key: rule for rule in policy.rules} if policy else {}, withheld_from(role, sync).keys

    def shown(mapping: FieldMapping, side: Side, value: Value | None) -> Value | None:
        if mapping.key in withheld and value is not None:
            return SENSITIVE
        return named(setups, sync, mapping.key, side, value)

    rows = [
        _row(pair, sync, setups, mapping, rules.get(mapping.key), partial(shown, mapping)) for mapping in sync.mappings
    ]
    rows += [_association(pair, setups, flow) for flow in policy.associations] if policy else []
    order = ("refused", "written", "differs", "alone", "agree", "unknown", "off")
    return sorted(rows, key=lambda row: order.index(row.happens))


def _row(pair: Pair, sync: Sync, setups: Setups, mapping: FieldMapping, rule: Flow | None, shown: ShownAs) -> FieldRow:
    names = names_of(setups, pair.sync)
    happens, sentence = _happens(pair, names, mapping, rule, shown)
    return FieldRow(
        key=mapping.key,
        way=way(BySide.of(partial(goes_to, mapping.direction)), names),
        left=_cell(pair, sync, setups, LEFT, mapping, rule, shown),
        right=_cell(pair, sync, setups, RIGHT, mapping, rule, shown),
        happens=happens,
        sentence=sentence,
    )


def _association(pair: Pair, setups: Setups, flow: Flow) -> FieldRow:
    """Return the row of an association: the records at its other end, on each side."""
    names = names_of(setups, pair.sync)

    def cell(side: Side) -> Cell:
        end, label = pair.side(side), flow.names[side]
        known = end is not None and label in end.links
        value = ", ".join(ids_of(end.links[label])) if end is not None and known else ""
        return Cell(name=capital(flow_title(flow.key)), value=value, known=known)

    happens, sentence = _happens_to_links(pair, names, flow)
    return FieldRow(
        key=flow.key, way=way(flow.writes, names), left=cell(LEFT), right=cell(RIGHT), happens=happens,
        sentence=sentence,
    )  # fmt: skip


def _happens_to_links(pair: Pair, names: BySide[str], flow: Flow) -> tuple[Happens, str]:
    problem, note = pair.problems.get(flow.key), pair.notes.get(flow.key)
    if problem is not None:
        return _refused(problem)
    for side in SIDES:
        write = pair.pending.get(side)
        if write is not None and flow.names[side] in write.links:
            return "written", f"It is being written to {names[side]}"
    if note is not None:
        return "differs", capital(Note.sentence_of(note))
    if pair.L is None or pair.R is None:
        return "alone", "There is no partner to compare it with"
    if differs(pair, flow):
        return "differs", carried_next(flow, names)
    return ("agree" if flow.names.left in pair.link_base else "unknown"), ""


def _refused(problem: Problem) -> tuple[Happens, str]:
    title = reason_of("failing", problem.code).title
    return "refused", f"{title}: {problem.message}" if problem.message else title


def _cell(
    pair: Pair, sync: Sync, setups: Setups, side: Side, mapping: FieldMapping, rule: Flow | None, shown: ShownAs
) -> Cell:
    part, end = sync.side(side), pair.side(side)
    field = mapping.field(side)
    name = field
    if any(row.id == part.connection for row in setups.connections()):
        infos = setups.binding(part.connection, part.object).fields
        name = next((info.label or field for info in infos if info.name == field), field)
    held = UNKNOWN if end is None else _held(rule, side, field, end.fields)
    if isinstance(held, Unknown):
        return Cell(name=name)
    base = pair.base(side)

    def text(value: Value | None) -> str:
        return text_of(shown(side, value))

    agreed = text(base[mapping.key]) if mapping.key in base and mapping.key not in pair.fresh else None
    return Cell(name=name, value=text(held), known=True, agreed=agreed)


def _happens(  # noqa: PLR0911 - one outcome a line
    pair: Pair,
    names: BySide[str],
    mapping: FieldMapping,
    rule: Flow | None,
    shown: ShownAs,
) -> tuple[Happens, str]:
    problem = pair.problems.get(mapping.key)
    if problem is not None:
        return _refused(problem)
    if not mapping.on:
        return "off", "This mapping carries nothing"
    for side in SIDES:
        field = mapping.field(side)
        write = pair.pending.get(side)
        sent = UNKNOWN if write is None else _held(rule, side, field, write.fields)
        if not isinstance(sent, Unknown):
            return "written", f"{said(shown(side, sent))} is being written to {names[side]}"
    note = pair.notes.get(mapping.key)
    if note is not None:
        return "differs", capital(Note.sentence_of(note))
    if pair.L is None or pair.R is None:
        return "alone", "There is no partner to compare it with"
    if rule is None:
        return "unknown", ""
    same = agrees(pair, rule)
    if same is None:
        return "unknown", ""
    return ("agree", "") if same else ("differs", carried_next(rule, names))


def _held(rule: Flow | None, side: Side, field: str, fields: Fields) -> Held:
    """Return what fields hold of a mapping; of its one field where the sync does not run here."""
    return rule.held_in(side, fields) if rule is not None else fields.get(field, UNKNOWN)


def text_of(value: Value | None) -> str:
    """Return a value as people read it, without quotes: it stands in a cell of its own."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = " ".join(value.split())
        return f"{text[:_LONGEST]}…" if len(text) > _LONGEST else text
    if isinstance(value, list | tuple):
        return ", ".join(text_of(one) for one in value)
    return said(value)

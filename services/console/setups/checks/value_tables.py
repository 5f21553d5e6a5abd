"""Tables of values as people write them: checked against the options of both fields, and proposed where they differ."""

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Final

from services.console.setups.ends import End
from services.console.setups.files import MappingFile, SetupError
from shared.model.fields import FieldInfo, Option
from shared.model.mapping import FieldMapping, Otherwise, ValueRow
from shared.model.records import SIDES, FieldType, goes_to, opposite
from shared.model.sides import SPOKEN, BySide
from shared.rules.tables import of_values
from shared.rules.type_compat import TABLES

_NAMED: Final = 20
"""Most options that one sentence names."""


def check(where: str, row: MappingFile, left: tuple[End, FieldInfo], right: tuple[End, FieldInfo]) -> None:
    """Refuse a table that does not fit its fields; raises `SetupError`."""
    (one_end, one), (other_end, other) = left, right
    if not row.values:
        owners = one.type is other.type is FieldType.OWNER
        if row.otherwise != Otherwise() and not owners:
            raise SetupError(f"{where}: `otherwise` says what is written for values without a row: write `values`, too")
        return
    if (one.type, other.type) not in TABLES:
        raise SetupError(
            f"{where}: {one.name!r} ({one.type}) of {one_end.app} and {other.name!r} ({other.type}) of {other_end.app} "
            "take no table: leave `values` out, or map fields that have options"
        )
    if (one.type, other.type) == (FieldType.MULTI, FieldType.MULTI):
        _check_set(where, row)
    for (end, info), values in (
        (left, [*(each.left for each in row.values), row.otherwise.left]),
        (right, [*(each.right for each in row.values), row.otherwise.right]),
    ):
        for value in values:
            _check_option(where, end, info, value)


def _check_set(where: str, row: MappingFile) -> None:
    """Refuse what a set of options cannot do: each left option must mean one right option, and none is left out."""
    lefts = [each.left for each in row.values]
    doubled = sorted({value for value in lefts if lefts.count(value) > 1})
    if doubled:
        raise SetupError(
            f"{where}: `values` names the left value {', '.join(doubled)} more than once, which fields with several "
            "options cannot follow: keep one row of each"
        )
    if row.unmapped == "skip" or row.otherwise != Otherwise():
        raise SetupError(
            f"{where}: fields with several options take neither `unmapped: skip` nor `otherwise`: add a row for each"
        )


def _check_option(where: str, end: End, info: FieldInfo, value: str) -> None:
    known = {option.value: option.label for option in info.options}
    if not value or not known or value in known:
        return
    by_label = [name for name, label in known.items() if label.casefold() == value.casefold()]
    near = by_label or difflib.get_close_matches(value, known, n=1)
    told = f"did you mean {near[0]!r}?" if near else f"there are {_listed(list(known))}"
    raise SetupError(f"{where}: {info.name!r} of {end.app} has no option {value!r}; {told}")


def extends(new: FieldMapping, old: FieldMapping) -> bool:
    """Check whether a table only says what the one before left open: then what was settled by that one still is."""
    if new.values == old.values and new.otherwise == old.otherwise:
        return True
    if not old.values:
        return new.lens == "owner"  # addresses tell of all whom no row names
    now, was = of_values(new), of_values(old)
    return was.rows <= now.rows and all(now.to[side].extends(was.to[side]) for side in SIDES)


def lacking(where: str, one: FieldInfo, other: FieldInfo, app: str) -> list[str]:
    """Point out options of a field that another one does not take, as far as both say theirs."""
    taken = {option.value for option in other.options}
    found = [f"{option.value} ({option.label})" for option in one.options if taken and option.value not in taken]
    if not found:
        return []
    named = ", ".join(found[:_NAMED] + (["and more"] if len(found) > _NAMED else []))
    told = f"{where} does not have the options {named} of {one.name!r} of {app}"
    return [f"{told}: a record that holds one fails until it has"]


def hidden(where: str, info: FieldInfo, app: str) -> list[str]:
    """Point out a field whose options its app does not show."""
    if not info.options_hidden:
        return []
    told = f"{where}: the options of {info.name!r} of {app} are not known, so nothing checks them"
    return [f"{told}. {info.options_hidden}"]


def hints(where: str, row: FieldMapping, one: FieldInfo, other: FieldInfo) -> Iterator[str]:
    """Propose a table where options differ, and point out the options that a table does not name."""
    if not row.values:
        proposed = proposal(one.options, other.options)
        if any(each.left != each.right for each in proposed) and (one.type, other.type) in TABLES:
            yield f"{where}: equal options suggest `values: {_written(proposed)}`"
        return
    table = of_values(row)
    for side, info in BySide(one, other).items():
        target = opposite(side)
        way = table.to[target]
        open_ = [option.value for option in info.options if option.value not in way.words]
        if open_ and not way.otherwise and goes_to(row.direction, target):
            becomes = "is left out" if row.unmapped == "skip" else "fails"
            lacks = f"`values` has no row for the {SPOKEN[side]} {_listed(open_)}"
            yield f"{where}: {lacks}: a record that holds one {becomes}"


def proposal(left: Sequence[Option], right: Sequence[Option]) -> list[ValueRow]:
    """Pair the options of two fields by equal values, then by equal labels."""
    by_value = {option.value: option.value for option in right}
    by_label = {option.label.casefold().strip(): option.value for option in reversed(right)}
    found = []
    for option in left:
        other = by_value.get(option.value) or by_label.get(option.label.casefold().strip())
        if other is not None:
            found.append(ValueRow(left=option.value, right=other))
    return found


def _written(rows: Sequence[ValueRow]) -> str:
    return "[" + ", ".join(f"{{left: {json.dumps(x.left)}, right: {json.dumps(x.right)}}}" for x in rows) + "]"


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values[:_NAMED]) + (", and more" if len(values) > _NAMED else "")

"""Mappings as people write them, completed and checked against the fields that both apps have at this moment."""

import zoneinfo
from collections.abc import Sequence

from services.console.setups.checks import money, value_tables
from services.console.setups.ends import End
from services.console.setups.files import MappingChanges, MappingFile, SetupError
from shared.apps.defaults import default_mappings
from shared.model.fields import FieldInfo
from shared.model.mapping import FieldMapping
from shared.model.records import LEFT, RIGHT, SIDES, FieldType, goes_to, opposite
from shared.model.sides import BySide
from shared.model.syncs import Sync
from shared.rules.type_compat import MONEY, TABLES, Fit, fit, lenses_for, partners


def complete(sync: str, wanted: Sequence[MappingFile], left: End, right: End) -> tuple[FieldMapping, ...]:
    """Complete and check mappings; raises `SetupError` with a sentence that says what to write."""
    doubled = {row.key for row in wanted if sum(row.key == other.key for other in wanted) > 1}
    if doubled:
        raise SetupError(f"sync {sync!r}: several mappings have the key {', '.join(sorted(doubled))}")
    made = tuple(_one(f"sync {sync!r}, mapping {row.key!r}", row, left, right) for row in wanted)
    _check_written(sync, made, left, right)
    return made


def changed(sync: str, wanted: MappingChanges, left: End, right: End) -> tuple[FieldMapping, ...]:
    """Change the defaults of both apps as a file says; raises `SetupError`."""
    standing = {row.key: row for row in defaults(left, right)}
    unknown = [key for key in wanted.off if key not in standing]
    if unknown:
        raise SetupError(
            f"sync {sync!r}: mappings.off names {', '.join(unknown)}, which is no default; the defaults are "
            f"{', '.join(standing) or 'none'}"
        )
    added = {row.key: row for row in complete(sync, wanted.add, left, right)}
    off = {key: standing[key].model_copy(update={"on": False}) for key in wanted.off}
    made = tuple((standing | off | added).values())
    _check_written(sync, made, left, right)
    return made


def defaults(left: End, right: End) -> tuple[FieldMapping, ...]:
    """Return the mappings that both apps suggest; of amounts, those whose currency somebody says."""
    found = default_mappings(tuple(left.fields.values()), tuple(right.fields.values()))
    return tuple(row for row in found if row.lens != MONEY or money.is_told(row, left, right))


def left_out(made: Sequence[FieldMapping], suggested: Sequence[FieldMapping]) -> list[FieldMapping]:
    """List the defaults between whose fields nothing is carried."""
    carried = {(row.left, row.right) for row in made}
    return [row for row in suggested if (row.left, row.right) not in carried]


def agrees(wanted: Sequence[MappingFile] | MappingChanges, standing: Sequence[FieldMapping]) -> bool:
    """Check whether mappings that stand are as a file writes them, as far as that can be told without their fields."""
    by_key = {row.key: row for row in standing}
    if isinstance(wanted, MappingChanges):
        off_now = [row.key for row in standing if not row.on and row.origin == "default"]
        return set(off_now) == set(wanted.off) and all(_says(row, by_key.get(row.key)) for row in wanted.add)
    return len(wanted) == len(standing) and all(_says(row, by_key.get(row.key)) for row in wanted)


def _says(wanted: MappingFile, row: FieldMapping | None) -> bool:
    given = {name: value for name in type(wanted).model_fields if (value := getattr(wanted, name)) is not None}
    if not wanted.sensitive:
        del given["sensitive"]  # an app may say so
    return row is not None and all(getattr(row, name) == value for name, value in given.items())


def hints(sync: str, made: Sequence[FieldMapping], old: Sync | None, left: End, right: End) -> list[str]:
    """List what may not be meant about mappings that are new or carry something else than before."""
    standing = [(_carries(row), row.values) for row in old.mappings if row.on] if old is not None else []
    found = []
    for row in made:
        if not row.on or (_carries(row), row.values) in standing:
            continue
        where, ends = f"sync {sync!r}, mapping {row.key!r}", BySide((left, row.left), (right, row.right))
        for side in (side for side in SIDES if goes_to(row.direction, side)):
            (target, name), (source, held) = ends[side], ends[opposite(side)]
            one, other = source.fields[held], target.fields[name]
            if one.sensitive:
                found.append(
                    f"{where}: {source.app} marks {held!r} as sensitive, and {target.app} will hold its values in "
                    f"{name!r}: whoever reads that may read them"
                )
            if not row.values:
                found += value_tables.lacking(f"{where}: {name!r} of {target.app}", one, other, source.app)
        one, other = left.fields[row.left], right.fields[row.right]
        found += value_tables.hidden(where, one, left.app) + value_tables.hidden(where, other, right.app)
        found += value_tables.hints(where, row, one, other)
        found += money.hints(where, row, left, right)
    return found


def _check_written(sync: str, made: Sequence[FieldMapping], left: End, right: End) -> None:
    """Refuse two mappings that write one field."""
    for side, end in BySide(left, right).items():
        written: dict[str, str] = {}
        for row in made:
            if not row.on or not goes_to(row.direction, side):
                continue
            for name in row.fields(side):
                if name in written:
                    raise SetupError(
                        f"sync {sync!r}: the mappings {written[name]!r} and {row.key!r} both write the field {name!r} "
                        f"of {end.app}: switch one of them off, or turn it the other way"
                    )
                written[name] = row.key


def dated(row: FieldMapping, old: Sync | None) -> FieldMapping:
    """Date a mapping from when it became what it is: before, what its two fields held said nothing about each other.

    Switching it off and on leaves it what it is: its bases are kept meanwhile, so that only later edits travel.
    """
    if old is None:
        return row.model_copy(update={"since": 0})
    before = next((one for one in old.mappings if one.key == row.key), None)
    if before is None or _carries(before) != _carries(row) or not value_tables.extends(row, before):
        return row.model_copy(update={"since": old.version + 1})
    same = row.model_copy(update={"origin": before.origin, "since": before.since})
    return before if same == before else row.model_copy(update={"since": before.since})


def _carries(row: FieldMapping) -> tuple[str, ...]:
    return *row.fields(LEFT), "", *row.fields(RIGHT), "", row.lens, row.zone


def _one(where: str, row: MappingFile, left: End, right: End) -> FieldMapping:
    one, other = money.with_currencies(where, row, left, right)
    fits = fit(one, other, table=bool(row.values))
    value_tables.check(where, row, (left, one), (right, other))
    if fits.cell.way == "refused":
        raise SetupError(
            f"{where}: {_shown(one)} of {left.app} cannot be kept the same as {_shown(other)} of {right.app}: "
            f"{_instead(one, other)}"
        )
    if fits.direction is None:
        raise SetupError(f"{where}: {_closed(fits, one, other, left, right)}: map other fields")
    direction = row.direction or fits.direction
    if not fits.allows(direction):
        raise SetupError(f"{where}: {_closed(fits, one, other, left, right)}: write `direction: {fits.direction}`")
    return FieldMapping(
        key=row.key, left=row.left, right=row.right, lens=_lens(where, row, one, other), zone=_zone(where, row),
        direction=direction, policy=row.policy, clears=row.clears, on=row.on, origin="custom",
        values=row.values, unmapped=row.unmapped, otherwise=row.otherwise,
        left_currency=row.left_currency, right_currency=row.right_currency,
        sensitive=row.sensitive or one.sensitive or other.sensitive,
    )  # fmt: skip


def _closed(fits: Fit, one: FieldInfo, other: FieldInfo, left: End, right: End) -> str:
    """Return which way is closed, and why."""
    parts = []
    for info, end, source, open_ in ((one, left, other, fits.cell.to_left), (other, right, one, fits.cell.to_right)):
        if not open_:
            parts.append(f"a {source.type} cannot be read back out of {_shown(info)} of {end.app}")
        elif not info.updatable:
            parts.append(f"{end.app} does not let {info.name!r} be written")
    for info, end in ((one, left), (other, right)):
        if not info.readable:
            parts.append(f"{end.app} does not let {info.name!r} be read")
    return ", and ".join(parts)


def _instead(one: FieldInfo, other: FieldInfo) -> str:
    return (
        f"map {one.name!r} to a field of type {_either(partners(one.type))}, "
        f"or {other.name!r} to one of type {_either(partners(other.type))}"
    )


def _either(types: Sequence[FieldType]) -> str:
    return " or ".join(types)


def _shown(info: FieldInfo) -> str:
    return f"{info.name!r} ({info.type})"


def _lens(where: str, row: MappingFile, one: FieldInfo, other: FieldInfo) -> str:
    known = (TABLES[one.type, other.type],) if row.values else lenses_for(one.type, other.type)
    if row.left_currency or row.right_currency:
        known = (MONEY,)
    if row.lens is not None and row.lens not in known:
        raise SetupError(
            f"{where}: the lens {row.lens!r} does not fit {_shown(one)} and {_shown(other)}: write `lens: "
            f"{known[0]}`, or leave it out" + (f"; there are also {', '.join(known[1:])}" if known[1:] else "")
        )
    return row.lens or known[0]


def _zone(where: str, row: MappingFile) -> str:
    if row.zone and row.zone not in zoneinfo.available_timezones():
        raise SetupError(f"{where}: there is no time zone {row.zone!r}; write one such as Europe/Rome")
    return row.zone

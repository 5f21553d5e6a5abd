"""The mappings that a new sync starts with: fields of both apps that hold the same canonical field."""

from collections.abc import Sequence

from shared.model.fields import FieldInfo
from shared.model.mapping import FieldMapping
from shared.objects import MONEY
from shared.rules import type_compat
from shared.rules.type_compat import fit, together


def default_mappings(left: Sequence[FieldInfo], right: Sequence[FieldInfo]) -> tuple[FieldMapping, ...]:
    """Pair fields by what they hold, in the ways that are open; fields between which none is are left out.

    An amount travels with its currency, as one value.
    """
    here, there = ({info.canonical: info for info in fields if info.canonical} for fields in (left, right))
    found, carried = [], set[str]()
    for name, info in here.items():
        other, currency = there.get(name), MONEY.get(name, "")
        if other is None:
            continue
        code, its_code = here.get(currency), there.get(currency)
        fits = fit(together(info, code), together(other, its_code))
        if fits.direction is None:
            continue
        is_money = code is not None or its_code is not None
        found.append(
            FieldMapping(
                key=name,
                left=info.name,
                right=other.name,
                left_currency=code.name if code is not None else "",
                right_currency=its_code.name if its_code is not None else "",
                lens=type_compat.MONEY if is_money else fits.cell.lens,
                direction=fits.direction,
                sensitive=info.sensitive or other.sensitive,
            )
        )
        carried |= {currency} if is_money else set()
    return tuple(row for row in found if row.key not in carried)

"""Numbers, and amounts with their currency: what each side can keep of them, and when two amounts are the same."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Final

from shared.engine.merging import InvalidValue
from shared.model.sides import BySide
from shared.model.wording import said

_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DIGITS: Final = 100
"""Digits before or after the point beyond which a number is a text."""
_FIGURES: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_EXACT: Final = Context(prec=4 * _DIGITS)


def decimal_of(text: str) -> Decimal | None:
    """Read a number; None when a text is none."""
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return None  # Python also reads 1_000 and the digits of other scripts; no app does
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= _DIGITS else None


def amount_of(text: str) -> Decimal:
    """Read a number; raises `InvalidValue` when a text is none."""
    number = decimal_of(text)
    if number is None:
        raise InvalidValue("type_mismatch", f"{said(text, 40)} is no number; correct it where it was typed.")
    return number


def in_figures(number: Decimal, text: str) -> str:
    """Write a number in figures, as the text does that it was read from, where that does."""
    text = text.strip()
    return text if _FIGURES.fullmatch(text) else f"{number:f}"


def rounded(number: Decimal, scale: int | None) -> Decimal:
    """Round a number to so many decimals, half to even; as it is where all are kept."""
    return number if scale is None else number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_EVEN, context=_EXACT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What one side can keep of an amount."""

    scale: int | None = None
    """Decimals of its field; None where it keeps all."""
    currency: str = ""
    """The currency of amounts that name none; empty where nobody says."""
    fixed: bool = False
    """Whether amounts are in that currency alone."""

    def written(self, amount: Decimal, text: str) -> str:
        """Write an amount as its field takes it."""
        near = rounded(amount, self.scale)
        return in_figures(amount, text) if near == amount else f"{near:f}"

    def currency_for(self, currency: str) -> str:
        """Return the currency to write; raises `InvalidValue` where it would become another one."""
        if not currency and self.currency:
            raise InvalidValue(
                "currency_mismatch", "nothing says in which currency the amount is: write `currency` at its connection"
            )
        if self.fixed and currency != self.currency:
            raise InvalidValue(
                "currency_mismatch", f"the amount is in {currency}, and the other side keeps {self.currency} alone"
            )
        return currency


@dataclass(frozen=True, slots=True)
class Money:
    """What both sides can keep of amounts."""

    kept: BySide[Kept]

    def agree(self, left: Decimal, right: Decimal) -> bool:
        """Check whether two amounts are the same at the coarser scale."""
        scales = [side.scale for side in self.kept if side.scale is not None]
        coarser = min(scales, default=None)
        return rounded(left, coarser) == rounded(right, coarser)


NO_MONEY: Final = Money(BySide(Kept(), Kept()))

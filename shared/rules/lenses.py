"""How a value of one side is spelled on the other, and when two spellings mean the same.

Laws, each tested: what `get` made of a left value, `put` gives back unchanged (an edit of the spelling alone never
travels back); what `put` wrote, `get` reads with the same meaning; `same` is an equivalence, because it compares one
key per value. A lens sends what the source has, never a form of our own: formatting is the user's. What
no app can store goes as a line break or a space.
"""

import re
import unicodedata
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import phonenumbers

from shared.engine.merging import InvalidValue
from shared.model.records import LEFT, RIGHT, Value
from shared.model.wording import said
from shared.rules import identifiers
from shared.rules.countries import country_code
from shared.rules.identifiers import texts
from shared.rules.money import NO_MONEY, Kept, Money, amount_of, decimal_of, in_figures
from shared.rules.tables import NO_TABLE, Table
from shared.rules.texts import storable

_YEARS: Final = range(1900, 2201)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_TRUTH: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_EXTENSION: Final = re.compile(r"(?:;ext=|\bext\.?|\bx)\s*(\d{1,7})\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LensContext:
    """What a value's meaning depends on, beyond the value."""

    country: str | None = None
    """ISO 3166 code of the country whose local phone numbers are meant."""
    zone: str = "UTC"
    """Where a day begins, when a date meets a time."""
    table: Table = NO_TABLE
    """Which values mean the same, where a table tells."""
    money: Money = NO_MONEY
    """What the two sides can keep of amounts with a currency."""


@dataclass(frozen=True, slots=True)
class Lens:
    """One way to carry values between two fields."""

    key: Callable[[Value, LensContext], Hashable]
    """What a value means; equal keys mean the same."""
    spell: Callable[[Value, Value | None, LensContext], Value | None]
    """(source value, value that stands on the target or None) to what is written there; raises `InvalidValue`."""
    back: Callable[[Value, Value | None, LensContext], Value | None] | None = None
    """The same from right to left, where the two sides are of different types."""
    members: Callable[[Value], tuple[str, ...]] | None = None
    """Of a set, its members: what both sides add and remove is merged."""
    agree: Callable[[Value, Value, LensContext], bool] | None = None
    """Whether a left and a right value mean the same, where more than what `get` returns does."""

    def get(self, value: Value, context: LensContext) -> Value | None:
        """Convert a left value for the right; raises `InvalidValue`."""
        return _sent(self.spell(value, None, context))

    def put(self, new: Value, old: Value | None, context: LensContext) -> Value | None:
        """Convert a right value for the left, where *old* stands; keeps *old* when it means the same."""
        if old is not None and self._reads_as(old, new, context):
            return old
        return _sent((self.back or self.spell)(new, old, context))

    def same(self, one: Value, other: Value, context: LensContext) -> bool:
        """Check whether two values mean the same."""
        return self.key(one, context) == self.key(other, context)

    def _reads_as(self, old: Value, new: Value, context: LensContext) -> bool:
        if self.agree is not None:
            return self.agree(old, new, context)
        try:
            seen = self.spell(old, None, context)
        except InvalidValue:
            return False
        return seen is not None and self.same(seen, new, context)


def _tidy(text: str) -> str:
    """Compose characters and unify line ends and outer space: apps change these on their own."""
    lines = unicodedata.normalize("NFC", storable(text)).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


def _sent(value: Value | None) -> Value | None:
    """Send nothing that an app would drop or refuse: it would answer as if it had stored it."""
    return (storable(value) or None) if isinstance(value, str) else value


def _first(value: Value) -> str:
    found = texts(value)
    return found[0] if found else ""


def _plain_key(value: Value, _context: LensContext) -> Hashable:
    if isinstance(value, bool):
        return value
    return tuple(_tidy(text) for text in texts(value))


def _plain(value: Value, _old: Value | None, _context: LensContext) -> Value:
    return tuple(map(storable, value)) if isinstance(value, tuple) else value


def _name_key(value: Value, _context: LensContext) -> Hashable:
    # Letter case stays: a corrected "anna" is an edit that people want to see travel.
    return tuple(" ".join(_tidy(text).split()) for text in texts(value))


def _led_by(text: str, old: Value | None, key: Callable[[str], Hashable]) -> Value:
    """Put *text* first where the target holds several, in the place of the first or from where it stood already."""
    if not isinstance(old, tuple):
        return text
    stood = [other for other in old if key(other) == key(text)]
    return (text, *(other for other in (old if stood else old[1:]) if other not in stood))


def _email_key(value: Value, _context: LensContext) -> Hashable:
    text = _address_in(value) or _first(value)
    return identifiers.email(text) or _tidy(text).lower()


def _address_in(value: Value) -> str | None:
    """Return the first valid address among the texts, as it is written there."""
    return next((found for text in texts(value) if (found := identifiers.written_email(text)) is not None), None)


def _email(value: Value, old: Value | None, context: LensContext) -> Value | None:
    """Send the address that is valid; in a text that holds more than an address, it alone is exchanged."""
    address = _address_in(value)
    if address is None:
        text = _first(value)
        if text:
            raise InvalidValue("invalid_value", f"{said(text)} is no e-mail address; correct it where it was typed.")
        return None
    if isinstance(old, str):
        return identifiers.with_email(old, address)
    return _led_by(address, old, lambda text: _email_key(text, context))


def _phone(value: Value, old: Value | None, context: LensContext) -> Value | None:
    text = _first(value)
    return _led_by(text, old, lambda other: phone_meaning(other, context.country)) if text else None


def _phone_key(value: Value, context: LensContext) -> Hashable:
    return phone_meaning(_first(value), context.country)


@lru_cache(maxsize=4096)
def phone_meaning(text: str, country: str | None) -> str:
    """Return a phone number for comparing: E.164 with its extension; the bare digits where it cannot be read."""
    abroad = re.match(r"\W*00(?=\W*[1-9])", text) if country is None else None
    try:
        number = phonenumbers.parse(f"+{text[abroad.end() :]}" if abroad else text, country)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        found = _EXTENSION.search(text)
        body = text[: found.start()] if found else text
        digits = "".join(str(unicodedata.digit(sign)) for sign in body if sign.isdigit())
        lead = "+" if body.strip().startswith("+") else ""
        return f"{lead}{digits}" + (f";ext={found[1]}" if found else "") if digits else f"text:{_tidy(text)}"
    plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{plain};ext={number.extension}" if number.extension else plain


def may_be_same_phone(one: str, other: str) -> bool:
    """Check whether two numbers are the same where no country says how local ones are meant."""
    if phone_meaning(one, None) == phone_meaning(other, None):
        return True
    found = phonenumbers.is_number_match(one, other)
    return bool(found in (phonenumbers.MatchType.NSN_MATCH, phonenumbers.MatchType.EXACT_MATCH))


def _domain(value: Value, old: Value | None, context: LensContext) -> Value | None:
    text = _first(value)
    return _led_by(text, old, lambda other: _domain_key(other, context)) if text else None


def _domain_key(value: Value, _context: LensContext) -> Hashable:
    # As matching sees it: what links two companies must not count as a difference between them.
    text = _first(value)
    return identifiers.web_host(text) or f"text:{_tidy(text).lower()}"


def _country_key(value: Value, _context: LensContext) -> Hashable:
    text = storable(_first(value))
    return country_code(text) or f"text:{identifiers.person_name(text) or _tidy(text)}"


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _day_of(value: Value, context: LensContext) -> date | None:
    text = _first(value).strip()
    if _DAY.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            return None
    found = _instant(text)
    try:
        return None if found is None else found.astimezone(ZoneInfo(context.zone)).date()
    except OverflowError:
        return None


def _date_key(value: Value, context: LensContext) -> Hashable:
    return _day_of(value, context) or _tidy(_first(value))


def _date(value: Value, _old: Value | None, context: LensContext) -> Value:
    """Send the local day."""
    return _valid_day(value, context).isoformat()


def _valid_day(value: Value, context: LensContext) -> date:
    day = _day_of(value, context)
    if day is None or day.year not in _YEARS:
        raise InvalidValue("invalid_value", f"{said(_first(value), 40)} is no date between the years 1900 and 2200.")
    return day


def _day_begins(value: Value, _old: Value | None, context: LensContext) -> Value:
    """Send the moment at which the day begins, where a time is held."""
    day = _valid_day(value, context)
    return _spelled(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(context.zone)))


def _spelled(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _datetime_key(value: Value, _context: LensContext) -> Hashable:
    found = _instant(_first(value))
    return _tidy(_first(value)) if found is None else _spelled(found)


def _datetime(value: Value, _old: Value | None, _context: LensContext) -> Value:
    """Send the moment in its one canonical spelling: what reads as a moment here need not do so in the app."""
    found = _instant(_first(value))
    if found is None or found.year not in _YEARS:
        raise InvalidValue("invalid_value", f"{said(_first(value), 40)} is no time between the years 1900 and 2200.")
    return _spelled(found)


def _number_key(value: Value, context: LensContext) -> Hashable:
    number = decimal_of(_first(value))
    return _plain_key(value, context) if number is None else number


def _number(value: Value, _old: Value | None, _context: LensContext) -> Value:
    """Send a number in figures: what reads as one here, such as ``1e3``, need not do so in the app."""
    text = _first(value)
    return in_figures(amount_of(text), text)


def _truth(value: Value) -> bool | None:
    return value if isinstance(value, bool) else _TRUTH.get(_first(value).strip().lower())


def _checkbox_key(value: Value, context: LensContext) -> Hashable:
    truth = _truth(value)
    return _plain_key(value, context) if truth is None else truth


def _checkbox(value: Value, _old: Value | None, _context: LensContext) -> Value:
    truth = _truth(value)
    if truth is None:
        raise InvalidValue("type_mismatch", f"{said(_first(value), 40)} is neither true nor false.")
    return truth


def _members(value: Value) -> frozenset[str]:
    """Return several options; some apps spell them as one text, separated by ``;``."""
    parts = value.split(";") if isinstance(value, str) else texts(value)
    return frozenset(part.strip() for part in parts if part.strip())


def _set_key(value: Value, _context: LensContext) -> Hashable:
    return _members(value)


def _set(value: Value, _old: Value | None, _context: LensContext) -> Value | None:
    return tuple(sorted(_members(value))) or None


def _as_text(value: Value, _old: Value | None, _context: LensContext) -> Value | None:
    """Send a text that people can read, from which the value is not read back."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else "; ".join(texts(value)) or None


def _as_text_key(value: Value, context: LensContext) -> Hashable:
    shown = _as_text(value, None, context)
    return _tidy(shown) if isinstance(shown, str) else ""


def _amount(value: Value) -> tuple[Decimal, str]:
    """Return an amount and its currency; raises `InvalidValue`."""
    text, currency = (*texts(value), "", "")[:2]
    return amount_of(text), currency.strip().upper()


def _money_key(value: Value, _context: LensContext) -> Hashable:
    try:
        return _amount(value)
    except InvalidValue:
        return value


def _money_right(value: Value, _old: Value | None, context: LensContext) -> Value:
    return _money(value, context.money.kept.right)


def _money_left(value: Value, _old: Value | None, context: LensContext) -> Value:
    return _money(value, context.money.kept.left)


def _money(value: Value, kept: Kept) -> Value:
    amount, currency = _amount(value)
    return kept.written(amount, texts(value)[0]), kept.currency_for(currency)


def _money_agree(left: Value, right: Value, context: LensContext) -> bool:
    try:
        (one, here), (other, there) = _amount(left), _amount(right)
    except InvalidValue:
        return False
    return here == there and context.money.agree(one, other)


def _table_right(value: Value, _old: Value | None, context: LensContext) -> Value | None:
    text = _tidy(_first(value))
    return context.table.on(RIGHT, text) if text else None


def _table_left(value: Value, _old: Value | None, context: LensContext) -> Value | None:
    text = _tidy(_first(value))
    return context.table.on(LEFT, text) if text else None


def _table_agree(left: Value, right: Value, context: LensContext) -> bool:
    return context.table.agree(_tidy(_first(left)), _tidy(_first(right)))


def _set_right(value: Value, _old: Value | None, context: LensContext) -> Value | None:
    return tuple(sorted({context.table.on(RIGHT, one) for one in _members(value)})) or None


def _set_left(value: Value, old: Value | None, context: LensContext) -> Value | None:
    """Keep the members whose meaning stays, and add the first that means it for each that is new."""
    wanted = _members(value)
    words = context.table.to.right.words
    kept = {one for one in _members(old) if words.get(one) in wanted} if old is not None else set()
    covered = {words[one] for one in kept}
    return tuple(sorted(kept | {context.table.on(LEFT, one) for one in wanted - covered})) or None


LENS: Final[Mapping[str, Lens]] = {
    "text": Lens(_plain_key, _plain),
    "name": Lens(_name_key, _plain),
    "email": Lens(_email_key, _email),
    "phone": Lens(_phone_key, _phone),
    "country": Lens(_country_key, _plain),
    "domain": Lens(_domain_key, _domain),
    "date": Lens(_date_key, _date),
    "datetime": Lens(_datetime_key, _datetime),
    "date_datetime": Lens(_date_key, _day_begins, _date),
    "datetime_date": Lens(_date_key, _date, _day_begins),
    "number": Lens(_number_key, _number),
    "checkbox": Lens(_checkbox_key, _checkbox),
    "set": Lens(_set_key, _set, members=lambda value: tuple(sorted(_members(value)))),
    "as_text": Lens(_as_text_key, _as_text),
    "money": Lens(_money_key, _money_right, _money_left, agree=_money_agree),
    "table": Lens(_plain_key, _table_right, _table_left, agree=_table_agree),
    "owner": Lens(_plain_key, _table_right, _table_left, agree=_table_agree),
    "set_table": Lens(_set_key, _set_right, _set_left, members=lambda value: tuple(sorted(_members(value)))),
}
"""The lenses by the name that mappings use."""

"""The nouns: what a record is, on which side it stands, and what a field can hold.

A field of a record is in one of three states, and the difference carries the whole meaning of a sync:

- *present*: the app says it holds this value;
- *cleared*: the app says it holds nothing there;
- *unknown*: the app did not say (not asked for, not readable, masked). Unknown never means empty.

`Fields` spells them as a mapping: a value, ``None``, and an absent key.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Side: TypeAlias = Literal["L", "R"]
LEFT: Final = "L"
RIGHT: Final = "R"
SIDES: Final[tuple[Side, Side]] = (LEFT, RIGHT)


def opposite(side: Side) -> Side:
    """Name the other side."""
    return RIGHT if side == LEFT else LEFT


def goes_to(direction: str, side: Side) -> bool:
    """Check whether what goes in a direction, such as `two_way` or `to_left`, goes to a side."""
    return direction in ("two_way", "to_left" if side == LEFT else "to_right")


class Frozen(BaseModel):
    """A value that crosses a wire: immutable; what a newer version wrote besides is kept, and written back untouched.

    Where people write, names that do not exist are refused all the same: validate with ``extra="forbid"``.
    """

    model_config = ConfigDict(frozen=True, extra="allow")


LONGEST: Final = 65_536
"""Most characters of a value that is carried from record to record: no app's text field is known to take more."""


class TooLong(Frozen):
    """What is known of a value over `LONGEST`: it is told, and compared, but carried nowhere.

    It travels so, because several copies of it in one message would outgrow the topic, and hold up the record's other
    fields.
    """

    length: int
    digest: str

    def __str__(self) -> str:
        """Return it as people read it."""
        return f"a text of {self.length:,} characters"


Value: TypeAlias = str | bool | tuple[str, ...] | TooLong
"""A canonical value: text (numbers, dates and datetimes in one canonical spelling), a truth value, or several texts."""

Fields: TypeAlias = Mapping[str, Annotated[Value | None, Field(union_mode="left_to_right")]]
"""Field name to value; ``None`` is known to be empty, an absent key is not known.

No value fits two of the types, so the first that fits is right: weighing them all made reading a record a fifth longer.
"""

M = TypeVar("M", bound=Frozen)


def put_together(model: type[M], values: dict[str, Any], was: M | None = None) -> M:
    """Make a model of values that are right already: each field must be given, and nothing is checked or copied.

    What a newer version wrote into *was*, which it follows, is kept.

    `model_construct` does the same, but looks for each field's aliases and default first: on the matcher's way, where
    every message makes two of the widest models, that took a tenth of its time.
    """
    made = model.__new__(model)
    object.__setattr__(made, "__dict__", values)
    object.__setattr__(made, "__pydantic_fields_set__", set(values))
    object.__setattr__(made, "__pydantic_extra__", dict(was.__pydantic_extra__ or {}) if was is not None else {})
    object.__setattr__(made, "__pydantic_private__", None)
    return made


def carried(new: M, old: M | None) -> M:
    """Return a document with what a newer version wrote into the one before it, in its parts and rows as well."""
    if old is None:
        return new
    changes: dict[str, Any] = dict(old.model_extra or {})
    for name in type(new).model_fields:
        value, before = getattr(new, name), getattr(old, name)
        if isinstance(value, Frozen) and isinstance(before, Frozen):
            changes[name] = carried(value, before)
        elif isinstance(value, tuple) and isinstance(before, tuple):
            named = {_row_name(row): row for row in before if isinstance(row, Frozen)}
            changes[name] = tuple(
                carried(row, named.get(_row_name(row))) if isinstance(row, Frozen) else row for row in value
            )
    return new.model_copy(update=changes)


def _row_name(row: object) -> object:
    """Name a row of a document: a mapping by its key, an association by its label."""
    return getattr(row, "key", None) or getattr(row, "label", None)


Linked: TypeAlias = Annotated[str | tuple[str, ...] | None, Field(union_mode="left_to_right")]
"""The record at the other end of an association, or None when it is known to be unset; where an association may lead
to several records, their ids in order."""


def ids_of(linked: Linked) -> tuple[str, ...]:
    """List the records at the other end of an association."""
    if isinstance(linked, str):
        return (linked,)
    return linked or ()


class SetChange(Frozen):
    """Which members a set gains and loses; all others stay as they are."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes."""
        return not (self.add or self.remove)

    def on(self, members: tuple[str, ...]) -> tuple[str, ...] | None:
        """Return a set after the change; None where nothing is left of it."""
        kept = tuple(one for one in members if one not in self.remove)
        return (*kept, *(one for one in self.add if one not in kept)) or None


class LinkChange(SetChange):
    """Which records an association with several ends gains and loses."""


LinkWrite: TypeAlias = Annotated[str | LinkChange | None, Field(union_mode="left_to_right")]
"""What is written to an association: its one end, None to unset it, or a change of several ends."""


def linked_after(before: Linked, write: LinkWrite) -> Linked:
    """Return what an association leads to once a write is done."""
    if not isinstance(write, LinkChange):
        return write
    return tuple(sorted({*ids_of(before), *write.add} - {*write.remove}))


def is_done(linked: Linked, write: LinkWrite) -> bool:
    """Check whether an association shows all that a write asked for."""
    return linked_after(linked, write) == linked


class FieldType(StrEnum):
    """What kind of values a field holds, in canonical form."""

    TEXT = "text"
    EMAIL = "email"
    PHONE = "phone"
    NAME = "name"
    COUNTRY = "country"
    DOMAIN = "domain"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"
    BOOL = "bool"
    ENUM = "enum"
    MULTI = "multi"
    OWNER = "owner"


class Life(StrEnum):
    """What is known of a record's existence."""

    ALIVE = "alive"
    ARCHIVED = "archived"  # in the app's bin; may come back under the same id
    GONE = "gone"
    MERGED = "merged"  # lives on under another id
    OUT_OF_SCOPE = "out_of_scope"  # there, but not of the synced kind (any more): inactive, or a company among people
    ERASED = "erased"  # deleted because its person asked for it: it never comes back, whatever is still told of it


class Version(Frozen):
    """Where a report stands in a record's life: a number that only grows, or a token that only differs."""

    order: int | None = None
    """Grows with every change (``ordered`` connectors); None when the connector's versions are opaque."""
    token: str = ""
    """What the app calls this state (an ETag, a modification time); compared for equality only."""


class Report(Frozen):
    """One record as one account was seen to hold it."""

    connection: str
    object: str
    id: str
    version: Version
    life: Life = Life.ALIVE
    merged_into: str | None = None
    """The surviving record's id when `life` is ``merged``."""
    aliases: tuple[str, ...] = ()
    """Ids of records that were merged into this one, in no order that would say which of them won."""
    winner: str = ""
    """Which of the `aliases` lives on in this record, where the app told it."""
    fields: Fields = Field(default_factory=dict)
    marker: str | None = None
    """The create id that this record carries, when one of our creates made it."""
    created: str = ""
    """When the app says the record was made (ISO 8601, UTC), for choosing the oldest of duplicates."""
    links: Mapping[str, Linked] = Field(default_factory=dict)
    """By association label; an absent label is not known."""
    changed_ms: int = 0
    """When the app says the record was last changed, in milliseconds since 1970; 0 when it does not tell."""
    partial: bool = False
    """Some of the fields are older than the version: what a pair hands over may be."""


def within_limit(report: Report) -> Report:
    """Return the report with what is known of its values over `LONGEST` in place of these."""
    if not any(_length(value) > LONGEST for value in report.fields.values()):
        return report
    return report.model_copy(update={"fields": {name: _known(value) for name, value in report.fields.items()}})


def _length(value: Value | None) -> int:
    if isinstance(value, str):
        return len(value)
    return sum(map(len, value)) if isinstance(value, tuple) else 0


def _known(value: Value | None) -> Value | None:
    length = _length(value)
    if length <= LONGEST:
        return value
    raw = "\x1f".join(value) if isinstance(value, tuple) else str(value)
    digest = hashlib.blake2b(raw.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return TooLong(length=length, digest=digest)

"""The mapping of one field on each side, as settings."""

from typing import Literal

from pydantic import Field

from shared.model.records import LEFT, Frozen, Side


class _OfBoth(Frozen):
    left: str
    right: str

    def of(self, side: Side) -> str:
        """Return the value of one side's field."""
        return self.left if side == LEFT else self.right


class ValueRow(_OfBoth):
    """A value on each side that mean the same. Where one stands in several rows, the first says what is written."""

    left: str = Field(examples=["appointmentscheduled"])
    """Value of the left field, by the name that its app's interface uses for it."""
    right: str = Field(examples=["new"])
    """Value of the right field."""


class Otherwise(_OfBoth):
    """What is written for a value that no row names."""

    left: str = Field(default="", examples=["other"])
    """Value of the left field; when empty, such a value is not written there."""
    right: str = Field(default="", examples=["other"])
    """Value of the right field; when empty, such a value is not written there."""


class MappingSettings(Frozen):
    """What people decide about a mapping, whether they write all of it or not."""

    key: str = Field(examples=["phone"])
    """Stable name of the mapping within its sync."""
    left: str = Field(examples=["phone"])
    """Field of the left app."""
    right: str = Field(examples=["TEL"])
    """Field of the right app."""
    left_currency: str = Field(default="", examples=["deal_currency_code"])
    """Of an amount, the left field that names its currency: both travel as one value. Where only the other side has
    such a field, amounts are in the `currency` of the connection."""
    right_currency: str = Field(default="", examples=["transactioncurrency"])
    """Of an amount, the right field that names its currency."""
    zone: str = Field(default="", examples=["Europe/Rome"])
    """Where a day begins, when a date meets a time; the zone of the account that holds the time when empty."""
    policy: Literal["inherit", "left", "right", "most_recent", "manual"] = Field(default="inherit", examples=["left"])
    """Which side wins where both changed; `inherit` leaves it to the sync's `default_app`, and so does `most_recent`
    where two edits are less than five seconds apart."""
    clears: Literal["keep", "propagate"] = Field(default="keep", examples=["propagate"])
    """Whether a value that is emptied on one side is emptied on the other."""
    values: tuple[ValueRow, ...] = ()
    """Which values mean the same, where the two fields do not have the same options."""
    unmapped: Literal["fail", "skip"] | None = Field(default=None, examples=["skip"])
    """What becomes of a value without a row: the record fails and says so (by default), or the other side keeps what
    it has."""
    otherwise: Otherwise = Otherwise()
    """What is written for such a value instead."""
    sensitive: bool = Field(default=False, examples=[True])
    """Whether its values are kept back from the history, and from viewers; they are so as well where an app says that
    one of the two fields is sensitive."""
    on: bool = Field(default=True, examples=[False])
    """Whether the mapping carries anything."""

    def field(self, side: Side) -> str:
        """Return the field of one side."""
        return self.left if side == LEFT else self.right

    def currency(self, side: Side) -> str:
        """Return the field that names the currency on one side; empty where there is none."""
        return self.left_currency if side == LEFT else self.right_currency


class FieldMapping(MappingSettings):
    """A left field, a right field, a lens between them."""

    lens: str = "text"
    direction: Literal["two_way", "to_left", "to_right"] = "two_way"
    origin: Literal["default", "custom"] = "default"
    since: int = 0
    """Settings version in which it became what it is: a pair that was settled before that has no base for it."""

    def fields(self, side: Side) -> tuple[str, ...]:
        """List the fields of one side: one, and of an amount the one that names its currency."""
        name, currency = self.field(side), self.currency(side)
        return (name, currency) if currency else (name,)


class MatchSettings(Frozen):
    """How a sync matches records."""

    mode: Literal["default", "fields", "none"] = Field(default="default", examples=["fields"])
    """`default`: as the type says, by addresses, domains or names, say; `fields`: by one field alone; `none`: not at
    all."""
    left_field: str = Field(default="", examples=["external_id"])
    """With ``fields``: the left text field that alone decides."""
    right_field: str = Field(default="", examples=["number"])
    """The same on the right."""
    ambiguous: Literal["hold", "oldest"] = Field(default="hold", examples=["oldest"])
    """What to do with several possible partners that no single identifier explains."""

    def field(self, side: Side) -> str:
        """Return the field of one side that alone decides."""
        return self.left_field if side == LEFT else self.right_field

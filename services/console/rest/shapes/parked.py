"""Messages that nobody could handle."""

from typing import Annotated, Any, Final

from pydantic import Field

from services.console.rest.shapes.common import NOT_BLANK, At, Given, Page, Shown, examples
from services.console.use.records.parked import LONGEST, MOST

PARKED: Final[dict[str, Any]] = {
    "id": 12,
    "topic": "records",
    "key": "hubspot/contact/501",
    "reason": "too_large",
    "detail": "The record has 1,200,000 bytes.",
    "at_ms": 1_700_000_000_000,
    "replays": 0,
}
Why = Annotated[
    str,
    Field(max_length=LONGEST, description="Why they are not needed; kept with them.", json_schema_extra=NOT_BLANK),
]


class ParkedRow(Shown):
    """A message that nobody could handle."""

    model_config = examples(PARKED)

    id: int
    """Its place on the topic `parked`."""
    topic: str
    """The topic that it came from."""
    key: str
    """What it is about, such as the record."""
    reason: str
    detail: str
    at_ms: int
    """When it was parked."""
    replays: int
    """How often it had been replayed before."""


class DecidedRow(Shown):
    """A message that was replayed or dropped."""

    id: int
    """Its place on the topic `parked`."""
    topic: str
    key: str
    reason: str
    parked_ms: int
    what: str
    """`replayed` or `dropped`."""
    why: str
    who: str
    """Who decided."""
    decided_ms: int


class ParkedList(Page):
    """One page of parked messages, the newest first."""

    model_config = examples({"parked": [PARKED], "total": {"number": 1, "exact": True}, "next": None})

    parked: list[ParkedRow | DecidedRow]


class ParkedChoice(Given):
    """Which parked messages, by a filter."""

    reason: str = ""
    """Those parked for this reason."""
    topic: str = ""
    """Those that came from this topic."""
    q: str = Field(default="", max_length=200)
    """A part of the key, such as a record's id."""


class ReplayRequest(Given):
    """Parked messages to be handled once more: some by their `id`, or all that a filter chooses."""

    model_config = examples({"messages": [12]}, {"filter": {"reason": "too_large"}})

    messages: tuple[At, ...] = Field(default=(), max_length=MOST)
    filter: ParkedChoice | None = None
    """In place of `messages`."""


class DropRequest(ReplayRequest):
    """Parked messages to be dropped."""

    model_config = examples({"messages": [13], "why": "The record was deleted."})

    why: Why


class DropOne(Given):
    """Why one parked message is dropped."""

    model_config = examples({"why": "The record was deleted."})

    why: Why


class Decided(Shown):
    """What came of an order."""

    model_config = examples({"what": "replayed", "done": 1, "gone": 0, "left": 0})

    what: str
    """`replayed` or `dropped`."""
    done: int
    gone: int
    """Messages that Kafka does not keep any longer."""
    left: int
    """Messages that the filter chooses, too, and that were too many for one order: order once more."""

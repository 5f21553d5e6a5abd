"""What many answers have in common: pages of a list, and what is wrong."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias

from fastapi import Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from services.console.use.asked import NUMBER

MOST_ROWS: Final = 500
"""Rows of one page at most."""
LATEST: Final = 2**53
"""The greatest number that every client reads without loss."""
NOT_BLANK: Final[dict[str, Any]] = {"minLength": 1, "pattern": r"\S"}
"""Describes a text that may not be blank; what checks it says so in a sentence of its own."""

Cursor: TypeAlias = Annotated[str, Query(description="`next` of the page before; left out for the first page.")]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows of this page at most.")]
IdempotencyKey: TypeAlias = Annotated[
    str,
    Header(
        pattern=r"^[A-Za-z0-9_-]{0,64}$",
        description="Names this order: the same key asks for the same work once.",
        examples=["resync-2024-05-01"],
    ),
]
_NAME: Final[dict[str, Any]] = {"pattern": r"^[^/]*[^./][^/]*$"}
"""Describes an id: one that is empty, or nothing but dots, or holds a slash would lead to another path."""
RecordId: TypeAlias = Annotated[str, Path(description="`id` of the record, as lists show it.", json_schema_extra=_NAME)]
ExportId: TypeAlias = Annotated[str, Path(description="`id` of the file.", json_schema_extra=_NAME)]
JobId: TypeAlias = Annotated[str, Path(description="`id` of the job.", json_schema_extra=_NAME)]
UserId: TypeAlias = Annotated[str, Path(description="`id` of the user.", json_schema_extra=_NAME)]
TokenId: TypeAlias = Annotated[str, Path(description="`id` of the token.", json_schema_extra=_NAME)]
AlertId: TypeAlias = Annotated[str, Path(description="`id` of the alert.", json_schema_extra=_NAME)]
AppId: TypeAlias = Annotated[str, Path(description="`id` of the app, such as `hubspot`.", json_schema_extra=_NAME)]
SyncId: TypeAlias = Annotated[str, Path(description="`id` of the sync.", json_schema_extra=_NAME)]
ConnectionId: TypeAlias = Annotated[str, Path(description="`id` of the connection.", json_schema_extra=_NAME)]
ObjectId: TypeAlias = Annotated[
    str, Path(description="`id` of the object, as settings call it.", json_schema_extra=_NAME)
]
At: TypeAlias = Annotated[int, Field(ge=0, le=LATEST), NUMBER]
"""A moment in epoch milliseconds, or a place on a topic."""
MessageId: TypeAlias = Annotated[int, Path(ge=0, le=LATEST, description="`id` of the parked message.")]


def examples(*found: Mapping[str, Any]) -> ConfigDict:
    """Return what a model is configured by to show examples."""
    return ConfigDict(json_schema_extra={"examples": [dict(one) for one in found]})


class Shown(BaseModel):
    """What the API answers: what a newer worker has written besides is passed on."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)


class Given(BaseModel):
    """What the API takes: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Total(Shown):
    """How many rows a list has in all."""

    number: int
    exact: bool
    """False where counting on would take too long: there are more than `number`."""


class Page(Shown):
    """One page of a list."""

    total: Total | None = None
    """How many rows there are in all; null where that is not counted."""
    next: str | None
    """The `cursor` of the next page; null at the end."""


class Problem(Shown):
    """What is wrong, as RFC 9457 has it; each answer of 400 and above has this shape."""

    model_config = examples(
        {
            "type": "urn:syncline:problem:no-such-job",
            "title": "No such job",
            "status": 404,
            "detail": "There is no job 'resync-people.1'.",
        }
    )

    type: str
    """The kind of problem, for programs."""
    title: str
    """The kind of problem, for people."""
    status: int
    """The status of the answer."""
    detail: str
    """What is wrong with this request, and what to do."""
    fields: dict[str, str] = Field(default={})
    """A sentence for each field of the request that is wrong, where it is about fields."""
    scope: str = Field(default="")
    """The scope that the token lacks, where it is about scopes."""

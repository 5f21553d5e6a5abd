"""Calls of an app as values: requests, responses, and the generators that yield the ones and are sent the others."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from shared.model.words import Retry

T = TypeVar("T")

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "REPORT", "PROPFIND", "MKCOL", "OPTIONS"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request as a value."""

    method: Method
    path: str
    """Below the connection's base URL, or an absolute URL on the same host."""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    safe: bool = False
    """True when sending it twice does no harm, so that the transport may repeat it on a broken connection."""
    limit: str = "calls"
    """Which of the app's limits it is counted against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """A response as a value."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""


Exchange: TypeAlias = Generator[HttpRequest, HttpResponse, T]


class AppError(Exception):
    """The app refused a call, or could not be reached; `code` is a row of `shared.rules.errors`."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retry: Retry,
        retry_after_s: float | None = None,
        unknown: bool = False,
        conflicting_id: str | None = None,
        status: int | None = None,
        smaller: bool = False,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retry: Retry = retry
        self.retry_after_s = retry_after_s
        self.unknown = unknown
        """True when the call may have been executed although no answer came."""
        self.conflicting_id = conflicting_id
        self.status = status
        self.smaller = smaller
        """True when a request for fewer records may be answered: the answer was too large, or took too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What an exchange knows about the connection it runs for."""

    connection: str
    options: Mapping[str, str] = field(default_factory=dict)
    """Connection fields the user filled in, such as the path of an address book."""

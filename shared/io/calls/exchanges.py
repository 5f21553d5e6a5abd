"""Driving an exchange: what every caller does with its requests and answers, whatever carries them."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from shared.contract.calls import AppError, Exchange, HttpRequest, HttpResponse

T = TypeVar("T")

READING: Final = frozenset({"GET", "OPTIONS", "PROPFIND", "REPORT"})
"""Methods that change nothing, so that sending them twice does no harm."""
UNAVAILABLE: Final = frozenset({502, 503, 504})
_LONGEST_S: Final = 86_400.0


async def drive(exchange: Exchange[T], send: Callable[[HttpRequest], Awaitable[HttpResponse]]) -> T:
    """Run *exchange* to its result, with *send* for each of its requests.

    An `AppError` of *send* is thrown into the exchange, which may clean up, or handle it and go on. The exchange is
    closed however this ends.
    """
    try:
        request = next(exchange)
        while True:
            try:
                response = await send(request)
            except AppError as error:
                request = exchange.throw(error)
            else:
                request = exchange.send(response)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        exchange.close()


def harmless(request: HttpRequest) -> bool:
    """Check whether the request may be sent twice."""
    return request.safe or request.method in READING


def refusal(request: HttpRequest, response: HttpResponse) -> AppError | None:
    """Return the error for an answer that says nothing about the record itself; None for one the exchange reads."""
    wait = retry_after(response)
    if response.status == 429:
        return AppError(
            "rate_limited", "the app asked us to slow down", retry="busy", retry_after_s=wait, status=response.status
        )
    if response.status in UNAVAILABLE:
        return AppError(
            "app_unavailable",
            f"the app answered {response.status}",
            retry="outage",
            retry_after_s=wait,
            unknown=not harmless(request),  # a gateway may have given up on a call that was executed
            status=response.status,
        )
    if response.status == 423:
        return AppError("record_locked", "the record is locked", retry="busy", retry_after_s=wait, status=423)
    return None


def too_large(request: HttpRequest, most: int) -> AppError:
    """Return the error for an answer of more than *most* bytes."""
    said = f"the answer has more than {most} bytes"
    return AppError("too_long", said, retry="edit", unknown=not harmless(request), smaller=True)


def retry_after(response: HttpResponse) -> float | None:
    """Read Retry-After in seconds; None when it is missing or a date, on which no two clocks agree."""
    stated = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(stated)
    except ValueError:
        return None
    return min(seconds, _LONGEST_S) if seconds >= 0 else None

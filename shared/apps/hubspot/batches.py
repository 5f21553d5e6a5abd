"""Sending a batch so that every item gets its own result.

HubSpot answers a batch in one of three ways: all went well; a multi-status answer with errors that name their items;
or a refusal of the whole because of one item. The last is bisected until the bad item stands alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from shared.apps.hubspot.calls import post, read_json, rows
from shared.apps.hubspot.errors import Refusal, as_error, read_refusal, refuse
from shared.apps.kit.bodies import read_body
from shared.apps.kit.calls import inner
from shared.contract.calls import AppError, Exchange, HttpResponse
from shared.contract.writing import Refused

_ONE_MAY_BE_BAD: Final = frozenset({400, 404, 409, 413, 414, 422})

Answer: TypeAlias = Mapping[str, Any] | Refused


@dataclass(frozen=True, slots=True)
class Item:
    """One input of a batch call."""

    key: str
    """What its result is known by."""
    body: Mapping[str, Any]


def send_batch(
    where: str, items: Sequence[Item], key_of: Callable[[Mapping[str, Any]], str]
) -> Exchange[dict[str, Answer]]:
    """Send a batch and give each item's own answer by its key.

    When HubSpot stops taking calls after part of the items, these keep their answers and the rest are refused with the
    reason, which says when to try again.

    Raises:
        AppError: nothing was done, or it is not known what was.
    """
    done: dict[str, Answer] = {}
    try:
        yield from _send(where, items, key_of, done)
    except AppError as error:
        if not done or error.unknown:
            raise
        done |= {
            item.key: Refused(key=item.key, code=error.code, message=error.message, retry=error.retry)
            for item in items
            if item.key not in done
        }
    return done


def _send(
    where: str, items: Sequence[Item], key_of: Callable[[Mapping[str, Any]], str], done: dict[str, Answer]
) -> Exchange[None]:
    if not items:
        return
    request = post(where, {"inputs": [item.body for item in items]})
    response = yield request
    if response.status in _ONE_MAY_BE_BAD:
        if len(items) == 1:
            done[items[0].key] = _refused(items[0].key, _refusal(response))
        else:
            half = len(items) // 2
            yield from _send(where, items[:half], key_of, done)
            yield from _send(where, items[half:], key_of, done)
        return
    if not 200 <= response.status < 300:
        raise refuse(request, response)
    _take(items, read_json(request, response), key_of, done, empty=response.status == 204)
    left = [item for item in items if item.key not in done]
    if left and len(items) == 1:
        message = f"HubSpot's answer to {where} does not say what became of {left[0].key}"
        raise AppError("app_unavailable", message, retry="outage", unknown=True, status=response.status)
    for item in left:  # an error that names no item can only be told apart by sending each alone
        yield from _send(where, [item], key_of, done)


def _take(
    items: Sequence[Item],
    body: Mapping[str, Any],
    key_of: Callable[[Mapping[str, Any]], str],
    done: dict[str, Answer],
    *,
    empty: bool,
) -> None:
    waiting = {item.key for item in items}
    if empty:
        done |= {key: {} for key in waiting}
        return
    for row in rows(body):
        if key_of(row) in waiting:
            done[key_of(row)] = row
    errors = rows(body, "errors")
    for error in errors:
        for key in _named(error) & waiting - done.keys():
            done[key] = _refused(key, read_refusal(error))
    if len(items) == 1 and errors and items[0].key not in done:
        done[items[0].key] = _refused(items[0].key, read_refusal(errors[0]))


def _named(error: Mapping[str, Any]) -> set[str]:
    found: set[str] = set()
    for name in ("objectWriteTraceId", "ids", "id", "fromObjectId"):
        named = inner(error, "context", name)
        found |= {str(one) for one in named} if isinstance(named, list) else set()
    return found


def _refusal(response: HttpResponse) -> Refusal:
    body = read_body(response.body)
    return read_refusal(body, response.status)


def _refused(key: str, refusal: Refusal) -> Refused:
    error = as_error(refusal)
    return Refused(
        key=key,
        code=error.code,
        message=error.message,
        retry=error.retry,
        field=refusal.field,
        conflicting_id=error.conflicting_id,
    )

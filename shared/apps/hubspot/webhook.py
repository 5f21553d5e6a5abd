"""HubSpot's webhooks: is a call genuine, and which records does it say to look at.

Events come in any order, more than once, and an `eventId` is not unique, so they are hints and nothing else. One that
we have no use for, or that cannot be read, is passed over: an answer of 4xx would make HubSpot send the whole body
again for a day, and its good events would wait for the bad one.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from shared.apps.hubspot.objects import KINDS
from shared.contract.calls import Session
from shared.contract.feeds import Hint
from shared.contract.webhooks import Heard, Proof, WebhookCall

MAX_BODY: Final = 1_048_576
MAX_AGE_MS: Final = 300_000

_OBJECTS: Final[Mapping[str, str]] = {
    spelling: kind.object for kind in KINDS for spelling in (kind.object, kind.path, kind.type_id)
}
_CUSTOM: Final = re.compile(r"2-[0-9]{1,20}")
"""Type ids of custom objects; whose they are, and how settings call them, depends on the account."""
_DECODED: Final = re.compile("%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
"""What version 3 decodes in the URI before signing; every other escape stays."""


SIGNATURES: Final = ("v3", "v2", "v1")
"""The versions of signatures, the newest first. Version 3 alone names a time: who has seen a call that is signed in an
older way can send it again for ever."""
OLDEST: Final = "oldest_signature"
"""The connection's option that names the oldest version to take."""


def verify(session: Session, call: WebhookCall, secret: str) -> Proof:
    """Check a call's signature: version 3 within five minutes, an older one only where the connection takes it.

    When version 3 is there, it alone counts.
    """
    if not secret:
        return "forged"
    v3 = call.headers.get("x-hubspot-signature-v3")
    if v3 is not None:
        return "genuine" if _is_v3(call, v3, secret) else "forged"
    version = call.headers.get("x-hubspot-signature-version", "v1").lower()
    head = {"v1": secret, "v2": f"{secret}{call.method}{call.url}"}.get(version)
    if head is None:
        return "forged"
    ours = hashlib.sha256(head.encode("utf-8", "surrogatepass") + call.body).hexdigest()
    if not _same(ours, call.headers.get("x-hubspot-signature", "")):
        return "forged"
    oldest = session.options.get(OLDEST) or SIGNATURES[0]
    taken = SIGNATURES[: SIGNATURES.index(oldest) + 1] if oldest in SIGNATURES else ()
    return "genuine" if version in taken else "old_signature"


def _is_v3(call: WebhookCall, signature: str, secret: str) -> bool:
    stamp = call.headers.get("x-hubspot-request-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 16):
        return False
    if abs(call.at_ms - int(stamp)) > MAX_AGE_MS:
        return False
    uri = _DECODED.sub(lambda found: chr(int(found[1], 16)), call.url)
    text = f"{call.method}{uri}".encode("utf-8", "surrogatepass") + call.body + stamp.encode()
    return _same(base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode(), signature)


def _same(ours: str, theirs: str) -> bool:
    # As octets: compare_digest raises on a text that is not ASCII, and a forger chooses the text.
    return hmac.compare_digest(ours.encode(), theirs.encode("utf-8", "surrogatepass"))


def read(body: bytes) -> Heard:
    """Return the hints in a body, and what is wrong with the events that give none.

    Raises:
        ValueError: the body is not an array of events, or none of them can be read; the sentence says what is wrong.
    """
    if len(body) > MAX_BODY:
        raise ValueError(f"the body has {len(body)} bytes; HubSpot sends at most 100 events, far below {MAX_BODY}")
    try:
        events = json.loads(body.decode("utf-8"), parse_int=_int)
    except RecursionError as error:
        raise ValueError("the body is nested deeper than any event") from error
    except UnicodeDecodeError as error:
        raise ValueError("the body is not UTF-8") from error
    except ValueError as error:
        raise ValueError(f"the body is not JSON: {error}") from error
    if not isinstance(events, list):
        raise _wrong(f"the body must be a JSON array of events, not {_kind(events)}")
    hints: list[Hint] = []
    unread: list[str] = []
    for number, event in enumerate(events):
        try:
            hints += tuple(_hints(number, event))
        except ValueError as error:
            unread.append(str(error))
    if unread and len(unread) == len(events):
        raise _wrong(unread[0])
    return Heard(hints=tuple(hints), unread=tuple(unread))


def _int(digits: str) -> int | str:
    """Return a number; one longer than any id stays a text, which Python would refuse to turn into a number."""
    return int(digits) if len(digits) <= 20 else digits


def _hints(number: int, event: object) -> Iterator[Hint]:
    if not isinstance(event, dict):
        raise _wrong(f"event {number} must be an object, not {_kind(event)}")
    name = event.get("eventType") if event.get("subscriptionType") is None else event["subscriptionType"]
    if not isinstance(name, str):
        raise _wrong(f"event {number} needs a text subscriptionType")
    spelling, _, what = name.partition(".")
    if spelling == "object":
        spelling = str(event.get("objectTypeId"))
    read_as = _EVENTS.get(what)
    if read_as is None:
        return
    account, occurred_ms = _id(number, event, "portalId"), _moment(number, event)
    winner = _id(number, event, "primaryObjectId") if what == "merge" and event.get("primaryObjectId") else ""
    into = _id(number, event, "newObjectId") if winner and event.get("newObjectId") else ""
    for object_, record, kind in read_as(number, event, _named(spelling)):
        if object_:
            yield Hint(
                id=record, kind=kind, object=object_, account=account, occurred_ms=occurred_ms, winner=winner, into=into
            )


def _named(spelling: str) -> str:
    return _OBJECTS.get(spelling, "") or (spelling if _CUSTOM.fullmatch(spelling) else "")


def _changed(number: int, event: Mapping[str, Any], object_: str) -> Iterator[tuple[str, str, Any]]:
    yield object_, _id(number, event, "objectId"), "changed"


def _deleted(number: int, event: Mapping[str, Any], object_: str) -> Iterator[tuple[str, str, Any]]:
    yield object_, _id(number, event, "objectId"), "deleted"


def _erased(number: int, event: Mapping[str, Any], object_: str) -> Iterator[tuple[str, str, Any]]:
    yield object_, _id(number, event, "objectId"), "erased"


def _merged(number: int, event: Mapping[str, Any], object_: str) -> Iterator[tuple[str, str, Any]]:
    """A merge makes a new record; the old ids lead to it."""
    names = ("newObjectId", "primaryObjectId", "objectId")
    survivor = _id(number, event, next((name for name in names if event.get(name) is not None), "objectId"))
    merged = event.get("mergedObjectIds") or []
    if not isinstance(merged, list):
        raise _wrong(f"event {number}: mergedObjectIds must be an array, not {_kind(merged)}")
    losers = [_id(number, {"mergedObjectIds": one}, "mergedObjectIds") for one in merged]
    if event.get("primaryObjectId") is not None:
        losers.append(_id(number, event, "primaryObjectId"))
    yield object_, survivor, "changed"
    for loser in dict.fromkeys(losers):
        if loser != survivor:
            yield object_, loser, "merged"


def _associated(number: int, event: Mapping[str, Any], _object: str) -> Iterator[tuple[str, str, Any]]:
    """An association changes both of its ends."""
    spelt = str(event.get("associationType") or "").lower().partition("_to_")
    ends = (
        ("fromObjectTypeId", spelt[0], "fromObjectId"),
        ("toObjectTypeId", spelt[2].removesuffix("_unlabeled"), "toObjectId"),
    )
    for type_id, spelling, name in ends:
        yield _named(str(event.get(type_id))) or _named(spelling), _id(number, event, name), "changed"


_EVENTS: Final = {
    "creation": _changed,
    "propertyChange": _changed,
    "restore": _changed,
    "deletion": _deleted,
    "privacyDeletion": _erased,
    "merge": _merged,
    "associationChange": _associated,
}


def _id(number: int, event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**20:
        return str(value)
    raise _wrong(f"event {number}: {name} must be an id, which is a whole number, not {_kind(value)}")


def _moment(number: int, event: Mapping[str, Any]) -> int:
    value = event.get("occurredAt", 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10**15:
        raise _wrong(f"event {number}: occurredAt must be epoch milliseconds, not {_kind(value)}")
    return value


def _wrong(sentence: str) -> ValueError:
    return ValueError(sentence)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "a truth value", int: "that number"}
    return "nothing" if value is None else names.get(type(value), "that")

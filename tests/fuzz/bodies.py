"""Odd webhook bodies, and the law of reading them: hints that can travel, or a sentence."""

import json
from random import Random
from typing import Any, Final

from services.ingest.notices import addressed, as_notice
from shared.apps.hubspot import HUBSPOT
from shared.wire import topics

_KINDS: Final = (
    "contact.propertyChange", "contact.creation", "contact.deletion", "contact.merge", "contact.restore",
    "contact.privacyDeletion", "company.associationChange", "object.creation", "object.merge", "deal.creation", "x", "",
    "contact.", ".creation", "contact.creation.more", "product.associationChange",
)  # fmt: skip
_NAMES: Final = (
    "objectId", "portalId", "occurredAt", "subscriptionType", "eventType", "objectTypeId", "fromObjectId", "toObjectId",
    "associationType", "associationRemoved", "isPrimaryAssociation", "primaryObjectId", "mergedObjectIds",
    "newObjectId",
    "propertyName", "propertyValue", "eventId", "attemptNumber",
)  # fmt: skip
_ODD: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 2**53, 10**30, 1e308, 0.5, "", " ", "12", "x", "0-1", "\ud800", "\x00", "\uffff",
    "1" * 5000, [], [1], [[1]], {}, {"a": 1}, "CONTACT_TO_COMPANY", "REDACTED", [None], ["1", 2, "\ud800"],
)  # fmt: skip
_RAW: Final = (
    b"", b"{}", b"[", b"[1]", b"null", b"\xff", b"[NaN]", b"[1e999]", b"[" * 2000, b"[" + b"9" * 5000 + b"]", b'"x"',
    b"[[]]",
)  # fmt: skip


def odd_body(random: Random) -> bytes:
    """Return a webhook's body, or something like one."""
    if random.random() < 0.05:
        return random.choice(_RAW)
    body = json.dumps([_event(random) for _ in range(random.randrange(4))]).encode()
    if random.random() < 0.1 and body:
        at = random.randrange(len(body))
        body = body[:at] + bytes((random.randrange(256),)) + body[at + random.randrange(2) :]
    return body


def _event(random: Random) -> Any:
    if random.random() < 0.05:
        return random.choice(_ODD)
    event: dict[str, Any] = {
        "objectId": random.randrange(1000), "portalId": 33, "occurredAt": 1_462_216_307_945, "eventId": 1,
        "subscriptionType": random.choice(_KINDS), "attemptNumber": 0,
    }  # fmt: skip
    if "associationChange" in str(event["subscriptionType"]):
        event |= {"fromObjectId": 1, "toObjectId": 2, "associationType": "CONTACT_TO_COMPANY"}
    if "merge" in str(event["subscriptionType"]):
        event |= {"primaryObjectId": 1, "mergedObjectIds": [2, 3], "newObjectId": 4}
    for _ in range(random.choice((0, 0, 1, 1, 3))):
        event[random.choice(_NAMES)] = random.choice(_ODD)
    for _ in range(random.choice((0, 0, 0, 1))):
        event.pop(random.choice(_NAMES), None)
    return event


def check_body(body: bytes) -> int:
    """Read a body, and check that what it tells can travel; give the number of its hints."""
    webhook = HUBSPOT.webhook
    assert webhook is not None
    try:
        heard = webhook.read(body)
    except ValueError as error:
        if not str(error):
            raise AssertionError("a refusal says what is wrong") from error
        return 0
    for hint in heard.hints:
        notice = addressed(as_notice(hint, "one", hint.object, 1))
        raw = topics.NOTICES.encode(as_notice(hint, "one", hint.object, 1))
        assert topics.NOTICES.decode(raw, {}) == notice.message
        assert notice.key.encode()
        assert hint.account.encode()
    "\n".join(heard.unread).encode()
    return len(heard.hints)

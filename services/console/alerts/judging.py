"""Judges how what an alert watches stands: it fires when that is wrong for long enough, and once more when it is over.

Both take as long, so that a number that goes up and down around the threshold tells nobody anything.
"""

from typing import Final

from services.console.alerts.counting import Count
from shared.wire.access import Alert, AlertDelivery, AlertStanding

AGAIN_MS: Final = (10_000, 60_000, 300_000, 1_800_000, 7_200_000)
"""After how long a message that was not taken is sent again, each time."""
_MINUTE_MS: Final = 60_000


def judged(alert: Alert, old: AlertStanding, count: Count, now_ms: int, incident: str) -> AlertStanding | None:
    """Return how something stands that was counted now; None where nothing has changed.

    Args:
        alert: What is watched, and who is told.
        old: How it stood.
        count: What there is of it.
        now_ms: The time.
        incident: A name for what goes wrong, if it begins now.
    """
    wrong = count.number > alert.over
    if wrong == old.firing:
        return _changed(old, turning_ms=0) if old.turning_ms else None
    since = old.turning_ms or now_ms
    if now_ms - since < alert.minutes * _MINUTE_MS:
        return None if old.turning_ms else _changed(old, turning_ms=now_ms)
    return _changed(
        old,
        firing=wrong,
        turning_ms=0,
        at_ms=now_ms,
        number=count.number,
        words=count.words,
        incident=incident if wrong else old.incident,
        pausing="due" if wrong and alert.pause else "",
        deliveries=tuple(AlertDelivery(to=to, firing=wrong) for to in targets(alert)),
    )


def targets(alert: Alert) -> list[str]:
    """List whom an alert tells; the webhook is empty."""
    return [*([""] if alert.url else []), *alert.mail]


def is_due(delivery: AlertDelivery, now_ms: int) -> bool:
    """Check whether a message is still to be sent, and now."""
    if not delivery.attempt:
        return True
    waits = bool(delivery.error) and delivery.attempt <= len(AGAIN_MS)
    return waits and now_ms - delivery.at_ms >= AGAIN_MS[delivery.attempt - 1]


def tried(old: AlertStanding, delivery: AlertDelivery, error: str, now_ms: int) -> AlertStanding:
    """Return how something stands after an attempt to tell of it."""
    done = delivery.model_copy(update={"attempt": delivery.attempt + 1, "error": error, "at_ms": now_ms})
    return _changed(old, deliveries=tuple(done if row == delivery else row for row in old.deliveries))


def paused(old: AlertStanding, alert: Alert) -> AlertStanding:
    """Return how something stands once its sync is off, or is to stay on, since the alert no longer wants it off."""
    return _changed(old, pausing="done" if alert.pause else "")


def key_of(alert: str, about: str) -> str:
    """Return the key of the document that says how something stands."""
    return f"standing:{alert}/{about}"


def _changed(old: AlertStanding, **changes: object) -> AlertStanding:
    return old.model_copy(update={**changes, "rev": old.rev + 1})

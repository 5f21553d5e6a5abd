"""What feeds and webhooks make of a hint."""

from shared.contract.feeds import Hint
from shared.io.ports import Outbound
from shared.model.ids import record_key
from shared.wire import topics
from shared.wire.messages import Notice


def as_notice(hint: Hint, connection: str, object_: str, now_ms: int) -> Notice:
    """Encode a hint of one connection's record, accepted now, as a notice."""
    return Notice(
        connection=connection,
        object=object_,
        id=hint.id,
        kind=hint.kind,
        version=hint.version,
        occurred_ms=hint.occurred_ms,
        winner=hint.winner,
        into=hint.into,
        accepted_ms=now_ms,
    )


def addressed(notice: Notice) -> Outbound:
    """Address a notice to its topic, under the key of its record."""
    key = record_key(notice.connection, notice.object, notice.id)
    return Outbound(topic=topics.NOTICES, key=key, message=notice)

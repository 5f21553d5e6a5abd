"""Having one record read again, as if its app had told of it."""

from services.console.use.meant import Place
from shared.io.ports import Outbound
from shared.model.ids import record_key
from shared.wire import topics
from shared.wire.messages import Notice


def notice_of(place: Place, now_ms: int) -> Outbound:
    """Return the notice that has a record read."""
    notice = Notice(connection=place.connection, object=place.object, id=place.record, accepted_ms=now_ms)
    key = record_key(place.connection, place.object, place.record)
    return Outbound(topic=topics.NOTICES, key=key, message=notice)

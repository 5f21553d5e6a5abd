"""What is told of webhooks that were refused: to every process, for a day, and for the settings of that moment."""

from collections.abc import Iterator

import pytest

from shared.io.calls.tokens import TokensAway
from shared.io.calls.webhook_refusals import Refusals, WebhookRefusals
from shared.io.redis.client import connect
from shared.model.syncs import Connection

pytestmark = pytest.mark.server
ROW = Connection(id="hub", app="hubspot", label="", account="1", base_url="http://x", auth="none")


@pytest.fixture(name="refusals")
def _refusals(redis_url: str) -> Iterator[WebhookRefusals]:
    client = connect(redis_url)
    client.delete("webhooks:{hub}:refused")
    yield WebhookRefusals(client)
    client.delete("webhooks:{hub}:refused")
    client.close()


def test_calls_are_counted_from_the_first_to_the_last(refusals: WebhookRefusals) -> None:
    assert refusals.of(ROW) is None
    refusals.note(ROW, "old_signature", 1_000)
    refusals.note(ROW, "old_signature", 2_000)
    assert refusals.of(ROW) == Refusals(reason="old_signature", calls=2, since_ms=1_000, last_ms=2_000)


def test_other_settings_forget_them(refusals: WebhookRefusals) -> None:
    """Whoever changed the setting sees at once whether that was it."""
    refusals.note(ROW, "old_signature", 1_000)
    changed = ROW.model_copy(update={"options": {"oldest_signature": "v1"}})
    assert refusals.of(changed) is None
    refusals.note(changed, "old_signature", 3_000)
    assert refusals.of(changed) == Refusals(reason="old_signature", calls=1, since_ms=3_000, last_ms=3_000)


def test_redis_may_be_away() -> None:
    refusals = WebhookRefusals(connect("redis://127.0.0.1:1"))
    with pytest.raises(TokensAway):
        refusals.note(ROW, "old_signature", 1)
    with pytest.raises(TokensAway):
        refusals.of(ROW)

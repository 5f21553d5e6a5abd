"""Webhooks of a slice: the simulator calls ingest's real server, whose notices wait until the test runs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from services.ingest.noting import Noting
from services.ingest.webhooks import Webhooks, make_app
from shared.io.calls.vault import Vault
from shared.io.clock import SystemClock
from shared.io.redis.feed_notes import MemoryFeedNotes
from shared.model.syncs import Connection
from shared.wire.messages import SetupDoc
from tests.services.environment import serving
from tests.slice.harness import Slice


def _refuse(row: Connection, reason: str, _at_ms: int) -> None:
    raise AssertionError(f"a call of {row.id} was refused: {reason}")


@contextmanager
def called(world: Slice, events: Mapping[str, Sequence[str]]) -> Iterator[None]:
    """Call about these events as HubSpot does, by connection; each account signs with the secret of its own app."""
    vault, clock = Vault((b"k" * 32,)), SystemClock()
    public = "http://sync.example"
    webhooks = Webhooks(
        world.setups, vault, world.bus, clock, metrics=world.metrics, public_url=public,
        refused=_refuse, noting=Noting(MemoryFeedNotes(), clock),
    )  # fmt: skip
    with serving(make_app(webhooks, world.apps)) as address:
        path = "/webhooks/hubspot"
        for name, wanted in events.items():
            made = world.admin.set_webhooks(world.portal[name], address + path, wanted, publicUrl=public + path)
            secret = vault.seal(made["clientSecret"], connection=name, name="webhook_secret")
            row = world.setups.connection(name)
            changes = {"webhook_secret": secret, "version": row.version + 1}
            world.set_up("connection", name, SetupDoc(connection=row.model_copy(update=changes)))
        yield
        for name in events:
            world.admin.set_webhooks(world.portal[name], "", [])

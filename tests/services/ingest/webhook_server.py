"""The webhook server of an installation, and calls to it as HubSpot makes them."""

import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from hubspot.utils.signature import Signature

from services.ingest.webhooks import Webhooks
from shared.config.setups import Setups
from shared.io.calls.tokens import TokensAway
from shared.io.calls.vault import Vault
from shared.io.memory import ManualClock, MemoryBroker, MemoryReader
from shared.io.redis.feed_notes import MemoryFeedNotes
from shared.metrics import Metrics
from shared.model.mapping import FieldMapping
from shared.model.syncs import Connection, Sync, SyncSide
from shared.wire import topics
from shared.wire.messages import Notice, SetupDoc

PUBLIC: Final = "https://sync.example/in"
PATH: Final = "/webhooks/hubspot"
SECRETS: Final = {"hub-a": "first secret", "hub-b": "second secret", "hub-c": "first secret"}
PORTALS: Final = {"hub-a": "11", "hub-b": "22", "hub-c": "33"}


@dataclass
class WebhookServer:
    """Serves webhooks for an installation with three portals, two of which share a secret."""

    webhooks: Webhooks = field(init=False)
    address: str = ""
    broker: MemoryBroker = field(default_factory=lambda: MemoryBroker(topics.catalogue(("hubspot",)), partitions=2))
    clock: ManualClock = field(default_factory=lambda: ManualClock(int(time.time() * 1000)))
    vault: Vault = field(default_factory=lambda: Vault((b"k" * 32,)))
    metrics: Metrics = field(default_factory=Metrics)
    setups: Setups = field(default_factory=Setups)
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Connection and reason of each call that was noted as refused."""
    redis_away: bool = False
    notes: MemoryFeedNotes = field(default_factory=MemoryFeedNotes)

    def reset(self) -> None:
        """Start with an empty broker, and connections with their default options."""
        self.broker = MemoryBroker(topics.catalogue(("hubspot",)), partitions=2)
        self.clock.advance(int(time.time() * 1000) - self.clock.now_ms())
        self.refused, self.redis_away = [], False
        self.set_up()

    def set_up(self, **options: str) -> None:
        """Set up the connections, all with these options."""
        for name, secret in SECRETS.items():
            row = Connection(
                id=name, app="hubspot", label=name, account=PORTALS[name], base_url="https://api.hubapi.com",
                auth="api_key", options=options, version=self.setups.offset + 2,
                webhook_secret=self.vault.seal(secret, connection=name, name="webhook_secret"),
            )  # fmt: skip
            self.setups.apply(self.setups.offset + 1, f"connection:{name}", SetupDoc(connection=row))
        for left, right, object_ in (("hub-a", "hub-b", "contact"), ("hub-a", "hub-c", "company")):
            sync = Sync(
                id=object_,
                left=SyncSide(connection=left, object=object_),
                right=SyncSide(connection=right, object=object_),
                mappings=(FieldMapping(key="phone", left="phone", right="phone"),),
            )
            self.setups.apply(self.setups.offset + 1, f"sync:{object_}", SetupDoc(sync=sync))

    def note(self, row: Connection, reason: str, now_ms: int) -> None:
        """Note a refused call, as Redis does."""
        assert now_ms == self.clock.now_ms()
        if self.redis_away:
            raise TokensAway
        self.refused.append((row.id, reason))

    def call(
        self, body: str | bytes, *, secret: str = "first secret", query: str = "", version: str = "v3", age_ms: int = 0
    ) -> requests.Response:
        """Call as HubSpot does, with a signature made by HubSpot's own code."""
        text = body if isinstance(body, str) else body.decode("latin-1")
        raw = body.encode() if isinstance(body, str) else body
        at = str(self.clock.now_ms() - age_ms)
        made = Signature.get_signature(secret, text, version, f"{PUBLIC}{PATH}{query}", "POST", at)
        headers = {"X-HubSpot-Signature-v3": made, "X-HubSpot-Request-Timestamp": at}
        if version != "v3":
            headers = {"X-HubSpot-Signature": made, "X-HubSpot-Signature-Version": version}
        return self.post(raw, headers, query)

    def post(self, body: bytes, headers: Mapping[str, str], query: str = "") -> requests.Response:
        """Call with headers of one's own."""
        with requests.Session() as http:
            http.trust_env = False
            return http.post(f"{self.address}{PATH}{query}", data=body, headers=headers, timeout=20)

    def counted(self, connection: str, reason: str) -> float:
        """Return how many calls of a connection ended so."""
        return self.metrics.value("webhook_calls_total", connection=connection, reason=reason)

    def notices(self) -> list[Notice]:
        """List the notices that were published."""
        return [item.message for item in MemoryReader(self.broker, topics.NOTICES).read_to_end() if item.message]

    def brief(self) -> set[tuple[str, str, str, str]]:
        """Return the notices as connection, object, record and kind."""
        return {(row.connection, row.object, row.id, row.kind) for row in self.notices()}

    def raw(self, sent: bytes, *, finish: bool = True) -> int:
        """Send bytes as they are, and return the status; 0 where no answer came."""
        parts = urlsplit(self.address)
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as line:
            line.sendall(sent)
            if not finish:
                line.shutdown(socket.SHUT_WR)
            answer = line.recv(4096)
        return int(answer.split()[1]) if answer else 0


def event(kind: str = "contact.propertyChange", record: Any = 7, portal: Any = 11, **more: Any) -> dict[str, Any]:
    """Make an event as HubSpot sends it."""
    return {"subscriptionType": kind, "objectId": record, "portalId": portal, "occurredAt": 1_700_000_000_000, **more}


def body(*events: Any) -> str:
    """Write a body of events."""
    return json.dumps(list(events))

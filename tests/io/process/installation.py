"""Several processes of one installation inside a test.

Each has a caller and settings of its own; all are on one Kafka and one Redis, in memory unless a real Redis is given.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.apps import APPS
from shared.config.setups import Setups
from shared.contract.app import App
from shared.io.calls.budgets import MemoryBudgets
from shared.io.calls.call_notes import MemoryCallNotes
from shared.io.calls.caller import HttpCaller
from shared.io.calls.grants import Grants
from shared.io.calls.signing import SignIns
from shared.io.calls.tokens import MemoryTokens, TokenCache
from shared.io.calls.vault import Vault
from shared.io.clock import SystemClock
from shared.io.memory import MemoryBroker, MemoryBus, MemoryReader
from shared.io.net.ssrf import AddressGuard
from shared.io.ports import Outbound, run_blocking
from shared.metrics import Metrics
from shared.model.syncs import Connection
from shared.wire import topics
from shared.wire.messages import SetupDoc

KEY = bytes(32)


class Watch:
    """A clock that goes on by itself, and that tests push forward instead of waiting."""

    def __init__(self) -> None:
        self._ahead = 0

    def __call__(self) -> int:
        return int(time.monotonic() * 1000) + self._ahead

    def advance(self, ms: int) -> None:
        """Let so much time pass at once."""
        self._ahead += ms


@dataclass
class Process:
    """One process: it follows the settings whenever it waits for them."""

    installation: "Installation"
    setups: Setups
    metrics: Metrics
    caller: HttpCaller
    follow: Any

    def renewals(self, reason: str = "done", connection: str = "c") -> float:
        return self.metrics.value("token_renewals_total", connection=connection, reason=reason)


@dataclass
class Installation:
    """What the processes share."""

    allowed: Sequence[str]
    apps: Mapping[str, App] = field(default_factory=lambda: APPS)
    watch: Watch = field(default_factory=Watch)
    cache: TokenCache = field(init=False)
    broker: MemoryBroker = field(default_factory=lambda: MemoryBroker([topics.SETUPS]))
    vault: Vault = field(default_factory=lambda: Vault([KEY]))
    budgets: MemoryBudgets = field(init=False)
    notes: MemoryCallNotes = field(default_factory=lambda: MemoryCallNotes(SystemClock()))

    def __post_init__(self) -> None:
        self.cache, self.budgets = MemoryTokens(self.watch), MemoryBudgets(now_ms=self.watch)

    def connect(self, **fields: Any) -> Connection:
        """Set a connection up, as the console does: its `secrets` are given in the clear."""
        secrets = fields.pop("secrets", {})
        name = fields.setdefault("id", "c")
        sealed = {key: self.vault.seal(value, connection=name, name=key) for key, value in secrets.items()}
        version = self.broker.end_offsets(topics.SETUPS.name)[0] + 1  # higher than what stands
        row = Connection(**{"label": "", "account": "1", "secrets": sealed, "version": version, **fields})
        self.publish(f"connection:{name}", SetupDoc(connection=row))
        return row

    def publish(self, key: str, doc: SetupDoc | None) -> None:
        bus = MemoryBus(self.broker)
        run_blocking(bus.publish([Outbound(topic=topics.SETUPS, key=key, message=doc)]))

    def documents(self) -> dict[str, str]:
        """Return what Kafka keeps of each key, as text."""
        rows = self.broker.fetch(topics.SETUPS.name, 0, 0, 10_000)
        return {row.key: (row.value or b"").decode() for row in rows}

    def process(self) -> Process:
        """Start one more process, which has read all settings."""
        setups, metrics, lock = Setups(self.apps), Metrics(), threading.Lock()
        reader = MemoryReader(self.broker, topics.SETUPS)

        def follow(seconds: float = 0.0) -> None:
            time.sleep(seconds)
            with lock:
                for stored in reader.poll(0.0):
                    setups.apply(stored.offset, stored.key, stored.message)

        grants = Grants(
            MemoryBus(self.broker),
            setups,
            end=lambda: self.broker.end_offsets(topics.SETUPS.name)[0],
            sleep=follow,
        )
        sign_ins = SignIns(
            setups=setups,
            vault=self.vault,
            cache=self.cache,
            grants=grants,
            metrics=metrics,
            clock=SystemClock(),
        )
        caller = HttpCaller(
            sign_ins=sign_ins,
            budgets=self.budgets,
            guard=AddressGuard(self.allowed),
            metrics=metrics,
            notes=self.notes,
        )
        follow()
        return Process(self, setups, metrics, caller, follow)

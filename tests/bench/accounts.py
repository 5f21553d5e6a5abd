"""Two HubSpot accounts and one sync between them, each with its own quota: `make run` without an address book."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psutil

from deploy.local.stack import PORTAL, SERVICES, Stack
from tests.e2e.live import free_ports

OTHER: Final = 4002
SYNC: Final = "contacts"


class Accounts(Stack):
    """The stack with a second account instead of cards."""

    def __init__(self, folder: Path, *, limits: Mapping[str, int] | None = None) -> None:
        super().__init__(folder, free_ports())
        self._limits = dict(limits or {})
        self.hubspot.accounts[OTHER] = f"{self.secrets['hubspot_token']}-other"
        self.hook = ""

    def setup(self, hook: str) -> dict[str, Any]:
        """Return two connections and the sync between them."""
        self.hook = hook
        connections = [
            {
                "id": name, "app": "hubspot", "base_url": self.hubspot.url, "auth": "api_key",
                "secrets": {"access_token": self.hubspot.accounts[portal]}, "poll_interval_s": 30,
                "limits": self._limits,
                **({"webhook_secret": hook} if portal == PORTAL else {}),
            }
            for name, portal in (("one", PORTAL), ("two", OTHER))
        ]  # fmt: skip
        ends = {side: {"connection": name, "object": "contact"} for side, name in (("left", "one"), ("right", "two"))}
        return {"connections": connections, "syncs": [{"id": SYNC, **ends}]}

    def silence(self) -> None:
        """Have HubSpot call nobody: the bench calls, or polls are enough."""
        admin = self.hubspot.admin()
        admin.set_webhooks(PORTAL, "", [])
        admin.close()

    def signed(self, body: bytes) -> dict[str, str]:
        """Sign a webhook as HubSpot does."""
        at = str(int(time.time() * 1000))
        text = b"POST" + f"{self.ingest_url}/webhooks/hubspot".encode() + body + at.encode()
        digest = base64.b64encode(hmac.new(self.hook.encode(), text, hashlib.sha256).digest()).decode()
        return {"X-HubSpot-Signature-v3": digest, "X-HubSpot-Request-Timestamp": at}

    def health(self) -> dict[str, Any]:
        """Return how the sync stands; empty while the console does not answer."""
        found = self.api("health")
        return dict(found["syncs"][0]) if found and found["syncs"] else {}

    def wait_settled(self, pairs: int, seconds: float) -> None:
        """Wait until so many pairs are in sync and nothing waits; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            health = self.health()
            settled = health and health["phase"] == "live" and health["counts"]["in_sync"] >= pairs
            if settled and not health["counts"]["pending"] and all(job["phase"] == "done" for job in health["jobs"]):
                return
            time.sleep(0.5)
        raise TimeoutError(f"{pairs} pairs were not in sync within {seconds} s: {self.health()}")

    def processes(self) -> dict[str, psutil.Process]:
        """Return the processes by name."""
        found = {name: psutil.Process(self.services[name].pid) for name in SERVICES}
        assert self.kafka is not None
        assert self.redis is not None
        found |= {"kafka": psutil.Process(self.kafka.pid), "redis": psutil.Process(self.redis.pid)}
        return found | {"hubspot simulator": psutil.Process(self.hubspot.pid)}


class Cpu:
    """Cores that processes use between two moments."""

    def __init__(self, processes: Mapping[str, psutil.Process]) -> None:
        self._processes = processes
        self._began = time.monotonic()
        self._before = {name: _used(one) for name, one in processes.items()}

    def cores(self) -> dict[str, float]:
        """Return the cores used since this was made, by name."""
        span = time.monotonic() - self._began
        return {name: (_used(one) - self._before[name]) / span for name, one in self._processes.items()}


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)

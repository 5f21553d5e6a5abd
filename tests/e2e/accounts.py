"""Two HubSpot accounts, each with its own quota, and syncs between them: `make run` without an address book."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from deploy.local.stack import PORTAL, Stack
from tests.e2e.live import free_ports

OTHER: Final = 4002
CONTACTS: Final = "contacts"
COMPANIES: Final = "companies"
DEALS: Final = "deals"
_OBJECTS: Final = {CONTACTS: "contact", COMPANIES: "company", DEALS: "deal"}


class Accounts(Stack):
    """The stack with a second account instead of cards."""

    def __init__(
        self, folder: Path, *, limits: Mapping[str, int] | None = None, poll_s: float = 30, listens: bool = False
    ) -> None:
        # Tests ask more often than anybody else would, and take webhooks at ports that are not known yet.
        env = {"SYNCLINE_CONSOLE_CALLS_PER_MINUTE": "0", "SYNCLINE_ALLOW_PRIVATE_ADDRESSES": "127.0.0.1"}
        super().__init__(folder, free_ports(), poll_s=poll_s, env=env)
        self._limits = dict(limits or {})
        self._listens = listens
        self.hubspot.accounts[OTHER] = f"{self.secrets['hubspot_token']}-other"
        self.hook = ""
        self.syncs: dict[str, dict[str, Any]] = {CONTACTS: {}}
        """What is synced, with the settings that differ from the defaults; `apply` makes it so."""

    def setup(self, hook: str) -> dict[str, Any]:
        """Return two connections and the syncs between them."""
        self.hook = hook
        hooks = {PORTAL: hook}
        if self._listens:
            hooks[OTHER] = self.subscribe(OTHER)
        connections = [
            {
                "id": name, "app": "hubspot", "base_url": self.hubspot.url, "auth": "api_key",
                "secrets": {"access_token": self.hubspot.accounts[portal]}, "poll_interval_s": self._poll_s,
                "limits": self._limits,
                **({"webhook_secret": hooks[portal]} if portal in hooks else {}),
            }
            for name, portal in (("one", PORTAL), ("two", OTHER))
        ]  # fmt: skip
        syncs = [
            {
                "id": sync,
                **{
                    side: {"connection": name, "object": _OBJECTS[sync]}
                    for side, name in (("left", "one"), ("right", "two"))
                },
                **settings,
            }
            for sync, settings in self.syncs.items()
        ]
        return {"connections": connections, "syncs": syncs}

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

    def health(self, sync: str = CONTACTS) -> dict[str, Any]:
        """Return how a sync stands; empty while the console does not answer."""
        found = self.api("health")
        rows = found["syncs"] if found else []
        return next((dict(row) for row in rows if row["id"] == sync), {})

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

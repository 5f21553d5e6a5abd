"""Sends the events accounts owe, as HubSpot does: signed, in batches, at most ten requests at once, with retries.

Nothing here holds up the API: events wait in the outbox, and tasks take them from there.
"""

import asyncio
import base64
import hashlib
import hmac
import logging
import random
from collections import Counter, deque
from typing import Any

import aiohttp
import orjson

from deploy.local.hubspot.account import Account
from deploy.local.hubspot.events.events import Hook
from deploy.local.hubspot.events.outbox import Owed
from deploy.local.hubspot.world import World

BATCH = 100
RETRY_SECONDS = (60, 120, 300, 600, 1800, 3600, 7200, 14_400, 21_600, 36_000)
"""Delays before the ten retries: about 24 hours in all, times the account's `webhook_retry_scale`."""

_DECODED = {
    "%3A": ":",
    "%2F": "/",
    "%3F": "?",
    "%40": "@",
    "%21": "!",
    "%24": "$",
    "%27": "'",
    "%28": "(",
    "%29": ")",
    "%2A": "*",
    "%2C": ",",
    "%3B": ";",
}

logger = logging.getLogger(__name__)


def sign(hook: Hook, body: bytes, now: int) -> dict[str, str]:
    """Return the headers by which a receiver knows that HubSpot sent this."""
    uri = hook.public_url or hook.url
    if hook.signature == "v3":
        for code, character in _DECODED.items():
            uri = uri.replace(code, character).replace(code.lower(), character)
        text = f"POST{uri}".encode() + body + str(now).encode()
        digest = hmac.new(hook.secret.encode(), text, hashlib.sha256).digest()
        return {
            "X-HubSpot-Signature-v3": base64.b64encode(digest).decode(),
            "X-HubSpot-Request-Timestamp": str(now),
        }
    text = hook.secret.encode() + (b"" if hook.signature == "v1" else f"POST{uri}".encode()) + body
    return {
        "X-HubSpot-Signature": hashlib.sha256(text).hexdigest(),
        "X-HubSpot-Signature-Version": hook.signature,
    }


class Dispatcher:
    """Delivers the events of every account; made and used on the server's event loop."""

    def __init__(self, world: World, seed: int = 0) -> None:
        self._world = world
        self._random = random.Random(seed)  # noqa: S311 - faults are drawn, not secrets
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._gathering: set[int] = set()
        self._lanes: dict[tuple[int, int], asyncio.Semaphore] = {}
        self.counts: dict[int, Counter[str]] = {}
        """Per account: requests, failed_requests, delivered, given_up, lost, duplicated (the last four in events)."""
        self.log: dict[int, deque[dict[str, Any]]] = {}
        """Per account: the last 1,000 requests."""

    async def start(self) -> None:
        """Begin, with what an earlier run still owed."""
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        for account in self._world.accounts.values():
            self.wake(account)

    async def stop(self) -> None:
        """Stop sending; what is owed stays in the journal."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def wake(self, account: Account) -> None:
        """Send what is fresh in an account's outbox, after the time it waits for company."""
        fresh = account.outbox.fresh and not account.settings.webhook_paused
        if fresh and self._session is not None and account.portal_id not in self._gathering:
            self._gathering.add(account.portal_id)
            self._spawn(self._gather(account))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("webhook delivery stopped by a bug", exc_info=task.exception())

    async def _gather(self, account: Account) -> None:
        await asyncio.sleep(account.settings.webhook_batch_ms / 1000)
        self._gathering.discard(account.portal_id)
        if account.settings.webhook_paused:
            return
        settings, counts = account.settings, self.counts.setdefault(account.portal_id, Counter())
        by_app: dict[int, list[Owed]] = {}
        for owed in account.outbox.take_fresh():
            if settings.webhook_lose_share and self._random.random() < settings.webhook_lose_share:
                counts["lost"] += 1
                account.settled([owed.uid])
                continue
            queue = by_app.setdefault(owed.app_id, [])
            queue.append(owed)
            if settings.webhook_duplicate_share and self._random.random() < settings.webhook_duplicate_share:
                counts["duplicated"] += 1
                queue.append(owed)
        for app_id, queue in by_app.items():
            if settings.webhook_reorder:
                self._random.shuffle(queue)
            for start in range(0, len(queue), BATCH):
                self._spawn(self._deliver(account, app_id, queue[start : start + BATCH]))
        self._world.journal.flush()

    async def _deliver(self, account: Account, app_id: int, events: list[Owed]) -> None:
        if account.settings.webhook_delay_ms:
            await asyncio.sleep(self._random.uniform(0, account.settings.webhook_delay_ms) / 1000)
        counts = self.counts.setdefault(account.portal_id, Counter())
        for attempt in range(len(RETRY_SECONDS) + 1):
            hook = next((hook for hook in account.hooks if hook.app_id == app_id), None)
            if hook is None:
                break
            size = account.settings.webhook_concurrency
            async with self._lanes.setdefault((account.portal_id, size), asyncio.Semaphore(size)):
                if await self._post(account, hook, events, attempt):
                    counts["delivered"] += len(events)
                    self._settle(account, events)
                    return
            if attempt < len(RETRY_SECONDS):
                await asyncio.sleep(RETRY_SECONDS[attempt] * account.settings.webhook_retry_scale)
        counts["given_up"] += len(events)
        self._settle(account, events)

    def _settle(self, account: Account, events: list[Owed]) -> None:
        account.settled([owed.uid for owed in events])
        self._world.journal.flush()

    async def _post(self, account: Account, hook: Hook, events: list[Owed], attempt: int) -> bool:
        if self._session is None:
            raise RuntimeError("start() must come first")
        body = orjson.dumps([{**owed.event, "attemptNumber": attempt} for owed in events])
        now = self._world.clock()
        headers = {
            **sign(hook, body, now),
            "Content-Type": "application/json",
            "User-Agent": "HubSpot Connect 2.0 (simulator)",
        }
        problem, status = "", 0
        timeout = aiohttp.ClientTimeout(total=account.settings.webhook_timeout_s)
        try:
            async with self._session.post(
                hook.url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                await answer.read()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            problem = f"{type(error).__name__}: {error}"
        counts = self.counts.setdefault(account.portal_id, Counter())
        counts["requests"] += 1
        counts["failed_requests"] += not 200 <= status < 300
        self.log.setdefault(account.portal_id, deque(maxlen=1000)).append(
            {
                "at": now,
                "app": hook.app_id,
                "url": hook.url,
                "attempt": attempt,
                "events": len(events),
                "status": status,
                "problem": problem,
            }
        )
        return 200 <= status < 300

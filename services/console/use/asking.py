"""Asking apps about a record while somebody waits: for few seconds, seldom, and behind all other calls.

Whoever waits does so in the thread of the own request alone. An app that hangs keeps a call for longer than anybody
waits for it; so only few calls to one account are under way at once, and all of them in threads of their own.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock
from typing import Any, Final, TypeAlias

from services.console.use.callers import Caller
from services.console.use.problems import Problem
from shared import logs
from shared.contract.calls import AppError, Exchange
from shared.io.calls.vault import VaultError
from shared.io.ports import BusUnavailable, NotReady
from shared.io.redis.rates import Rates
from shared.model.words import Code

DEADLINE_S: Final = 5.0
"""How long somebody waits for what apps say."""
A_MINUTE: Final = 30
"""Questions to apps that one person may have asked."""
_MINUTE_MS: Final = 60_000
_AT_ONCE: Final = 2
"""Questions to one account that are under way at once."""
_THREADS: Final = 8
_EXPECTED: Final = (AppError, NotReady, BusUnavailable, VaultError, Problem)
_log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """What an account is asked."""

    connection: str
    exchange: Exchange[Any]


@dataclass(frozen=True, slots=True)
class NotAsked:
    """Why an account did not answer."""

    code: str
    """A row of `shared.rules.errors`; empty where it is not for want of the app."""
    message: str


Ask: TypeAlias = Callable[[str, Exchange[Any]], Any]
"""(connection, exchange) to what the app answers; raises as a `Caller` does."""


class Asking:
    """Asks apps for people. Safe to use from several threads.

    Args:
        rates: Keeps how much each person has asked.
        deadline_s: How long somebody waits.
        a_minute: Questions that each may have asked.
    """

    def __init__(self, rates: Rates, *, deadline_s: float = DEADLINE_S, a_minute: int = A_MINUTE) -> None:
        self.rates = rates
        self.deadline_s = deadline_s
        self.a_minute = a_minute
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="asking")
        self._gates: dict[str, BoundedSemaphore] = {}
        self._lock = Lock()

    def ask(self, by: Caller, ask: Ask, questions: Sequence[Question]) -> list[Any | NotAsked]:
        """Return an answer to each question, or why there is none; raises `Problem` for who asks too much."""
        if not questions:
            return []
        self._count(by, len(questions))
        until = time.monotonic() + self.deadline_s
        futures = [self._begin(ask, question, until) for question in questions]
        return [_answer(future, until, self.deadline_s) for future in futures]

    def _count(self, by: Caller, questions: int) -> None:
        name = f"asking:{by.user or by.token or by.who}"
        taken = self.rates.take(name, self.a_minute, _MINUTE_MS, min(questions, self.a_minute))
        if taken.wait_ms:
            seconds = -(-taken.wait_ms // 1000)
            said = f"Apps are asked {self.a_minute} questions a minute for each person: wait for {seconds} s, then ask."
            raise Problem(429, "Too many questions", said, {"Retry-After": str(seconds)})

    def _begin(self, ask: Ask, question: Question, until: float) -> Future[Any] | None:
        with self._lock:
            gate = self._gates.setdefault(question.connection, BoundedSemaphore(_AT_ONCE))
        if not gate.acquire(timeout=max(0.0, until - time.monotonic())):
            return None
        future = self._pool.submit(ask, question.connection, question.exchange)
        future.add_done_callback(lambda done: _end(gate, done))
        return future


def _end(gate: BoundedSemaphore, future: Future[Any]) -> None:
    """Open the gate for the next question; what goes wrong once nobody waits any more is logged."""
    gate.release()
    error = None if future.cancelled() else future.exception()
    if error is not None and not isinstance(error, _EXPECTED):
        _log.error("asking_failed", exc_info=error)


def _answer(future: Future[Any] | None, until: float, waited_s: float) -> Any | NotAsked:
    late = NotAsked(Code.APP_UNAVAILABLE, f"it did not answer within {waited_s:g} s")
    if future is None:
        return late
    try:
        return future.result(max(0.0, until - time.monotonic()))
    except (NotInTime, CancelledError):
        future.cancel()
        return late
    except AppError as error:
        return NotAsked(error.code, error.message)
    except (NotReady, BusUnavailable, VaultError, Problem) as error:
        return NotAsked("", str(error))

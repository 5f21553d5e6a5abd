"""Child processes of a local run: started in order, watched, stopped in order, and never left behind.

Terminology:
    child: a process that this one started, in a session of its own, so that Ctrl-C in the terminal reaches only us.
    stage: children that may start and stop side by side. A group starts its stages in order and stops them in reverse.
    guardian: a tiny process that ends our children when we die without ending them ourselves. (The kernel's
        parent-death signal is no use here: it fires when the *thread* that started the child ends.)
"""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path
from typing import IO, Protocol, TypeVar

_GUARDIAN = """
import os, signal, sys, time
pids = set()
for line in sys.stdin:
    sign, pid = line[0], int(line[1:])
    (pids.add if sign == "+" else pids.discard)(pid)
for name in ("SIGTERM", "SIGKILL"):
    for pid in list(pids):
        try:
            os.killpg(pid, getattr(signal, name))
        except ProcessLookupError:
            pids.discard(pid)
    deadline = time.monotonic() + 3
    while name == "SIGTERM" and pids and time.monotonic() < deadline:
        time.sleep(0.05)
        for pid in list(pids):
            try:
                os.killpg(pid, 0)
            except ProcessLookupError:
                pids.discard(pid)
"""


class _Guardian:
    """Reports living children to the guardian process, which ends them when the pipe closes, as it does if we die."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pids: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, pid: int) -> None:
        with self._lock:
            self._pids.add(pid)
            self._tell(f"+{pid}")

    def forget(self, pid: int) -> None:
        with self._lock:
            if pid in self._pids:
                self._pids.remove(pid)
                self._tell(f"-{pid}")

    def _tell(self, line: str) -> None:
        if self._process is None:
            self._process = self._begin()
            atexit.register(self._end)
        elif self._process.poll() is not None:  # somebody killed it: a new one learns all that the old one knew
            self._process = self._begin()
            line = "\n".join(f"+{pid}" for pid in sorted(self._pids))
        _pipe_of(self._process).write(f"{line}\n".encode())

    def _begin(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-I", "-S", "-c", _GUARDIAN],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )

    def _end(self) -> None:
        if self._process is not None:
            _pipe_of(self._process).close()
            self._process.wait()


def _pipe_of(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdin is None:
        raise RuntimeError("The guardian was started without a pipe.")
    return process.stdin


_guardian = _Guardian()


T = TypeVar("T")


class Stoppable(Protocol):
    """What a group can run: a child, or a server made of one."""

    @property
    def name(self) -> str:
        """Return what messages call it."""

    def start(self) -> None:
        """Start it; a server waits until it serves."""

    def is_running(self) -> bool:
        """Check whether it was started and has not ended."""

    @property
    def exit_code(self) -> int | None:
        """Return how it ended (negative: by that signal), or nothing while it runs."""

    def stop(self, timeout: float) -> bool:
        """Ask it to end, and kill it after `timeout` seconds; return whether it ended when asked."""


class Child:
    """One child process with a log file; may be started again after it ended.

    Args:
        name: For messages.
        argv: Program and arguments.
        log: Its output is appended here; the folder must exist.
        env: Its whole environment; ours when absent.
        cwd: Its working folder; ours when absent.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.argv = tuple(argv)
        self.log = log
        self.env = env
        self.cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process id of the last start.

        Raises:
            RuntimeError: It was never started.
        """
        return self._started().pid

    @property
    def exit_code(self) -> int | None:
        """Return how it ended (negative: by that signal), or nothing while it runs."""
        return self._started().poll()

    def start(self) -> None:
        """Start the process and return at once.

        Raises:
            RuntimeError: It runs already.
        """
        if self.is_running():
            raise RuntimeError(f"{self.name} runs already (process {self.pid}).")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own argument lists, no shell
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if self.env is None else dict(self.env),
                cwd=self.cwd,
                start_new_session=True,
            )
        _guardian.watch(self._process.pid)

    def is_running(self) -> bool:
        """Check whether it was started and has not ended; a paused process runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self, timeout: float) -> bool:
        """Ask the process to end, and kill it after `timeout` seconds; return whether it ended when asked."""
        if self._process is None:
            return True
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # a paused process would not see the request
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        _guardian.forget(self._process.pid)
        return True

    def kill(self) -> None:
        """End the process and what it started without warning, and wait until it is gone."""
        process = self._started()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # not reaped yet, so the id is still ours
            process.wait()
        _guardian.forget(process.pid)

    def pause(self) -> None:
        """Freeze the process, as a long garbage collection or a stalled machine would."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume a paused process."""
        self._signal(signal.SIGCONT)

    def dump(self) -> None:
        """Make one of our services write the stack of each thread into its log."""
        self._signal(signal.SIGQUIT)

    def restart(self, timeout: float) -> None:
        """Stop the process, with a kill after `timeout` seconds, and start it again."""
        self.stop(timeout)
        self.start()

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines that the process wrote."""
        return tail(self.log, lines)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started.")
        return self._process

    def _signal(self, number: signal.Signals) -> None:
        self._started().send_signal(number)  # does nothing when the process has ended


def keep_short(log: Path, most: int = 10 << 20) -> None:
    """Move what a log holds to a second file once it is long; what writes to it goes on, and the oldest goes."""
    if log.exists() and log.stat().st_size > most:
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)  # a child appends to it


def tail(log: Path, lines: int = 20) -> str:
    """Return the last lines of a log file, or a sentence when there is none; reads at most 64 KiB."""
    if not log.exists():
        return "(no output)"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 65536))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:]) or "(no output)"


@dataclass(frozen=True, kw_only=True)
class RestartPolicy:
    """How long to wait before an exited child is started again: doubling, as Kubernetes does it, but shorter."""

    first_seconds: float = 0.5
    longest_seconds: float = 15.0
    forgive_after_seconds: float = 60.0
    """A child that lived this long starts again with the first delay."""


@dataclass(kw_only=True)
class _Restarts:
    count: int = 0
    started_at: float = 0.0
    due_at: float | None = None


class Group:
    """Run stages of children as one.

    Args:
        stages: In the order of starting; members of one stage start and stop side by side.
        policy: How `revive` brings back what ended.
        tell: Told in a sentence what ended, how, and when it is started again.
    """

    _RESERVE_SECONDS = 2.0
    """Kept back for each stage that is still to stop, so that one that hangs does not cost the others a clean end."""

    def __init__(
        self,
        stages: Sequence[Sequence[Stoppable]],
        *,
        policy: RestartPolicy | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.stages = tuple(tuple(stage) for stage in stages)
        self.tell = tell
        self._policy = policy or RestartPolicy()
        self._restarts: dict[str, _Restarts] = {}

    def start(self) -> None:
        """Start all stages; when a member fails, stop what was started and raise its error."""
        try:
            for stage in self.stages:
                _side_by_side(stage, methodcaller("start"))
        except BaseException:
            self.stop()
            raise

    def stop(self, timeout: float = 10.0) -> list[str]:
        """Stop all stages in reverse within `timeout` seconds in all; return the names that had to be killed."""
        deadline = time.monotonic() + timeout
        killed: list[str] = []
        for left, stage in reversed(list(enumerate(self.stages))):
            patience = max(0.0, deadline - time.monotonic() - left * self._RESERVE_SECONDS)
            clean = _side_by_side(stage, methodcaller("stop", patience))
            killed += [child.name for child, ended in zip(stage, clean, strict=True) if not ended]
        return killed

    def revive(self, now: float) -> list[str]:
        """Start the children that have ended, whatever ended them, and whose delay is over; return their names.

        To be called every second or so: services exit on purpose when they are stuck, and rely on being restarted. One
        that cannot be started is tried again after the next delay.

        Args:
            now: Seconds of a monotonic clock.
        """
        revived = []
        for child in (child for stage in self.stages for child in stage):
            state = self._restarts.setdefault(child.name, _Restarts(started_at=now))
            if child.is_running():
                continue
            if state.due_at is None:
                if now - state.started_at >= self._policy.forgive_after_seconds:
                    state.count = 0
                delay = self._delay(state, now)
                self.tell(f"{child.name} has ended ({how_ended(child.exit_code)}): it is started again in {delay:g} s")
            if state.due_at is not None and now >= state.due_at:
                try:
                    child.start()
                except (RuntimeError, OSError) as error:
                    delay = self._delay(state, now)
                    self.tell(f"{error}\n{child.name} could not be started: the next try is in {delay:g} s")
                    continue
                state.started_at, state.due_at = now, None
                revived.append(child.name)
        return revived

    def _delay(self, state: _Restarts, now: float) -> float:
        """Note when the next try is due; return in how many seconds."""
        delay = min(self._policy.longest_seconds, self._policy.first_seconds * 2.0**state.count)
        state.due_at = now + delay
        state.count += 1
        return delay


def how_ended(code: int | None) -> str:
    """Describe an exit code for people."""
    if code is None:
        return "nobody knows how"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"


def _side_by_side(stage: Sequence[Stoppable], act: Callable[[Stoppable], T]) -> list[T]:
    """Act on all members at once; raise the first error only after every member was done."""
    with ThreadPoolExecutor(max(1, len(stage))) as pool:
        return [future.result() for future in [pool.submit(act, child) for child in stage]]

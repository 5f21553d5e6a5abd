"""Children start in order, stop in order within a deadline, come back when they exit, and never outlive us."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import psutil
import pytest

from deploy.local.servers.processes import Child, Group, RestartPolicy

_SLEEP = "import time; time.sleep(60)"
_STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)
_TELLS = """
import signal, sys, time
def end(*_):
    print(f"{sys.argv[1]} ended {time.monotonic()}", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(60)
"""


class NewChild(Protocol):
    """Make a child from Python code; it is told its name as its first argument."""

    def __call__(self, name: str, code: str = _SLEEP) -> Child: ...


@pytest.fixture(name="new_child")
def _new_child(tmp_path: Path) -> Iterator[NewChild]:
    """Make children, and end what a failing test leaves of them."""
    children: list[Child] = []

    def make(name: str, code: str = _SLEEP) -> Child:
        children.append(Child(name, [sys.executable, "-c", code, name], log=tmp_path / f"{name}.log"))
        return children[-1]

    yield make
    for child in children:
        if child.is_running():
            child.kill()


def _until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def _says_ready(child: Child) -> None:
    _until(lambda: "ready" in child.log_tail())


def test_a_child_starts_stops_and_starts_again(new_child: NewChild) -> None:
    """A restart is a new process on the same log."""
    child = new_child("a", "print('hello', flush=True); import time; time.sleep(60)")
    child.start()
    first = child.pid
    _until(lambda: child.log_tail() == "hello")
    with pytest.raises(RuntimeError, match="a runs already"):
        child.start()
    child.restart(5)
    assert child.pid != first
    assert not psutil.pid_exists(first)
    _until(lambda: child.log_tail() == "hello\nhello")
    assert child.stop(5)
    assert child.exit_code == -signal.SIGTERM


def test_a_paused_child_runs_no_further_until_resumed_and_stops_when_asked(new_child: NewChild) -> None:
    """Pausing freezes the process; asking it to stop reaches it all the same."""
    child = new_child("a")
    child.start()
    child.pause()
    _until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_STOPPED)
    child.resume()
    _until(lambda: psutil.Process(child.pid).status() != psutil.STATUS_STOPPED)
    child.pause()
    assert child.is_running()
    assert child.stop(5)


def test_a_kill_ends_what_the_child_started_too(new_child: NewChild) -> None:
    """Grandchildren in the child's own group do not survive its kill."""
    child = new_child(
        "a",
        "import subprocess as s, sys; p = s.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        " print(p.pid, flush=True); p.wait()",
    )
    child.start()
    _until(lambda: child.log_tail().isdecimal())
    grandchild = int(child.log_tail())
    child.kill()
    _until(lambda: not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE)


def test_a_child_is_out_of_reach_of_the_terminal(new_child: NewChild) -> None:
    """Ctrl-C goes to the terminal's process group, and a child is not in ours."""
    child = new_child("a")
    child.start()
    assert os.getpgid(child.pid) == child.pid != os.getpgid(0)
    assert os.getsid(child.pid) != os.getsid(0)
    child.kill()


def test_a_group_stops_its_stages_in_reverse(new_child: NewChild) -> None:
    """The last stage has ended before the first is asked to."""
    server, service = new_child("server", _TELLS), new_child("service", _TELLS)
    group = Group([[server], [service]])
    group.start()
    _says_ready(server)
    _says_ready(service)
    assert group.stop() == []
    ends = [float(child.log_tail().split()[-1]) for child in (service, server)]
    assert sorted(ends) == ends


def test_a_member_that_ignores_the_request_is_killed_and_costs_the_others_nothing(new_child: NewChild) -> None:
    """The deadline holds for the whole group, and the stage below still ends cleanly."""
    server, stubborn = new_child("server", _TELLS), new_child("stubborn", _STUBBORN)
    group = Group([[server], [stubborn]])
    group.start()
    _says_ready(server)
    _says_ready(stubborn)
    begun = time.monotonic()
    assert group.stop(3) == ["stubborn"]
    assert time.monotonic() - begun < 3
    assert "server ended" in server.log_tail()


def test_a_group_that_cannot_start_leaves_nothing_running(tmp_path: Path, new_child: NewChild) -> None:
    """When one member fails to start, those before it are stopped, and its error is raised."""
    good = new_child("good")
    bad = Child("bad", [str(tmp_path / "no-such-program")], log=tmp_path / "bad.log")
    with pytest.raises(FileNotFoundError):
        Group([[good], [bad]]).start()
    assert not good.is_running()


def test_a_child_that_exits_comes_back_after_growing_delays(new_child: NewChild) -> None:
    """Restarts wait 1, 2, then at most 3 seconds; one that lived long enough begins with the first delay again."""
    child = new_child("a", "")
    policy = RestartPolicy(first_seconds=1, longest_seconds=3, forgive_after_seconds=60)
    group = Group([[child]], policy=policy)
    group.start()
    now, delays = 0.0, []
    for lived in (0.0, 0.0, 0.0, 100.0):
        _until(lambda: not child.is_running())
        now += lived
        assert group.revive(now) == []
        died = now
        while not group.revive(now):
            now += 0.5
        delays.append(now - died)
    assert delays == [1.0, 2.0, 3.0, 1.0]
    group.stop()


def test_whatever_ended_a_child_it_is_told_with_the_next_try_and_started_again(new_child: NewChild) -> None:
    """SIGTERM and SIGKILL alike, and a fourth time as well as the first."""
    told: list[str] = []
    child = new_child("writer")
    policy = RestartPolicy(first_seconds=1, longest_seconds=8, forgive_after_seconds=60)
    group = Group([[child]], policy=policy, tell=told.append)
    group.start()
    now = 0.0
    group.revive(now)
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL, signal.SIGKILL):
        os.kill(child.pid, number)
        _until(lambda: not child.is_running())
        group.revive(now)
        assert group.revive(now) == [], "told once, and waits"
        now += 8
        assert group.revive(now) == ["writer"]
    assert told == [
        "writer has ended (by SIGTERM): it is started again in 1 s",
        "writer has ended (by SIGKILL): it is started again in 2 s",
        "writer has ended (by SIGKILL): it is started again in 4 s",
        "writer has ended (by SIGKILL): it is started again in 8 s",
    ]
    group.stop()


def test_a_child_that_cannot_be_started_again_is_told_and_tried_again(tmp_path: Path) -> None:
    """A server whose port is taken for a while must not end the others with it."""
    program = tmp_path / "server"
    program.write_text("#!/bin/sh\nexit 7\n")
    program.chmod(0o755)
    told: list[str] = []
    child = Child("server", [str(program)], log=tmp_path / "server.log")
    group = Group([[child]], policy=RestartPolicy(first_seconds=1, longest_seconds=4), tell=told.append)
    group.start()
    _until(lambda: not child.is_running())
    group.revive(0.0)
    program.rename(tmp_path / "away")
    assert group.revive(1.0) == []
    assert told[0] == "server has ended (exit code 7): it is started again in 1 s"
    assert told[1].endswith("server could not be started: the next try is in 2 s")
    (tmp_path / "away").rename(program)
    assert group.revive(2.0) == []
    assert group.revive(3.0) == ["server"]
    group.stop()


def test_children_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """A parent that dies without a word leaves no child behind, not even one that a thread long gone had started."""
    program = f"""
        import sys, threading, time
        from pathlib import Path
        from deploy.local.servers.processes import Child
        children = [Child(n, [sys.executable, "-c", code], log=Path({str(tmp_path)!r}, n))
                    for n, code in (("plain", {_SLEEP!r}), ("stubborn", {_STUBBORN!r}))]
        for child in children:
            thread = threading.Thread(target=child.start)
            thread.start()
            thread.join()
        print(*(child.pid for child in children), flush=True)
        time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        time.sleep(0.5)
        assert all(psutil.pid_exists(pid) for pid in pids), "the end of the thread must not end its child"
        parent.kill()
    _until(lambda: not any(psutil.pid_exists(pid) for pid in pids))

"""The workers of an older commit, beside those of this one: an installation that is being brought up to date."""

import io
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deploy.local.servers.base import free_port
from deploy.local.servers.processes import Child, Group
from deploy.local.stack import ROOT
from tests.e2e.live import Live

_WORKERS: Final = ("ingest", "matcher", "writer")
_STOP_S: Final = 9.0


def check_out(commit: str, folder: Path) -> Path:
    """Unpack a commit of this repository; raises CalledProcessError when there is none of that name."""
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


@contextmanager
def beside(live: Live, tree: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Run a second ingest, matcher and writer from another tree; they share topics, Redis and settings with ours.

    Raises AssertionError when one of them ended, or took no message: nothing would be shown then.
    """
    children, metrics = [], {}
    for name in _WORKERS:
        ports = {f"SYNCLINE_{port}_PORT": str(free_port()) for port in ("METRICS", "INGEST")}
        env = {**live.stack.env(name), **ports, "SYNCLINE_INSTANCE": "older"}
        metrics[name] = f"http://127.0.0.1:{ports['SYNCLINE_METRICS_PORT']}/metrics"
        log = live.stack.data / f"older-{name}.log"
        children.append(Child(f"older {name}", [sys.executable, "-m", f"services.{name}"], log=log, env=env, cwd=tree))
    older = Group([children])
    older.start()
    try:
        yield
        for child in children:
            assert child.is_running(), f"the {child.name} ended with {child.exit_code}:\n{child.log_tail()}"
        taken = {name: live.counted(url, "syncline_messages_total") for name, url in metrics.items()}
        tell(", ".join(f"the older {name} took {number:,.0f} messages" for name, number in taken.items()))
        assert all(taken.values())
    finally:
        older.stop(_STOP_S)

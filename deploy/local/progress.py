"""What `make run` shows: progress bars and tables in a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

_EVERY_S: Final = 0.5
_LINE_EVERY_S: Final = 3.0
_STATUSES: Final = ("in_sync", "pending", "failing", "excluded")


class Display:
    """Writes to standard output."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._said = 0.0

    def line(self, text: str) -> None:
        """Print one line."""
        self._console.print(text, markup=False)

    def first_sync(self, ask: Callable[[], Any], stop: threading.Event, *, patience_s: float = 900.0) -> None:
        """Show how far first syncs are until they are done and nothing waits, or *stop* is set."""
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            with Progress(*columns, console=self._console) as bars:
                shown: dict[str, Any] = {}
                self._follow(ask, stop, lambda health: _advance(bars, shown, health), patience_s)
        else:
            self._follow(ask, stop, self._plain, patience_s)

    def _follow(
        self,
        ask: Callable[[], Any],
        stop: threading.Event,
        show: Callable[[Mapping[str, Any]], None],
        patience_s: float,
    ) -> None:
        deadline = time.monotonic() + patience_s
        while not stop.is_set() and time.monotonic() < deadline:
            health = ask()
            if health is not None:
                show(health)
                if is_settled(health):
                    return
            stop.wait(_EVERY_S)

    def _plain(self, health: Mapping[str, Any]) -> None:
        if time.monotonic() - self._said < _LINE_EVERY_S:
            return
        self._said = time.monotonic()
        for name, done, total in steps(health):
            self.line(f"{name}: {done} of {total}")

    def health(self, health: Mapping[str, Any] | None, endpoints: Mapping[str, Any]) -> None:
        """Show the health table and the addresses."""
        table = Table("sync", "phase", *_STATUSES, title="Health")
        for row in (health or {}).get("syncs", []):
            table.add_row(row["id"], row["phase"], *(str(row["counts"][status]) for status in _STATUSES))
        self._console.print(table)
        where = Table("what", "address", title="Addresses")
        for name in ("hubspot", "carddav", "ingest", "console", "kafka", "redis"):
            where.add_row(name, str(endpoints[name]))
        for name, url in endpoints["metrics"].items():
            where.add_row(f"{name} metrics", url)
        self._console.print(where)


def is_settled(health: Mapping[str, Any]) -> bool:
    """Check whether all first syncs are done and no pair waits."""
    return bool(health["ready"] and health["syncs"]) and all(
        row["phase"] == "live"
        and row["counts"]["pending"] == 0
        and all(job["phase"] in ("done", "failed", "cancelled") for job in row["jobs"])
        for row in health["syncs"]
    )


def steps(health: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """List (what, done, total) of each sync's first sync."""
    found = []
    for row in health["syncs"]:
        for job in row["jobs"]:
            for side, name in (("L", "left"), ("R", "right")):
                read = job.get("read", {}).get(side, 0)
                found.append((f"{row['id']}: read {name}", read, job.get("totals", {}).get(side, read)))
        total = sum(row["counts"].values())
        found.append((f"{row['id']}: settled", total - row["counts"]["pending"], total))
    return found


def _advance(bars: Progress, shown: dict[str, Any], health: Mapping[str, Any]) -> None:
    for name, done, total in steps(health):
        if name not in shown:
            shown[name] = bars.add_task(name, total=None)
        bars.update(shown[name], completed=done, total=total or None)

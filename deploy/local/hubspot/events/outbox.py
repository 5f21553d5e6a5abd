"""The webhook events an account still owes, each until it was delivered or given up."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Owed:
    """One event on its way to one app."""

    uid: int
    app_id: int
    event: dict[str, Any]


class Outbox:
    """Events by uid; new ones wait in `fresh` for the dispatcher."""

    def __init__(self) -> None:
        self.owed: dict[int, Owed] = {}
        self.fresh: list[Owed] = []
        self._last = 0

    def queue(self, events: Iterable[tuple[int, dict[str, Any]]]) -> list[list[Any]]:
        """Add events, and return them in the form `restore` takes."""
        rows: list[list[Any]] = []
        for app_id, event in events:
            self._last += 1
            rows.append([self._last, app_id, event])
            self._add(Owed(self._last, app_id, event))
        return rows

    def restore(self, rows: list[list[Any]]) -> None:
        """Take events from the journal; those not settled by a later line are sent again."""
        for uid, app_id, event in rows:
            self._last = max(self._last, uid)
            self._add(Owed(uid, app_id, event))

    def settle(self, uids: Iterable[int]) -> None:
        """Forget events that were delivered or given up."""
        for uid in uids:
            self.owed.pop(uid, None)

    def take_fresh(self) -> list[Owed]:
        """Return the events that wait for their first delivery."""
        fresh, self.fresh = [owed for owed in self.fresh if owed.uid in self.owed], []
        return fresh

    def _add(self, owed: Owed) -> None:
        self.owed[owed.uid] = owed
        self.fresh.append(owed)

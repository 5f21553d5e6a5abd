"""What was fetched and is not handled yet, handed out in fair shares of the partitions.

A Kafka client hands out all that it fetched of one partition before it turns to the next. Where the work is slow that
takes minutes, in which the other partitions would stand still.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Generic, TypeVar

P = TypeVar("P")
R = TypeVar("R")


class Shares(Generic[P, R]):
    """Records by partition, each partition in its order."""

    def __init__(self) -> None:
        self._waiting: dict[P, deque[R]] = {}
        """Partitions with records; the one that has waited longest for a share comes first."""

    def __len__(self) -> int:
        """Return how many records wait."""
        return sum(map(len, self._waiting.values()))

    @property
    def parts(self) -> frozenset[P]:
        """The partitions of which something waits."""
        return frozenset(self._waiting)

    def add(self, found: Mapping[P, Sequence[R]]) -> None:
        """Add records behind those of their partition."""
        for part, records in found.items():
            if records:
                self._waiting.setdefault(part, deque()).extend(records)

    def put_back(self, batch: Mapping[P, Sequence[R]]) -> None:
        """Put records that were taken before those of their partition; their partitions come first again."""
        before = {part: deque(records) for part, records in batch.items() if records}
        for part, records in before.items():
            records.extend(self._waiting.pop(part, ()))
        self._waiting = before | self._waiting

    def take(self, most: int) -> dict[P, list[R]]:
        """Take *most* records, or all: as many of each partition, and of those with less all they have."""
        room, counts = most, dict.fromkeys(self._waiting, 0)
        while room and (open_ := [part for part, count in counts.items() if count < len(self._waiting[part])]):
            share = max(1, room // len(open_))
            for part in open_[:room]:
                more = min(share, len(self._waiting[part]) - counts[part])
                counts[part] += more
                room -= more
        return {part: self._pop(part, count) for part, count in counts.items() if count}

    def clear(self) -> dict[P, R]:
        """Forget all; returns the first record that waited, by partition."""
        first = {part: records[0] for part, records in self._waiting.items()}
        self._waiting = {}
        return first

    def _pop(self, part: P, count: int) -> list[R]:
        records = self._waiting.pop(part)
        taken = list(islice(records, count))
        for _ in taken:
            records.popleft()
        if records:
            self._waiting[part] = records  # behind all that had no share, or had theirs earlier
        return taken

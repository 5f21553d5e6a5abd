"""Many reads and writes: cut into what a call takes, or one after the other, so that each has its own result."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias, TypeVar

from shared.apps.kit.results import refused
from shared.contract.calls import AppError, Exchange
from shared.contract.reading import ReadResult
from shared.contract.writing import Change, WriteResult

T = TypeVar("T")

Batch: TypeAlias = Callable[[Sequence[Change]], Exchange[list[WriteResult]]]
One: TypeAlias = Callable[[Change], Exchange[WriteResult]]


def chunks(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    """Cut into pieces of at most *size*."""
    return (items[start : start + size] for start in range(0, len(items), size))


def read_each(
    ids: Sequence[str],
    size: int,
    some: Callable[[Sequence[str]], Exchange[Iterable[ReadResult]]],
    alone: Callable[[str], Exchange[Iterable[ReadResult]]],
) -> Exchange[list[ReadResult]]:
    """Read records in batches of at most *size*, and return them in the order of *ids*.

    One that its batch leaves out is asked for alone.

    Args:
        ids: What is to be read; what is named twice is read once.
        size: Records that a batch takes.
        some: Reads a batch, and returns what it tells.
        alone: Finds out what became of one record, and returns what is told of it and of others that it leads to.
    """
    found: dict[str, ReadResult] = {}
    wanted = list(dict.fromkeys(ids))
    for chunk in chunks(wanted, size):
        found |= {one.id: one for one in (yield from some(chunk))}
    for record in wanted:
        if record not in found:
            for one in (yield from alone(record)):
                found.setdefault(one.id, one)
    return [found[record] for record in dict.fromkeys((*wanted, *found))]


def in_batches(changes: Sequence[Change], size: int, batch: Batch) -> Exchange[list[WriteResult]]:
    """Run changes in batches of at most *size*.

    Raises:
        ValueError: two of them are about one record, so that nobody could tell which is the later.
    """
    _refuse_twice([change.id or change.marker for change in changes])
    results: list[WriteResult] = []
    for chunk in chunks(changes, size):
        results += yield from batch(chunk)
    return results


def _refuse_twice(ids: Sequence[str]) -> None:
    seen: set[str] = set()
    for one in ids:
        if not one:
            raise ValueError("a change names neither a record nor a marker")
        if one in seen:
            raise ValueError(f"a batch must not hold {one!r} twice: the order of its writes would be lost")
        seen.add(one)


def one_by_one(changes: Sequence[Change], one: One) -> Exchange[list[WriteResult]]:
    """Run each change by itself, and keep what is known when the app stops answering in the middle.

    Raises:
        AppError: nothing was done, or it is not known what was.
    """
    results: list[WriteResult] = []
    for change in changes:
        try:
            results.append((yield from one(change)))
        except AppError as error:
            if error.retry in ("edit", "never"):
                results.append(refused(change, error))
                continue
            if not results or error.unknown:
                raise
            results += [refused(left, error) for left in changes[len(results) :]]
            break
    return results

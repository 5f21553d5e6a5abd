"""Running pieces of blocking work side by side."""

from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from shared.io.ports import run_blocking

T = TypeVar("T")


class InThreads:
    """Runs works in a pool of threads (`shared.io.ports.Together`), and blocks until all have ended."""

    def __init__(self, name: str, width: int) -> None:
        self._pool = ThreadPoolExecutor(width, thread_name_prefix=name)

    async def __call__(self, works: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> list[T]:
        """Return the results in the order of the works; the first error is raised when all have ended."""
        if len(works) == 1:
            return [run_blocking(works[0]())]
        futures: list[Future[T]] = [self._pool.submit(_run, work) for work in works]
        errors = [error for future in futures if (error := future.exception()) is not None]
        if errors:
            raise errors[0]
        return [future.result() for future in futures]


def _run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return run_blocking(work())

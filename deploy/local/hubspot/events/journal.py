"""The one file that outlives the process: every acknowledged change, a line each, in the order it happened.

Lines are handed to the operating system before a call is answered, so killing the process loses nothing that
was acknowledged (a crash of the machine may: nothing is forced to the disk). A last line cut short by a kill
was never acknowledged, and is dropped.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson


class Journal:
    """An append-only file of JSON lines; without a folder it keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / "journal.jsonl" if folder else None
        self._buffer: list[bytes] = []
        self._file: BinaryIO | None = None
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield what earlier runs wrote, and cut off a torn last line.

        Raises:
            ValueError: a line in the middle is no JSON; the file was changed by something else.
        """
        if self._path is None or not self._path.exists():
            return
        with self._path.open("rb") as file:
            good = 0
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break
                good += len(line)
                try:
                    yield orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    raise ValueError(
                        f"{self._path} line {number} is no JSON ({error}); delete the data folder to start afresh"
                    ) from error
        if good < self._path.stat().st_size:
            os.truncate(self._path, good)

    def add(self, line: dict[str, Any]) -> None:
        """Remember one line until `flush`."""
        if self._path is not None:
            self._buffer.append(orjson.dumps(line))

    def flush(self) -> None:
        """Hand every remembered line to the operating system, in one write."""
        if self._path is None or not self._buffer:
            return
        if self._file is None:
            self._file = self._path.open("ab", buffering=0)
        block = memoryview(b"\n".join(self._buffer) + b"\n")
        self._buffer.clear()
        while block:
            block = block[self._file.write(block) :]

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None

"""Makes the files that were asked for, in a thread of the console: read from the views, and published chunk by chunk.

One console makes a file, by a lease in Redis. When it dies, another one makes the file anew from its beginning: what
counts is a file that is whole, and where two consoles should have made one, either is.
"""

import hashlib
import secrets
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from services.console.exports.formats import FORMATS, Row
from services.console.exports.known import ExportRow
from services.console.exports.telling import is_due, next_attempt, tell
from services.console.use.administration.mailing import Mailing
from services.console.use.records.exporting import batches, listing_of, number_of
from services.console.use.standing.exports import Exporting, place_of
from services.console.use.standing.installation import Installation
from shared import logs
from shared.io.calls.vault import VaultError
from shared.io.erasable import seal_bytes
from shared.io.ports import BusUnavailable, NotReady, Outbound, run_blocking
from shared.io.redis.once import Once
from shared.wire import topics
from shared.wire.exports import Export, ExportChunk, ExportDoc, ExportFile, ExportProgress

CHUNK: Final = 524_288
LEASE_MS: Final = 15_000
"""How long the file of a console that died waits for another one."""
ATTEMPTS: Final = 3
"""Consoles that may begin to make a file before it counts as one that ends them."""
_EVERY_S: Final = 1.0
_TOLD_MS: Final = 2_000
"""Between two words of how far a file is; the lease is renewed with them."""
_SWEEP_MS: Final = 60_000
_log = logs.get(__name__)


class _Stopped(Exception):  # noqa: N818 - no fault: the file is made elsewhere, or not at all
    """Another console makes the file, nobody wants it any more, or the process stops."""


class Exporter:
    """Makes files, in the thread that calls `run`.

    Args:
        console: Where the records are.
        once: Keeps the leases.
        ready: Tells whether the views have read everything once: before, a list is not whole.
        name: Names this console.
        mailing: Tells whoever asked when a file is ready.
        kept_ms: Returns for how long a file is kept.
    """

    def __init__(
        self,
        console: Installation,
        once: Once,
        *,
        ready: Callable[[], bool],
        name: str,
        mailing: Mailing,
        kept_ms: Callable[[], int],
    ) -> None:
        self._console = console
        self._once = once
        self._ready = ready
        self._mailing = mailing
        self._kept_ms = kept_ms
        self._name = f"{name}:{secrets.token_hex(4)}"
        self._swept_ms = 0
        self._ended: set[tuple[str, int]] = set()
        """Files that this console has made: it may read of that a moment later."""
        self._told: set[tuple[str, int]] = set()
        """Mails that were tried from here, of which it may read a moment later."""
        self._stop = threading.Event()

    @property
    def _exports(self) -> Exporting:
        return self._console.exports

    @property
    def _now_ms(self) -> int:
        return self._console.clock.now_ms()

    def run(self, stop: threading.Event) -> None:
        """Make files until *stop* is set."""
        self._stop = stop
        trouble = logs.Trouble(_log, "exports_not_made")
        while not stop.is_set():
            try:
                self.look()
                trouble.over()
            except (sqlite3.Error, BusUnavailable, NotReady, VaultError) as error:  # made anew when that is over
                trouble.begun(detail=str(error))
            stop.wait(_EVERY_S)

    def look(self) -> None:
        """Make every file that is to be made and nobody makes, and remove those whose time is over."""
        for row in self._exports.known.rows():
            if row.is_open and _making(row.export) not in self._ended and self._is_whole and self._holds(row.export):
                self._take(row)
            elif row.file is not None and self._is_to_tell(row) and self._holds(row.export):
                self._announce(row, row.file)
        if self._now_ms - self._swept_ms >= _SWEEP_MS:
            self._swept_ms = self._now_ms
            keys = self._exports.known.over(self._now_ms)
            self._publish([Outbound(topic=topics.EXPORTS, key=key, message=None) for key in keys])

    @property
    def _is_whole(self) -> bool:
        """Check whether the views hold everything: while they are built again, a list of them lacks records."""
        return self._ready() and self._console.views.building is None

    def _holds(self, export: Export) -> bool:
        return self._once.hold(_lease(export), self._name, LEASE_MS)

    def _take(self, row: ExportRow) -> None:
        """Make one file; the lease is left to end by itself, when all consoles know of the file."""
        export, told = row.export, row.progress
        attempt = 1 if told is None else told.attempt + (told.runner != self._name)
        if attempt > ATTEMPTS:
            error = f"{ATTEMPTS} consoles have begun to make the file, and none has ended it: see their logs."
            self._end(export, ExportFile(export=export.id, error=error))
            return
        try:
            self._end(export, self._made(export, attempt))
        except _Stopped:
            if self._stop.is_set():
                self._once.take(_lease(export), self._name)
        except VaultError as error:
            self._end(export, ExportFile(export=export.id, error=str(error)))

    def _is_to_tell(self, row: ExportRow) -> bool:
        return (row.export.id, next_attempt(row)) not in self._told and is_due(row, self._now_ms)

    def _announce(self, row: ExportRow, file: ExportFile) -> None:
        """Mail whoever asked what became of a file, once, but for a console that dies in between."""
        told = tell(self._mailing, row, file, self._now_ms)
        if told.error:
            _log.warning("export_not_told", export=told.export, attempt=told.attempt, detail=told.error)
        self._publish([_document(f"mail:{told.export}", ExportDoc(mail=told))])
        self._told.add((told.export, told.attempt))

    def _made(self, export: Export, attempt: int) -> ExportFile:
        """Make a file of all records as they are now."""
        chunks = _Chunks(export, self._exports.opened_key(export), self._publish)
        told = ExportProgress(export=export.id, runner=self._name, attempt=attempt)
        with self._console.views.snapshot():
            wanted = listing_of(self._console, export)
            told = self._tell(told.model_copy(update={"total": number_of(self._console, wanted)}))
            rows = 0

            def counted() -> Iterator[Sequence[Row]]:
                nonlocal rows, told
                for batch in batches(self._console, wanted):
                    yield batch
                    rows += len(batch)
                    if self._now_ms - told.at_ms >= _TOLD_MS:
                        self._go_on(export)
                        told = self._tell(told.model_copy(update={"rows": rows}))

            for piece in FORMATS[export.format].encode(counted()):
                chunks.add(piece)
        self._go_on(export)
        return chunks.file(rows)

    def _tell(self, told: ExportProgress) -> ExportProgress:
        told = told.model_copy(update={"at_ms": self._now_ms})
        self._publish([_document(f"progress:{told.export}", ExportDoc(progress=told))])
        return told

    def _go_on(self, export: Export) -> None:
        """Check that a file is still wanted, and still to be made by this console; raises `_Stopped`."""
        if self._stop.is_set() or self._exports.known.get(export.id) is None or not self._holds(export):
            raise _Stopped

    def _end(self, export: Export, file: ExportFile) -> None:
        ended = file.model_copy(update={"at_ms": self._now_ms, "until_ms": self._now_ms + self._kept_ms()})
        self._publish([_document(f"file:{file.export}", ExportDoc(file=ended))])
        self._ended.add(_making(export))

    def _publish(self, out: Sequence[Outbound]) -> Sequence[int]:
        return run_blocking(self._console.bus.publish(out)) if out else ()


class _Chunks:
    """A file on its way to Kafka."""

    def __init__(self, export: Export, key: str, publish: Callable[[Sequence[Outbound]], Sequence[int]]) -> None:
        self._export = export
        self._key = key
        self._publish = publish
        self._run = secrets.token_hex(4)
        self._waiting = bytearray()
        self._offsets: list[int] = []
        self._digest = hashlib.sha256()
        self._size = 0

    def add(self, data: bytes) -> None:
        """Take bytes, and publish the chunks that are full."""
        self._digest.update(data)
        self._size += len(data)
        self._waiting += data
        while len(self._waiting) >= CHUNK:
            self._send(bytes(self._waiting[:CHUNK]))
            del self._waiting[:CHUNK]

    def _send(self, data: bytes) -> None:
        number = len(self._offsets)
        sealed = seal_bytes(self._key, place_of(self._export.id, self._run, number), zlib.compress(data, 1))
        chunk = ExportChunk(export=self._export.id, n=number, run=self._run, sealed=sealed)
        out = Outbound(topic=topics.EXPORT_CHUNKS, key=f"{self._export.id}/{number}", message=chunk)
        self._offsets += self._publish([out])

    def file(self, rows: int) -> ExportFile:
        """Publish what is left, and return the file; an empty one has one empty chunk."""
        if self._waiting or not self._offsets:
            self._send(bytes(self._waiting))
        return ExportFile(
            export=self._export.id, rows=rows, size=self._size, digest=self._digest.hexdigest(), run=self._run,
            chunk_bytes=CHUNK, chunks=tuple(self._offsets),
        )  # fmt: skip


def _making(export: Export) -> tuple[str, int]:
    """Return what tells two files apart that were asked for under one key, one after the other was deleted."""
    return export.id, export.asked_at_ms


def _lease(export: Export) -> str:
    return f"export:{export.id}"


def _document(key: str, doc: ExportDoc) -> Outbound:
    return Outbound(topic=topics.EXPORTS, key=key, message=doc)

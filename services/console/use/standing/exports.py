"""What people want of files: to ask for one, to see how far it is, to download it, and to delete it."""

import hashlib
import secrets
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from services.console.access.roles import reaches
from services.console.exports.formats import FORMATS
from services.console.exports.known import ExportRow, Exports
from services.console.use.activity import Did
from services.console.use.callers import Caller
from services.console.use.problems import Problem, Refused
from services.console.use.publishing import Outside, publish
from services.console.use.standing.records import Filter
from shared.io.calls.vault import Vault, VaultError
from shared.io.envelope import Stored
from shared.io.erasable import Unsealable, new_key, unseal_bytes
from shared.io.ports import BusUnavailable, Outbound
from shared.wire import topics
from shared.wire.exports import Export, ExportChunk, ExportDoc, ExportFile, ExportFormat

MOST: Final = 50
"""Files that are kept at once: they lie in Kafka."""
_PLACE: Final = "exports"
"""What the vault binds the keys of files to."""
ChunksFrom = Callable[[int], Generator[Stored[ExportChunk], None, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file to be downloaded, or a part of it."""

    name: str
    media_type: str
    etag: str
    size: int
    """Bytes of the whole file."""
    first: int
    last: int
    """The last byte of the part, counted from 0 as the first is."""
    pieces: Iterator[bytes]

    @property
    def is_whole(self) -> bool:
        """Check whether it is all of the file."""
        return self.last - self.first + 1 == self.size

    @property
    def headers(self) -> Mapping[str, str]:
        """Return what an answer says of it."""
        told = {
            "Content-Length": str(self.last - self.first + 1),
            "Content-Disposition": f'attachment; filename="{self.name}"',
            "Accept-Ranges": "bytes",
            "ETag": self.etag,
            "Cache-Control": "private, no-store, no-transform",
        }
        return told if self.is_whole else {**told, "Content-Range": f"bytes {self.first}-{self.last}/{self.size}"}


class Exporting:
    """Files of lists.

    Args:
        outside: Where what is asked for is published, by which clock.
        known: What is known of them.
        vault: Seals the keys of files.
        chunks_from: Reads `export-chunks` from an offset to its end; raises `BusUnavailable`.
    """

    def __init__(self, outside: Outside, known: Exports, vault: Vault, chunks_from: ChunksFrom) -> None:
        self.outside = outside
        self.known = known
        self._vault = vault
        self._chunks_from = chunks_from

    @property
    def _now_ms(self) -> int:
        return self.outside.clock.now_ms()

    def rows(self, by: Caller) -> list[dict[str, Any]]:
        """List all files as somebody sees them, the newest first."""
        return [self._row(row, by) for row in reversed(self.known.rows())]

    def row(self, name: str, by: Caller) -> dict[str, Any]:
        """Show one file; raises `Problem`."""
        return self._row(self._find(name), by)

    def _find(self, name: str) -> ExportRow:
        row = self.known.get(name)
        if row is None:
            raise Problem(
                404,
                "No such file",
                "There is no such export: it was deleted, or its time is over. Export the list again.",
            )
        return row

    def _row(self, row: ExportRow, by: Caller) -> dict[str, Any]:
        asked, told, made = row.export, row.progress, row.file
        return {
            "id": asked.id,
            "format": asked.format,
            "records": Filter.stored(asked.wanted).words(),
            "who": asked.who,
            "asked_at_ms": asked.asked_at_ms,
            "state": row.state(self._now_ms),
            "rows": made.rows if made else told.rows if told else 0,
            "total": made.rows if made and not made.error else told.total if told else None,
            "size": made.size if made and not made.error else None,
            "digest": made.digest if made and not made.error else None,
            "error": made.error if made else "",
            "until_ms": made.until_ms if made else None,
            "mail": _mailed(row),
            "may_delete": _may_delete(by, asked),
        }

    def ask(
        self, by: Caller, wanted: Filter, format_: ExportFormat, key: str = "", *, mail: bool = False
    ) -> dict[str, Any]:
        """Ask for a list as a file, and return it as it stands; the same key of the same caller asks for the same file.

        Args:
            by: Who asks.
            wanted: The filters of the list.
            format_: Of which kind the file is.
            key: Names the request.
            mail: Whether to tell whoever asks by mail when the file is ready.
        """
        if mail and not by.user:
            raise Refused({"mail": "Mail goes to users: whoever asks is none, and has no address."})
        name = secrets.token_hex(8)
        if key:
            name = hashlib.sha256(f"{by.user}\0{by.token}\0{key}".encode()).hexdigest()[:16]
        found = self.known.get(name)
        if found is not None:
            if (dict(found.export.wanted), found.export.format) != (wanted.store(), format_):
                raise Problem(422, "Key used before", "That Idempotency-Key asked for another file: take a new one.")
            return self._row(found, by)
        if len(self.known.rows()) >= MOST:
            raise Problem(409, "Too many files", f"There are {MOST} files already: delete some, then export again.")
        try:
            sealed = self._vault.seal(new_key(), connection=_PLACE, name=name)
        except VaultError as error:
            raise Problem(503, "No key to seal with", str(error)) from error
        export = Export(
            id=name,
            format=format_,
            wanted=wanted.store(),
            key=sealed,
            who=by.who,
            user=by.user,
            asked_at_ms=self._now_ms,
            mail=mail,
        )
        did = Did(what="export.asked", about=f"export:{name}",
                  changes=[("format", "", format_), ("records", "", wanted.words())])  # fmt: skip
        publish(
            self.outside, [Outbound(topic=topics.EXPORTS, key=f"export:{name}", message=ExportDoc(export=export))], did
        )
        return self._row(ExportRow(export=export, progress=None, file=None), by)

    def delete(self, by: Caller, name: str) -> dict[str, Any]:
        """Delete a file, or stop making it, and return it as it stood: one's own, or any as an operator.

        With its key gone nobody can read its chunks any more, wherever they lie.
        """
        row = self.row(name, by)
        export = self._find(name).export
        if not _may_delete(by, export):
            raise Problem(403, "Not yours", f"{export.who} asked for this file: that takes the role operator.")
        did = Did(what="export.deleted", about=f"export:{name}")
        publish(self.outside, removal(name), did)
        return row

    def opened_key(self, export: Export) -> str:
        """Return the key under which a file's chunks are sealed; raises `VaultError`."""
        return self._vault.open(export.key, connection=_PLACE, name=export.id)

    def open(self, name: str, wanted: str = "", if_range: str = "") -> Opened:
        """Open a file that is ready, or the part of it that a request wants; raises `Problem`.

        Args:
            name: Its id.
            wanted: The `Range` header.
            if_range: The `If-Range` header: for another file than it names, all is sent.
        """
        row = self._find(name)
        made = row.file
        if made is None:
            raise Problem(409, "Not ready yet", "The file is still being made: try again when it is ready.",
                          {"Retry-After": "2"})  # fmt: skip
        if row.state(self._now_ms) != "ready":
            raise Problem(410, "The file is gone", made.error or "Its time is over: export the list again.")
        etag = f'"{made.digest}"'
        span = _span(wanted, made.size) if if_range in ("", etag) else None
        first, last = span or (0, made.size - 1)
        try:
            pieces = self._pieces(row.export, made, first, last, self.opened_key(row.export))
            begin = next(pieces)  # what is wrong is told before the answer begins
        except VaultError as error:
            raise Problem(503, "The file cannot be opened", str(error)) from error
        except BusUnavailable as error:
            raise Problem(503, "Kafka is away", str(error), {"Retry-After": "1"}) from error
        if first == 0:
            publish(self.outside, [], Did(what="export.taken", about=f"export:{name}"))
        kind = FORMATS[row.export.format]
        asked = datetime.fromtimestamp(row.export.asked_at_ms / 1000, UTC)
        return Opened(
            name=f"records-{asked:%Y%m%d-%H%M%S}.{row.export.format}", media_type=kind.media_type, etag=etag,
            size=made.size, first=first, last=last, pieces=_chained(begin, pieces),
        )  # fmt: skip

    def _pieces(self, export: Export, made: ExportFile, first: int, last: int, key: str) -> Iterator[bytes]:
        """Yield the bytes from one to another; raises `Problem` where a chunk is missing."""
        number = first // made.chunk_bytes
        with closing(self._chunks_from(made.chunks[number])) as found:
            for stored in found:
                if stored.offset < made.chunks[number]:
                    continue
                chunk = stored.message
                if stored.offset > made.chunks[number] or chunk is None:
                    break
                begins = number * made.chunk_bytes
                yield _opened(export, made, chunk, number, key)[max(0, first - begins) : last + 1 - begins]
                if last < begins + made.chunk_bytes:
                    return
                number += 1
        raise Problem(410, "The file is gone", "Kafka does not hold all of it any more: export the list again.")


def _mailed(row: ExportRow) -> str:
    """Return what became of the mail that tells of a file: none was wanted, none was sent yet, sent, or why not."""
    if not row.export.mail:
        return ""
    if row.mail is None:
        return "waiting"
    return row.mail.error or "sent"


def _may_delete(by: Caller, export: Export) -> bool:
    is_own = export.user == by.user if by.user else not export.user and export.who == by.who
    return is_own or reaches(by.role, "operator")


def removal(name: str) -> list[Outbound]:
    """Return the tombstones that delete a file."""
    return [Outbound(topic=topics.EXPORTS, key=f"{part}:{name}", message=None) for part in ExportDoc.model_fields]


def place_of(export: str, run: str, number: int) -> str:
    """Return the name under which a chunk is sealed."""
    return f"{export}/{run}/{number}"


def _opened(export: Export, made: ExportFile, chunk: ExportChunk, number: int, key: str) -> bytes:
    try:
        return zlib.decompress(unseal_bytes(key, place_of(export.id, made.run, number), chunk.sealed))
    except Unsealable as error:
        raise Problem(410, "The file is gone", "A part of it is another one's: export the list again.") from error


def _chained(begin: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield begin
    yield from rest


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    """Return the part that a `Range` header names; None for all, as where it names several; raises `Problem`."""
    unit, _, text = wanted.partition("=")
    begin, dash, end = (part.strip() for part in text.partition("-"))
    given = begin + end
    if unit.strip() != "bytes" or not dash or not given.isascii() or not given.isdigit() or len(given) > 30:
        return None
    first, last = (int(begin), int(end or size)) if begin else (max(0, size - int(end)), size)
    if begin and end and last < first:
        return None
    if first >= size or (not begin and int(end) == 0):
        raise Problem(
            416, "Not a part of this file", f"The file has {size} bytes.", {"Content-Range": f"bytes */{size}"}
        )
    return first, min(last, size - 1)

"""Files that were asked for, as the `exports` topic tells: each console reads it, so that any of them answers alike."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from shared.wire.exports import Export, ExportDoc, ExportFile, ExportMail, ExportProgress

State: TypeAlias = Literal["waiting", "running", "ready", "failed", "ended"]
PARTS: Final = tuple(ExportDoc.model_fields)
"""Kinds of documents of one file; each is the beginning of its key."""
STALE_MS: Final = 3 * 86_400_000
"""After which documents are removed that belong to no file, or to one that was never made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """One file that was asked for."""

    export: Export
    progress: ExportProgress | None
    file: ExportFile | None
    mail: ExportMail | None = None

    @property
    def is_open(self) -> bool:
        """Check whether the file is still to be made."""
        return self.file is None

    def state(self, now_ms: int) -> State:
        """Return how the file stands."""
        if self.file is None:
            return "waiting" if self.progress is None else "running"
        if self.file.error:
            return "failed"
        return "ready" if now_ms < self.file.until_ms else "ended"


class Exports:
    """All of them; `apply` and `leave_out` are called by one thread, everything else by any."""

    def __init__(self) -> None:
        self.offset = -1
        self._docs: dict[str, dict[str, ExportDoc]] = {part: {} for part in PARTS}

    def apply(self, offset: int, key: str, doc: ExportDoc | None) -> None:
        """Take one document; None is its tombstone."""
        part, _, name = key.partition(":")
        if part in self._docs:
            if doc is None or getattr(doc, part) is None:
                self._docs[part].pop(name, None)
            else:
                self._docs[part][name] = doc
        self.offset = offset

    def leave_out(self, offset: int, key: str, raw: bytes | None, why: str) -> None:
        """Leave out what a newer version wrote: a console of that version makes the file."""
        del raw, why
        self.apply(offset, key, None)

    def get(self, name: str) -> ExportRow | None:
        """Return a file by its id."""
        asked, told, made, sent = (self._docs[part].get(name) for part in PARTS)
        if asked is None or asked.export is None:
            return None
        return ExportRow(
            export=asked.export,
            progress=told.progress if told else None,
            file=made.file if made else None,
            mail=sent.mail if sent else None,
        )

    def rows(self) -> list[ExportRow]:
        """List all files, the oldest first."""
        names = list(self._docs["export"])  # `apply` may add one meanwhile
        found = [row for name in names if (row := self.get(name)) is not None]
        return sorted(found, key=lambda row: (row.export.asked_at_ms, row.export.id))

    def over(self, now_ms: int) -> list[str]:
        """List the keys of documents whose time is over."""
        return [
            f"{part}:{name}"
            for part in PARTS
            for name, doc in list(self._docs[part].items())
            if self._ends_ms(name, doc) <= now_ms
        ]

    def _ends_ms(self, name: str, doc: ExportDoc) -> int:
        made = self._docs["file"].get(name)
        if made is not None and made.file is not None:
            return made.file.until_ms
        told = doc.progress or doc.mail
        since_ms = doc.export.asked_at_ms if doc.export else told.at_ms if told else 0
        return since_ms + STALE_MS

"""Lists that people want as files: what was asked for, how far it is, and the file itself, in chunks."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from pydantic import Field

from shared.model.records import Frozen

ExportFormat: TypeAlias = Literal["csv", "xlsx", "jsonl"]


class Export(Frozen):
    """A list that somebody wants as a file."""

    id: str
    format: ExportFormat
    wanted: Mapping[str, str] = Field(default_factory=dict)
    """The filters of the list, as its address names them."""
    key: str
    """The key under which the chunks of the file are sealed; sealed itself by the vault."""
    who: str = ""
    """Who asked, as people know him."""
    user: str = ""
    """The user's id; empty for the installation itself."""
    mail: bool = False
    """Whether the user is told by mail when the file is ready."""
    asked_at_ms: int
    """Periods in the filters end at this moment."""


class ExportProgress(Frozen):
    """How far a file is."""

    export: str
    rows: int = 0
    """Records written so far."""
    total: int | None = None
    """How many there will be; None where nobody has counted."""
    runner: str = ""
    """The console that makes it."""
    attempt: int = 1
    """Counts the consoles that have begun to make it, one after another."""
    at_ms: int = 0


class ExportFile(Frozen):
    """A file that is ready, or why there is none."""

    export: str
    rows: int = 0
    size: int = 0
    """Bytes of the file."""
    digest: str = ""
    """SHA-256 of the file."""
    run: str = ""
    """Names the making that its chunks come from."""
    chunk_bytes: int = 0
    """Bytes of each chunk but the last."""
    chunks: tuple[int, ...] = ()
    """Offset of each chunk on `export-chunks`."""
    error: str = ""
    """Why there is no file; empty where there is one."""
    at_ms: int = 0
    until_ms: int = 0
    """When it is removed."""


class ExportMail(Frozen):
    """What became of the mail that tells of a file."""

    export: str
    attempt: int = 1
    """Counts the tries to send it."""
    error: str = ""
    """Why the last one failed; empty where it was sent."""
    at_ms: int = 0


class ExportDoc(Frozen):
    """One document on the `exports` topic; exactly one part is set. A tombstone removes it."""

    export: Export | None = None
    progress: ExportProgress | None = None
    file: ExportFile | None = None
    mail: ExportMail | None = None


class ExportChunk(Frozen):
    """A piece of a file."""

    export: str
    n: int
    """Its number within the file, from 0."""
    run: str
    sealed: str
    """Its bytes, packed by zlib and sealed under the export's key."""

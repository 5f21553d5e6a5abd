"""Makes files of lists, and downloads them, from a terminal, by the console's API."""

import hashlib
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from services.console.commands.calling import UNANSWERED, Calls, NoAnswerError, calls_of
from services.console.commands.printing import ending_on, write_json
from shared.settings import Settings

Order: TypeAlias = Literal["list", "make", "get", "delete"]
_EVERY_S: Final = 1.0
_TRIES: Final = 5
"""How often a download that breaks off is gone on with, where none of them brings anything."""


@ending_on(*UNANSWERED, OSError)
def run(
    what: Order,
    names: Sequence[str],
    *,
    wanted: Mapping[str, Any],
    as_json: bool = False,
    settings: Settings | None = None,
    every_s: float = _EVERY_S,
) -> int:
    """List, make, download or delete files; returns the exit code: 0 done, 1 not done.

    Args:
        what: What to do.
        names: To make: the file to write to, or none to leave it with the console. To get: an id, and the file. To
            delete: ids.
        wanted: Format and filters of a file to be made, and whether to tell of it by mail.
        as_json: Print what the API answers.
        settings: Where the console is; those of this process when None.
        every_s: Seconds between two looks at how far a file is.
    """
    fits = {"list": not names, "make": len(names) < 2, "get": len(names) == 2, "delete": bool(names)}
    if not fits[what]:
        sys.stderr.write("write `exports`, `exports make [FILE]`, `exports get ID FILE` or `exports delete ID …`\n")
        return 1
    calls = calls_of(settings)
    if what == "make":
        made = calls.post("exports", {name: value for name, value in wanted.items() if value})
        if names:
            _take(calls, _ready(calls, made["id"], every_s), Path(names[0]), every_s)
        rows = [calls.get(f"exports/{made['id']}")]
    elif what == "get":
        _take(calls, _ready(calls, names[0], every_s), Path(names[1]), every_s)
        rows = [calls.get(f"exports/{names[0]}")]
    elif what == "delete":
        rows = [{**calls.delete(f"exports/{name}"), "state": "deleted"} for name in names]
    else:
        rows = list(calls.every("exports", "exports"))
    if as_json:
        write_json(rows if what == "list" else rows[0])
    else:
        sys.stdout.write("".join(map(_line, rows)) or "no list was exported\n")
    return 0


def _ready(calls: Calls, name: str, every_s: float) -> Mapping[str, Any]:
    """Wait until a file is ready, and tell how far it is meanwhile; raises `NoAnswerError`."""
    told = ""
    while True:
        row: Mapping[str, Any] = calls.get(f"exports/{name}")
        if row["state"] == "ready":
            return row
        if row["state"] not in ("waiting", "running"):
            raise NoAnswerError(row["error"] or f"the file {name} is gone: export the list again")
        line = _line(row)
        if line != told:
            sys.stderr.write(line)
            told = line
        time.sleep(every_s)


def _take(calls: Calls, row: Mapping[str, Any], to: Path, every_s: float) -> None:
    """Download a file, and go on where it breaks off, also where an earlier command broke off."""
    part = to.with_name(f"{to.name}.{row['id']}.part")
    tries = 0
    with part.open("ab") as out:
        while out.tell() < row["size"]:
            begin = out.tell()
            try:
                for piece in calls.download(f"exports/{row['id']}/file", begin, f'"{row["digest"]}"'):
                    out.write(piece)
            except NoAnswerError as error:
                tries = 1 if out.tell() > begin else tries + 1
                if tries >= _TRIES:
                    raise NoAnswerError(f"{error}; the same command goes on with what is in {part}") from error
                time.sleep(every_s)
    with part.open("rb") as read:
        if hashlib.file_digest(read, "sha256").hexdigest() != row["digest"]:
            part.unlink()
            raise NoAnswerError("what was downloaded is not the file: try again")
    part.replace(to)


def _line(row: Mapping[str, Any]) -> str:
    number = f"{row['rows']:,} of {row['total']:,}" if row["total"] else f"{row['rows']:,}"
    size = f", {row['size']:,} bytes" if row["size"] else ""
    trouble = f"; {row['error']}" if row["error"] else ""
    mail = f"; mail: {row['mail']}" if row["mail"] else ""
    return f"{row['id']}: {row['state']}; {number} records as {row['format']}{size}; {row['records']}{mail}{trouble}\n"

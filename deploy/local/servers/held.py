"""Who uses the folder of a local run: a lock that ends with its process, however that ends. Needs a bare Python."""

import fcntl
import os
from pathlib import Path
from typing import IO


class Held(Exception):  # noqa: N818 - names the state of the folder
    """Another process uses the folder; the message says which."""


def hold(folder: Path) -> IO[str]:
    """Take the folder until the returned file is closed; raises `Held`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    file = (folder / "running").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        who = file.read().strip()
        file.close()
        raise Held(f"`make run` uses {folder.name} already (process {who}).") from error
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file

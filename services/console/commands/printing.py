"""What commands print for programs, and what they ask people before they do it."""

import json
import sys
from collections.abc import Iterable
from typing import Final

_YES: Final = ("y", "yes")


def write_json(found: object) -> None:
    """Write something as JSON to standard output, signs of all languages as they are."""
    sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def confirmed(lines: Iterable[str], question: str) -> bool:
    """Print what something means, and return whether somebody at the terminal wants it; nobody does where none is."""
    sys.stderr.writelines(f"{line}\n" for line in lines)
    if not sys.stdin.isatty():
        sys.stderr.write("nobody is at a terminal to confirm it: write --yes to do it without being asked\n")
        return False
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in _YES

"""What commands print for programs, and what they ask people before they do it."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, Final, ParamSpec

P = ParamSpec("P")
_YES: Final = ("y", "yes")


def write_json(found: object) -> None:
    """Write something as JSON to standard output, signs of all languages as they are."""
    sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def ending_on(*errors: type[Exception]) -> Callable[[Callable[P, int]], Callable[P, int]]:
    """Return a decorator of commands, whose value is an exit code: these errors are printed, and end them with 1.

    That nobody reads the output any longer is no error of a command, whatever class it is of.
    """

    def decorate(command: Callable[P, int]) -> Callable[P, int]:
        @wraps(command)
        def ended(*given: P.args, **more: P.kwargs) -> int:
            try:
                return command(*given, **more)
            except BrokenPipeError:
                raise
            except errors as error:
                sys.stderr.write(f"{error}\n")
                return 1

        return ended

    return decorate


def write_rows(
    rows: Iterable[Mapping[str, Any]], line_of: Callable[[Mapping[str, Any]], str], none: str, *, as_json: bool
) -> None:
    """Print rows as they come, for there may be very many.

    Args:
        rows: What there is.
        line_of: Returns how one of them is printed for people.
        none: What is printed for people where there is none.
        as_json: Print a list for programs.
    """
    number = 0
    for number, row in enumerate(rows, 1):
        text = json.dumps(row, ensure_ascii=False) if as_json else line_of(row)
        sys.stdout.write(f"{('[' if number == 1 else ',') * as_json}{text}\n")
    if as_json:
        sys.stdout.write("]\n" if number else "[]\n")
    elif not number:
        sys.stdout.write(f"{none}\n")


def confirmed(lines: Iterable[str], question: str) -> bool:
    """Print what something means, and return whether somebody at the terminal wants it; nobody does where none is."""
    sys.stderr.writelines(f"{line}\n" for line in lines)
    if not sys.stdin.isatty():
        sys.stderr.write("nobody is at a terminal to confirm it: write --yes to do it without being asked\n")
        return False
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in _YES

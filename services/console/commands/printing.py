"""What commands print for programs, and what they ask people before they do it."""

import json
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Final, ParamSpec

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


def confirmed(lines: Iterable[str], question: str) -> bool:
    """Print what something means, and return whether somebody at the terminal wants it; nobody does where none is."""
    sys.stderr.writelines(f"{line}\n" for line in lines)
    if not sys.stdin.isatty():
        sys.stderr.write("nobody is at a terminal to confirm it: write --yes to do it without being asked\n")
        return False
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in _YES

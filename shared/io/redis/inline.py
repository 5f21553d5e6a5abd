"""Short Lua scripts that stand beside the code which runs them.

Redis hands a script its keys and its arguments as two lists of texts. Which stands where is said once, by the fields of
named tuples: the code fills these in, and the script reads locals of the same names. Numbers come as numbers, and what
is true or false as that.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar, get_type_hints

from redis.exceptions import NoScriptError

Value: TypeAlias = str | int | float
Keys = TypeVar("Keys", bound=tuple[str, ...])
Args = TypeVar("Args", bound=tuple[Value, ...])
Item = TypeVar("Item", bound=tuple[Value, ...])

NOW: Final = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)"
"""Has a script know the time by the clock of Redis, in milliseconds."""


class Nothing(NamedTuple):
    """What a script takes that needs nothing of the kind."""


class OneKey(NamedTuple):
    """The key of a script that needs one alone."""

    key: str


class Inline(Generic[Keys, Args, Item]):
    """A script that takes keys and arguments, and of any number of further keys what belongs to each.

    These it goes through by ``for key, … in items() do``. What is handed over behind all of it begins in the argument
    number ``rest()``.

    Args:
        body: The script.
        keys: Its keys.
        args: Its arguments.
        item: What it is told of each further key.
    """

    def __init__(self, body: str, *, keys: type[Keys], args: type[Args], item: type[Item]) -> None:
        fields = get_type_hints(item)
        head, tail, size = len(get_type_hints(keys)), len(get_type_hints(args)), len(fields)
        told = "".join(f", {_read(f'ARGV[at + {number}]', kind)}" for number, kind in enumerate(fields.values(), 1))
        lines = [
            *(f"local {name} = KEYS[{number}]" for number, name in enumerate(get_type_hints(keys), 1)),
            *(
                f"local {name} = {_read(f'ARGV[{number}]', kind)}"
                for number, (name, kind) in enumerate(get_type_hints(args).items(), 1)
            ),
            "local function items()",
            f"  local key, at = {head}, {tail - size}",
            "  return function()",
            f"    key, at = key + 1, at + {size}",
            f"    return KEYS[key]{told}",
            "  end",
            "end",
            f"local function rest() return {tail + 1} + (#KEYS - {head}) * {size} end",
        ]
        self.text = "\n".join([*lines, body])
        self._sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        """What Redis knows a script by once it has run it."""
        self._has_flags = bool in (*get_type_hints(args).values(), *fields.values())

    def run(
        self, client: Any, keys: Keys, args: Args, items: Mapping[str, Item] | None = None, rest: Sequence[Value] = ()
    ) -> Any:
        """Run the script; raises `RedisError`."""
        told = items or {}
        given: list[Value] = [*keys, *told, *args, *(value for item in told.values() for value in item), *rest]
        if self._has_flags:
            given = [int(value) if isinstance(value, bool) else value for value in given]
        try:
            return client.evalsha(self._sha, len(keys) + len(told), *given)
        except NoScriptError:  # nothing of it was run
            return client.eval(self.text, len(keys) + len(told), *given)


def _read(argument: str, kind: type) -> str:
    """Return the Lua that reads an argument of a kind."""
    if kind is bool:
        return f"{argument} == '1'"
    return argument if kind is str else f"tonumber({argument})"

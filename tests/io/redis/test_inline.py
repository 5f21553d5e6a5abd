"""A script that stands beside its code reads keys and arguments by the names under which the code fills them in."""

import hashlib
import re
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from lupa import lua51
from redis.exceptions import NoScriptError

from shared import io
from shared.io.redis.inline import Inline, Nothing, OneKey

_IO: Final = Path(io.__file__).parent


class _Keys(NamedTuple):
    one: str
    two: str


class _Args(NamedTuple):
    text: str
    number: int
    part: float
    yes: bool


class _Item(NamedTuple):
    amount: int
    name: str


class _Redis:
    """Runs scripts as Redis does: keys and arguments are texts, and a script that has run is known."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.sent: list[str] = []

    def evalsha(self, sha: str, count: int, *given: Any) -> Any:
        if sha not in self.known:
            raise NoScriptError
        return self._run(self.known[sha], count, given)

    def eval(self, text: str, count: int, *given: Any) -> Any:
        self.known[hashlib.sha1(text.encode()).hexdigest()] = text
        self.sent.append(text)
        return self._run(text, count, given)

    def _run(self, text: str, count: int, given: tuple[Any, ...]) -> Any:
        assert not any(isinstance(value, bool) for value in given), "Redis takes none"
        texts = [value if isinstance(value, str) else repr(value) for value in given]
        runtime = lua51.LuaRuntime(unpack_returned_tuples=True)
        run = runtime.eval(f"function(KEYS, ARGV)\n{text}\nend")
        return run(runtime.table_from(texts[:count]), runtime.table_from(texts[count:]))


@pytest.mark.parametrize("yes", [True, False])
@pytest.mark.parametrize("many", [0, 1, 3])
def test_each_is_read_under_the_name_that_it_was_filled_in_under(many: int, *, yes: bool) -> None:
    script = Inline(
        """
local seen = {}
for key, amount, name in items() do table.insert(seen, key .. '=' .. amount + 1 .. name) end
return one, two, text, number + 1, part * 2, yes, table.concat(seen, ' '), ARGV[rest()], #ARGV - rest()
""",
        keys=_Keys,
        args=_Args,
        item=_Item,
    )
    items = {f"k{number}": _Item(number, f"n{number}") for number in range(many)}
    told = " ".join(f"k{number}={number + 1}n{number}" for number in range(many))
    found = script.run(_Redis(), _Keys("K1", "K2"), _Args("1", 41, 0.25, yes), items, ["first", "second"])
    assert tuple(found) == ("K1", "K2", "1", 42, 0.5, yes, told, "first", 1)


def test_a_script_may_need_keys_alone_or_nothing() -> None:
    assert Inline("return key", keys=OneKey, args=Nothing, item=Nothing).run(_Redis(), OneKey("k"), Nothing()) == "k"
    bare = Inline("return #KEYS + #ARGV", keys=Nothing, args=Nothing, item=Nothing)
    assert bare.run(_Redis(), Nothing(), Nothing()) == 0


def test_a_script_is_sent_once() -> None:
    """And again to a Redis that has forgotten it."""
    redis, script = _Redis(), Inline("return key", keys=OneKey, args=Nothing, item=Nothing)
    assert [script.run(redis, OneKey(key), Nothing()) for key in "abc"] == ["a", "b", "c"]
    assert redis.sent == [script.text]
    redis.known.clear()
    assert script.run(redis, OneKey("d"), Nothing()) == "d"
    assert redis.sent == [script.text] * 2


def test_no_script_counts_its_keys_or_arguments() -> None:
    """But for what is handed over behind all that has a name."""
    counted = r"(?:KEYS|ARGV)\[\d|client\.eval\("
    texts = {path.name: path.read_text() for path in _IO.rglob("*.py")}
    found = {name for name, text in texts.items() if re.search(counted, text)}
    assert found == {"inline.py"}

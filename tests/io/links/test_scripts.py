"""The scripts of the links read their arguments by the names under which the store fills them in."""

from pathlib import Path
from typing import Any

import pytest
from lupa import lua51

from shared.io.links import scripts
from shared.io.links.scripts import Call, Script, declared

_ALL = [one for one in vars(scripts).values() if isinstance(one, Script)]
_LUA = Path(scripts.__file__).parent / "lua"


def _filled(kind: type[tuple[Any, ...]], number: int) -> tuple[Any, ...]:
    """Fill each place with a text that no other place has."""
    hints = kind.__annotations__
    return kind(*(f"{name}-{number}" if hint is str else _filled(hint, number) for name, hint in hints.items()))


def _named(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    return {name: _named(inner) for name, inner in zip(type(value).__annotations__, value, strict=True)}


def _read(value: Any) -> Any:
    return {name: _read(inner) for name, inner in value.items()} if lua51.lua_type(value) == "table" else value


def _seen(script: Script[Any, Any], call: Call) -> tuple[dict[str, str], list[Any]]:
    """Return what Lua reads of a call: its locals, and its items."""
    runtime = lua51.LuaRuntime(unpack_returned_tuples=True)
    heads = ", ".join(f"{name} = {name}" for name in script.head.__annotations__)
    each = "for item in items() do see(item) end" if script.item.__annotations__ else ""
    run = runtime.eval(f"function(ARGV, see)\n{declared(script)}\n{each}\nreturn {{{heads}}}\nend")
    items: list[Any] = []
    head = run(runtime.table_from(call.args()), lambda item: items.append(_read(item)))
    return _read(head), items


@pytest.mark.parametrize("script", _ALL, ids=lambda script: script.name)
@pytest.mark.parametrize("many", [0, 1, 3])
def test_a_script_reads_each_argument_under_the_name_that_it_was_filled_in_under(
    script: Script[Any, Any], many: int
) -> None:
    count = many if script.item.__annotations__ else 0
    head, items = _filled(script.head, 0), [_filled(script.item, number) for number in range(1, count + 1)]
    assert _seen(script, script.call("s", head, items)) == (_named(head), [_named(item) for item in items])


def test_no_script_counts_its_arguments() -> None:
    names = {path.name for path in _LUA.glob("*.lua")}
    assert names == {"prelude.lua", *(f"{script.name}.lua" for script in _ALL)}
    assert [path.name for path in _LUA.glob("*.lua") if "ARGV" in path.read_text()] == []

"""The glossary speaks of code that is there."""

import dataclasses
import importlib
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel

_ROWS = re.findall(
    r"^\| ([^|]+) \| ([^|]+) \| `([\w.]+)` \|$",
    (Path(__file__).parents[2] / "docs" / "glossary.md").read_text(),
    re.MULTILINE,
)


def _fields(found: Any) -> set[str]:
    if isinstance(found, type) and issubclass(found, BaseModel):
        return set(found.model_fields)
    return {one.name for one in dataclasses.fields(found)} if dataclasses.is_dataclass(found) else set()


def _is_there(name: str) -> bool:
    """Check whether a dotted name leads to a module, to something in one, or to a field of a class."""
    module, _, rest = name.partition(".")
    found: Any = importlib.import_module(module)
    for part in rest.split("."):
        if part in _fields(found):
            return True
        if not hasattr(found, part):
            try:
                importlib.import_module(f"{found.__name__}.{part}")
            except (AttributeError, ModuleNotFoundError):
                return False
        found = getattr(found, part)
    return True


def test_every_word_has_its_home_in_the_code() -> None:
    assert len(_ROWS) > 50, "the table is read"
    assert [word for word, _, name in _ROWS if not _is_there(name)] == []
    assert not _is_there("shared.model.pairs.Pear")
    assert not _is_there("shared.cores.pairs")


def test_every_line_of_the_table_is_read_and_in_order() -> None:
    lines = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text().splitlines()
    assert len(_ROWS) == sum(line.startswith("| ") for line in lines) - 2, "a line is no row, or names no home"
    words = [word for word, _, _ in _ROWS]
    assert words == sorted(words)

"""The engine knows no type of records: what is particular to contacts or companies stands with their types."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from shared.objects import OBJECTS

_SHARED: Final = Path(__file__).parents[2] / "shared"
ENGINE: Final = [path for name in ("model", "contract", "engine") for path in (_SHARED / name).rglob("*.py")]
_EARLIER: Final = "earlier.py"
"""Knows how versions before this one spell the rules of types."""


_ANY: Final = "record"
"""The type of records about which nothing is known."""


def _words(tree: ast.AST) -> Iterator[str]:
    """Yield the names and texts of a module, but for documentation and examples."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.keyword) and node.arg == "examples":
            continue
        for name in ("id", "attr", "arg", "name", "value"):
            told = getattr(node, name, None)
            if isinstance(told, str):
                yield told
        yield from _words(node)


def naming_types(source: str) -> set[str]:
    """Return the names and texts that name a type of records."""
    types = {part for name in OBJECTS.keys() - {_ANY} for part in (name, f"{name}s", "companies")}
    return {word for word in _words(ast.parse(source)) if types & {*re.split(r"[^a-z]+", word.lower())}}


def test_the_engine_names_no_type_of_records() -> None:
    found = {path.name: naming_types(path.read_text()) for path in ENGINE if path.name != _EARLIER}
    assert {name: words for name, words in found.items() if words} == {}
    assert len(found) > 20


def test_a_name_or_text_is_found_and_documentation_is_not() -> None:
    assert naming_types('def f(contact_id):\n    """A contact."""\n    return x.companies == "deal: 1"\n') == {
        "contact_id", "companies", "deal: 1",
    }  # fmt: skip
    assert naming_types('class A:\n    a = Field(examples=["contact"])\n    """What leads to a company."""\n') == set()

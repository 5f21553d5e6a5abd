"""Each word that people read is written by somebody, and each reason that the engine gives is explained."""

import ast
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

from shared.core import words
from shared.core.words import By, Did, Note
from shared.rules.errors import CODES, EXCLUDED, WAITING

_ROOT = Path(__file__).parents[2]
_SOURCES = [
    path for folder in ("shared", "services") for path in (_ROOT / folder).rglob("*.py")
    if path != Path(words.__file__)
]  # fmt: skip
_TABLES: Mapping[str, Container[object]] = {"pending": WAITING, "excluded": EXCLUDED, "failing": CODES}


def _nodes() -> Iterator[ast.AST]:
    for path in _SOURCES:
        yield from ast.walk(ast.parse(path.read_text()))


def test_each_word_is_used() -> None:
    named = {
        f"{node.value.id}.{node.attr}" for node in _nodes()
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }  # fmt: skip
    told = {f"{kind.__name__}.{word.name}" for kind in (Note, Did, By) for word in kind}
    answers = {"Did.WRITTEN", "Did.FOUND"}  # which `Did(answer.result)` names
    assert told - named - answers == set()


def test_no_decision_is_spelled_as_a_text() -> None:
    wrong = [
        ast.unparse(node) for node in _nodes()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Trace"
        for given in node.keywords
        if given.arg == "did" and isinstance(given.value, ast.Constant)
    ]  # fmt: skip
    assert wrong == []


def test_each_reason_that_the_engine_gives_is_explained() -> None:
    """Those that it spells out; codes of refusals are rows of one table already."""
    given = [
        (status.value, reason.value) for node in _nodes()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_set"
        and len(node.args) > 2
        for status, reason in [node.args[1:3]]
        if isinstance(status, ast.Constant) and isinstance(reason, ast.Constant) and reason.value
    ]  # fmt: skip
    assert ("excluded", "out_of_scope") in given
    assert [(status, reason) for status, reason in given if reason not in _TABLES.get(str(status), [reason])] == []

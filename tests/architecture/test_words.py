"""Each word that people read is written by somebody, and each reason that the engine gives is explained."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

from shared.model import touches, words
from shared.model.touches import Touch
from shared.model.words import By, Code, Did, Note, Status, Wait
from shared.rules.errors import CODES, EXCLUDED

_ROOT = Path(__file__).parents[2]
_SOURCES = [
    path for folder in ("shared", "services") for path in (_ROOT / folder).rglob("*.py")
    if path not in (Path(words.__file__), Path(touches.__file__))
]  # fmt: skip


@cache
def _trees() -> tuple[ast.Module, ...]:
    return tuple(ast.parse(path.read_text()) for path in _SOURCES)


def _nodes() -> Iterator[ast.AST]:
    return chain.from_iterable(map(ast.walk, _trees()))


def test_each_word_is_used() -> None:
    named = {
        f"{node.value.id}.{node.attr}" for node in _nodes()
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }  # fmt: skip
    told = {f"{kind.__name__}.{word.name}" for kind in (Status, Wait, Code, Note, Did, By, Touch) for word in kind}
    answers = {"Did.WRITTEN", "Did.FOUND"}  # which `Did(answer.result)` names
    assert told - named - answers == set()


@pytest.mark.parametrize(("made", "by"), [("Trace", "did"), ("PairEvent", "reason")])
def test_no_decision_and_no_reason_of_a_touch_is_spelled_as_a_text(made: str, by: str) -> None:
    wrong = [
        ast.unparse(node) for node in _nodes()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == made
        for given in node.keywords
        if given.arg == by and isinstance(given.value, ast.Constant)
    ]  # fmt: skip
    assert wrong == []


def test_each_word_is_explained() -> None:
    """A code is so by the table of errors, or of what takes no part; that somebody edited a field explains itself."""
    assert {code.value for code in Code} <= CODES.keys() | EXCLUDED.keys()
    silent = [word for kind in (Status, Wait, Note, Did, By) for word in kind if not word.sentence]
    assert silent == [By.EDITED]


def test_each_status_and_reason_that_the_engine_gives_is_such_a_word() -> None:
    given = [
        argument.value for node in _nodes()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        and node.func.id in ("set_status", "_one_sided")
        for argument in node.args[1:4]
        if isinstance(argument, ast.Constant)
    ]  # fmt: skip
    assert given == ["deleted_in_both"]


def _docstrings() -> Iterator[tuple[str, str]]:
    files = [path for folder in ("shared", "services", "deploy") for path in (_ROOT / folder).rglob("*.py")]
    helpers = [path for folder in ("services", "console", "slice") for path in (_ROOT / "tests" / folder).rglob("*.py")]
    for path in (*files, *(path for path in helpers if not path.name.startswith("test_"))):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield str(path.relative_to(_ROOT)), ast.get_docstring(node) or ""


def test_no_docstring_gives_tells_says_or_spells() -> None:
    """A function returns, publishes, prints or encodes, also a private one; to give up is to close."""
    legend = re.compile(r"(?:Give|Tell|Say|Spell|Have|Let|Gives|Tells|Says|Spells|Has|Lets)\b(?! up\b)|[^\n]*; gives\b")
    assert [f"{path}: {text.splitlines()[0]}" for path, text in _docstrings() if legend.match(text)] == []

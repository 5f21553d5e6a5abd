"""What a process may keep in memory has a bound that is written down, and nobody imports tables of the whole world."""

import ast
import subprocess
import sys
from pathlib import Path

from services.matcher.resolving.resolve import STATES_KEPT

ROOT = Path(__file__).parents[2]
SERVICES = ("ingest", "matcher", "writer", "console")
MOST_ANSWERS = 4096
MOST_STATES = 2000


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _size(decorator: ast.expr) -> int | None:
    """Return how many answers a decorator remembers; nothing for one that remembers none."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    if _name(called) not in ("cache", "lru_cache"):
        return None
    if not isinstance(decorator, ast.Call):
        return sys.maxsize if _name(called) == "cache" else 128
    given = [word.value for word in decorator.keywords if word.arg == "maxsize"] or decorator.args
    size = given[0].value if given and isinstance(given[0], ast.Constant) else None
    return size if isinstance(size, int) else sys.maxsize


def test_every_remembered_answer_is_one_of_so_many() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{node.name}": size
        for folder in ("shared", "services")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if (size := _size(decorator)) is not None
    }
    assert found, "the walk finds the caches"
    assert {where: size for where, size in found.items() if size > MOST_ANSWERS} == {}
    assert STATES_KEPT <= MOST_STATES


def test_no_service_loads_where_each_number_of_the_world_is() -> None:
    """Importing any part of `phonenumbers.geodata` imports all of it: 97 MiB."""
    program = (
        f"import sys, {', '.join(f'services.{name}.__main__' for name in SERVICES)}, services.console.serving\n"
        "from shared.rules.countries import country_code\n"
        "assert country_code('Deutschland') == 'DE'\n"
        "print([name for name in sys.modules if name.startswith('phonenumbers.geodata')])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""The references of the REST API: its OpenAPI document, and a page that shows it to people."""

import ast
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from services.console.rest.app import make_app
from services.console.rest.describing import describe
from services.console.use.problems import problem_type

_SOURCES: Final = Path(__file__).parents[2] / "services" / "console"


def document() -> dict[str, Any]:
    """Return the OpenAPI document; nothing needs to run for it."""
    found: dict[str, Any] = json.loads(_document())  # one of its own for whoever asks
    return found


@cache
def _document() -> str:
    nothing: Any = SimpleNamespace(accounts=None, tokens=None, mailing=None, alerts=None, keeping=None)
    return json.dumps(describe(make_app(nothing, nothing)))


def text() -> str:
    """Return the document as a file."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def page() -> str:
    """Return the document as a page: what there is, who may, and what is answered."""
    found = document()
    rows = [found["info"]["description"].strip(), "", "[The document](openapi.json) has all of it for programs.", ""]
    for tag in found["tags"]:
        rows += [f"## {tag['name'].capitalize()}", "", tag["description"], ""]
        rows += ["| request | what it does | role | scope | takes | answers |", "| --- | --- | --- | --- | --- | --- |"]
        rows += [_row(method, path, route) for method, path, route in routes(found) if route["tags"] == [tag["name"]]]
        rows.append("")
    rows += ["## Problems", "", "| `type` | title | status |", "| --- | --- | --- |"]
    rows += [
        f"| `{problem_type(title)}` | {title} | {', '.join(map(str, sorted(statuses)))} |"
        for title, statuses in sorted(problems().items())
    ]
    return "\n".join(rows) + "\n"


def routes(found: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield method, path and description of all routes."""
    for path, methods in found["paths"].items():
        for method, route in methods.items():
            yield method.upper(), path, route


def problems() -> dict[str, set[int]]:
    """Return the titles of all problems that the API may answer, with their statuses."""
    found: dict[str, set[int]] = {"Not accepted": {422}, "Changed meanwhile": {412}, "Not possible": {404, 405}}
    for path in (path for path in _SOURCES.rglob("*.py") if "web" not in path.parts):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) > 1:
                status, title = node.args[:2]
                if (
                    node.func.id in ("Problem", "problem_json")
                    and isinstance(title, ast.Constant)
                    and isinstance(status, ast.Constant)
                ):
                    found.setdefault(str(title.value), set()).add(ast.literal_eval(status))
    return found


def _row(method: str, path: str, route: Mapping[str, Any]) -> str:
    takes = [f"`{row['name']}`" for row in route.get("parameters", ()) if row["in"] == "query"]
    if "requestBody" in route:
        takes.insert(0, _named(route["requestBody"]["content"]["application/json"]["schema"]))
    status, answer = next((status, answer) for status, answer in route["responses"].items() if status < "300")
    content = answer.get("content", {"nothing": {}})
    kinds = [_named(row["schema"]) if kind == "application/json" else kind for kind, row in content.items()]
    answers = ", ".join(kinds)
    return (
        f"| `{method} {path}` | {route['summary']} | {route['x-role']} | `{route['x-scope']}` | "
        f"{', '.join(takes) or '-'} | {status}: {answers} |"
    )


def _named(schema: Mapping[str, Any]) -> str:
    name = schema["$ref"].rpartition("/")[2]
    return f"`{name}`"

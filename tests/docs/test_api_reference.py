"""The API's description is whole: a client can be made from it, and a person can read it."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from services.console.access.roles import NEEDS
from services.console.rest.describing import TAGS
from services.console.rest.versions import READ
from tests.docs.api_reference import document, problems, routes
from tests.docs.described import validator

DOCUMENT: Final = document()
ROUTES: Final = list(routes(DOCUMENT))
PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
every_route = pytest.mark.parametrize(
    ("method", "path", "route"), ROUTES, ids=[route["operationId"] for *_, route in ROUTES]
)
_FILE = "/api/v1/exports/{id}/file"
"""The one route that answers with bytes of a file, in one of several formats."""
_NO_JSON: Final = (_FILE, "/api/v1/events")


def test_every_route_is_described() -> None:
    described = {f"{method} {path.replace('{id}', '{name}')}" for method, path, _ in ROUTES} | {
        "GET /api/v1/openapi.json"
    }
    assert described == {row for row in NEEDS if " /api/v1/" in row}
    names = [route["operationId"] for *_, route in ROUTES]
    assert len(set(names)) == len(names)


@every_route
def test_a_route_says_what_it_is_for_who_may_and_what_it_takes(method: str, path: str, route: dict[str, Any]) -> None:
    assert route["summary"]
    assert not route["summary"].endswith(".")
    (tag,) = route["tags"]
    assert tag in TAGS
    assert route["security"] == [{"token": []}]
    assert route["x-role"] == NEEDS[f"{method} {path.replace('{id}', '{name}')}"]
    parameters = route["parameters"]
    named = {row["name"] for row in parameters if row["in"] == "path"}
    assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}
    assert [row["name"] for row in parameters if not row.get("description")] == []
    if method in ("POST", "PUT", "PATCH") and "requestBody" in route:
        assert set(route["requestBody"]["content"]) == {"application/json"}
        assert "$ref" in route["requestBody"]["content"]["application/json"]["schema"]


@every_route
def test_a_route_says_what_it_answers(method: str, path: str, route: dict[str, Any]) -> None:
    """One model where it is done, one shape of problem where it is not."""
    answers = route["responses"]
    done, *part = (status for status in answers if status < "400")
    has_version = f"{method} {path.replace('{id}', '{name}')}" in READ
    assert part == (["206"] if path == _FILE else ["304"] if has_version else [])
    if path not in _NO_JSON and done != "204":
        assert "$ref" in answers[done]["content"]["application/json"]["schema"]
    wrong = {status: answer["$ref"].rpartition("/")[2] for status, answer in answers.items() if status >= "400"}
    assert {"401", "403", "422", "429", "503"} <= set(wrong)
    assert ("404" in wrong) or "{id}" not in path
    assert all(DOCUMENT["components"]["responses"][name]["content"] == PROBLEM for name in wrong.values())
    if method == "GET" and any(row["name"] == "limit" for row in route["parameters"]):
        assert {"cursor", "limit"} <= {row["name"] for row in route["parameters"]}
        model = answers[done]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert {"next", "total"} <= set(DOCUMENT["components"]["schemas"][model]["properties"])


def test_models_that_are_sent_or_answered_have_examples() -> None:
    shown = DOCUMENT["components"]["schemas"]
    assert [name for name in _sent() if not shown[name].get("examples")] == []


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_examples_are_what_their_models_say(name: str) -> None:
    """They name nothing that is not there, as far down as they go."""
    schema = DOCUMENT["components"]["schemas"][name]
    for example in schema.get("examples", ()):
        validator(DOCUMENT, schema).validate(example)


def test_examples_of_parameters_are_what_these_take() -> None:
    for *_, route in ROUTES:
        for row in route["parameters"]:
            for example in row["schema"].get("examples", ()):
                validator(DOCUMENT, row["schema"]).validate(example)


def test_every_kind_of_problem_is_found() -> None:
    found = problems()
    assert found["Too large"] == {409, 413}
    assert found["No such job"] == {404}
    assert len(found) > 30


def _sent() -> Iterator[str]:
    """Yield the models that are sent or answered as a whole."""
    for *_, route in ROUTES:
        for answer in (route.get("requestBody"), *route["responses"].values()):
            for content in (answer or {}).get("content", {}).values():
                if "$ref" in content.get("schema", {}):
                    yield content["schema"]["$ref"].rpartition("/")[2]

"""Cursors: where the next page of a list begins, as an address carries it."""

import base64
import json
from typing import Any, TypeVar

from pydantic import TypeAdapter

from services.console.use.problems import Problem

T = TypeVar("T")


def spelled(place: Any) -> str:
    """Return a place in a list as an address carries it."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def opened(cursor: str, kind: TypeAdapter[T]) -> T:
    """Return the place that a cursor holds; raises `Problem` for one that none of us made."""
    try:
        return kind.validate_json(base64.urlsafe_b64decode(cursor), strict=True)
    except ValueError as error:
        raise not_a_page() from error


def not_a_page() -> Problem:
    """Return what is said to a cursor that this list did not give."""
    return Problem(
        400, "Not a page of this list", "Take `cursor` from the `next` of the page before, or begin without one."
    )

"""Bodies of answers: JSON, or what stands in its place where a proxy answers."""

import json
import re
from typing import Any, Final

_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_HALVES: Final = re.compile("[\ud800-\udfff]")


def read_body(raw: bytes) -> Any:
    r"""Return what a JSON text holds; None where it is none.

    Halves of surrogate pairs, which JSON can spell (``\ud800``) and no encoding of a message can, come as U+FFFD.
    """
    try:
        body = json.loads(raw)
        return whole(body) if _HALF.search(raw) else body
    except (ValueError, RecursionError):
        return None


def read_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that a text holds; an empty one where it is none."""
    body = read_body(raw)
    return body if isinstance(body, dict) else {}


def whole(value: Any) -> Any:
    """Return a JSON value without halves of surrogate pairs."""
    if isinstance(value, str):
        return _HALVES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {whole(key): whole(held) for key, held in value.items()}
    return [whole(held) for held in value] if isinstance(value, list) else value

"""How values are spelled in sentences for people."""

from collections.abc import Mapping
from typing import Final

from shared.model.fields import FieldInfo, label_of
from shared.model.records import TooLong

_MOST = 80
"""Characters of a value that a sentence shows."""


class Hidden(str):
    """What is said in place of a value that nobody is shown."""

    __slots__ = ()


SENSITIVE: Final = Hidden("a sensitive value")
"""What is said in place of a value that is shown to few."""


def flow_title(key: str) -> str:
    """Return what people read of a flow: a mapping's own key, or which association it is."""
    label = label_of(key)
    return f"the association {label}" if label else key


def ways_of(field: FieldInfo) -> str:
    """Return which way values of a field can go, in words; empty for none."""
    once = "into it when a record is created" if field.creatable else ""
    into = "into it" if field.updatable else once
    out = "out of it" if field.readable else ""
    if (into, out) == ("into it", "out of it"):
        return "both"
    return " and ".join(filter(None, (out, into)))


def capital(text: str) -> str:
    """Return a text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def said(value: object, most: int = _MOST) -> str:
    """Return a value as people read it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return str(TooLong.model_validate(value))
    if isinstance(value, TooLong | Hidden):
        return str(value)
    if isinstance(value, list | tuple):
        return ", ".join(said(one, most) for one in value) or "nothing"
    text = " ".join(str(value).split())
    return f"'{text[:most]}…'" if len(text) > most else f"'{text}'"

"""Forms: fields with label, hint and what is wrong with them, and the box at the top that names all that is wrong."""

from collections.abc import Mapping, Sequence
from typing import Final

import htpy as h
from htpy import Element, Node

from services.console.web.asked import Asked
from services.console.web.parts.pieces import hidden, notice
from services.console.web.parts.words import icon

VERSION: Final = "version"
"""What forms call the version of what they change."""


def form(asked: Asked, action: str, *fields: Node, version: str = "") -> Element:
    """Return a form of whoever is signed in.

    Args:
        asked: What was asked, and by whom.
        action: Where it is sent.
        fields: What is in it.
        version: That of what it changes, as somebody has first seen it: no change of another one since is overwritten.
    """
    return h.form(".form", method="post", action=action)[
        hidden("form_token", asked.form_token()),
        hidden(VERSION, asked.form.get(VERSION, version)) if version else None,
        fields,
    ]


def field(
    label: str,
    name: str,
    *,
    kind: str = "text",
    value: str = "",
    hint: Node = None,
    errors: Mapping[str, str] | None = None,
    focus: bool = False,
    needed: bool = True,
    fills: str = "off",
) -> Element:
    """Return a field to write into.

    Args:
        label: What it is called.
        name: What the form calls it; its id, too.
        kind: Of which type it is.
        value: What stands in it.
        hint: What there is to know.
        errors: What is wrong, by field.
        focus: Whether it has the focus.
        needed: Whether it may not be empty.
        fills: What browsers put into it by themselves.
    """
    error = (errors or {}).get(name, "")
    told = [f"{name}-{part}" for part, text in (("error", error), ("hint", hint)) if text]
    return h.div(".field")[
        h.label(for_=name)[label],
        h.input(
            type=kind,
            name=name,
            id=name,
            value=value or None,
            required=needed,
            autofocus=bool(error) or (focus and not errors),
            autocomplete=fills,
            aria_describedby=" ".join(told) or None,
            aria_invalid="true" if error else None,
        ),
        h.p(".error", id=f"{name}-error")[icon("alert"), error] if error else None,
        h.p(".hint", id=f"{name}-hint")[hint] if hint else None,
    ]


def lines(
    label: str, name: str, *, value: str = "", hint: Node = None, errors: Mapping[str, str] | None = None
) -> Element:
    """Return a field that takes several lines, and may be empty; the arguments are those of `field`."""
    error = (errors or {}).get(name, "")
    told = [f"{name}-{part}" for part, text in (("error", error), ("hint", hint)) if text]
    return h.div(".field")[
        h.label(for_=name)[label],
        h.textarea(
            name=name,
            id=name,
            rows=4,
            spellcheck="false",
            autofocus=bool(error),
            aria_describedby=" ".join(told) or None,
            aria_invalid="true" if error else None,
        )[value],
        h.p(".error", id=f"{name}-error")[icon("alert"), error] if error else None,
        h.p(".hint", id=f"{name}-hint")[hint] if hint else None,
    ]


def choice(
    label: str,
    name: str,
    options: Sequence[tuple[str, str]],
    *,
    value: str = "",
    hint: Node = None,
    errors: Mapping[str, str] | None = None,
) -> Element:
    """Return a field that takes one of several values.

    Args:
        label: What it is called.
        name: What the form calls it; its id, too.
        options: Each value with its text.
        value: The one that is chosen.
        hint: What there is to know.
        errors: What is wrong, by field.
    """
    error = (errors or {}).get(name, "")
    told = [f"{name}-{part}" for part, text in (("error", error), ("hint", hint)) if text]
    return h.div(".field")[
        h.label(for_=name)[label],
        h.select(
            name=name,
            id=name,
            autofocus=bool(error),
            aria_describedby=" ".join(told) or None,
            aria_invalid="true" if error else None,
        )[[h.option(value=given, selected=given == value)[text] for given, text in options]],
        h.p(".error", id=f"{name}-error")[icon("alert"), error] if error else None,
        h.p(".hint", id=f"{name}-hint")[hint] if hint else None,
    ]


def tick(
    label: str, name: str, *, value: str = "", hint: Node = None, errors: Mapping[str, str] | None = None
) -> Element:
    """Return a box to tick, which says `on` where it is; the arguments are those of `field`."""
    error = (errors or {}).get(name, "")
    told = [f"{name}-{part}" for part, text in (("error", error), ("hint", hint)) if text]
    return h.div(".field")[
        h.label(".tick")[
            h.input(
                type="checkbox",
                name=name,
                id=name,
                value="on",
                checked=value == "on",
                autofocus=bool(error),
                aria_describedby=" ".join(told) or None,
                aria_invalid="true" if error else None,
            ),
            label,
        ],
        h.p(".error", id=f"{name}-error")[icon("alert"), error] if error else None,
        h.p(".hint", id=f"{name}-hint")[hint] if hint else None,
    ]


def refusals(errors: Mapping[str, str] | None) -> Element | None:
    """Return a box that names all that is wrong, each as a link to its field."""
    if not errors:
        return None
    return notice("bad", "Not accepted", h.ul[[h.li[h.a(href=f"#{name}")[text]] for name, text in errors.items()]])

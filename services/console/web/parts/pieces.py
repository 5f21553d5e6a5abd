"""Small parts: buttons, notices, cards, empty states, tables."""

from collections.abc import Collection, Sequence

import htpy as h
from htpy import Element, Node, VoidElement

from services.console.web.asked import Asked
from services.console.web.parts.words import Tone, icon

_TONES = {"bad": "alert", "warn": "warn", "info": "info", "ok": "check", "wait": "clock", "off": "minus"}


def button(text: Node, *, kind: str = "plain", mark: str = "", href: str = "", **more: str) -> Element:
    """Return a button, or a link that looks like one."""
    inside = [icon(mark) if mark else None, text]
    if href:
        return h.a(class_=f"button {kind}", href=href, **more)[inside]
    return h.button(class_=f"button {kind}", **more)[inside]


def notice(tone: Tone, title: Node, *body: Node, name: str = "") -> Element:
    """Return a box that says one thing."""
    return h.section(class_=f"notice {tone}", id=name or None)[icon(_TONES[tone]), h.div[h.h2[title], body]]


def card(title: Node, *body: Node, name: str, actions: Node = None) -> Element:
    """Return a card with a heading."""
    return h.section(".card", id=name, aria_labelledby=f"{name}-h")[
        h.header[h.h2(id=f"{name}-h")[title], actions], body
    ]


def empty(title: str, text: Node, *actions: Node, mark: str = "inbox") -> Element:
    """Return what stands where there is nothing: what is missing, why, and what to do."""
    return h.div(".empty")[icon(mark), h.h2[title], h.p[text], h.div(".row")[actions] if actions else None]


def table(
    label: str, heads: Sequence[str], rows: Sequence[Element], *, numbers: Collection[str] = (), name: str = ""
) -> Element:
    """Return a table that turns into cards on a phone; it can be scrolled by keyboard where it is too wide.

    Args:
        label: What it lists.
        heads: Its columns.
        rows: Its rows.
        numbers: Those columns that hold numbers.
        name: Its id.
    """
    return h.div(".scroll", tabindex="0", role="region", aria_label=f"{label}, as a table", id=name or None)[
        h.table(".grid")[
            h.thead[h.tr[[h.th(scope="col", class_="num" if head in numbers else None)[head] for head in heads]]],
            h.tbody[rows],
        ]
    ]


def pick(name: str, label: str, options: Sequence[tuple[str, str]], chosen: str) -> Element:
    """Return a choice of a filter, which begins with all; what is chosen is offered also where it is not known.

    Args:
        name: Its name in the address.
        label: What people call it.
        options: Values and their words.
        chosen: The value that is chosen; empty for all.
    """
    known = [("", "All"), *options]
    if chosen not in dict(known):
        known.append((chosen, chosen))
    return h.label(".pick")[
        h.span(".lab")[label],
        h.select(name=name, id=f"f-{name}")[
            [h.option(value=value, selected=value == chosen)[text] for value, text in known]
        ],
    ]


def send(
    asked: Asked, action: str, text: Node, *, mark: str = "", kind: str = "plain", **fields: str
) -> Element | None:
    """Return a button that does something, as a form of its own; None for those who may not do it.

    Args:
        asked: What was asked, and by whom.
        action: Where it is sent.
        text: What the button says.
        mark: Its icon.
        kind: How it looks.
        fields: What the form says.
    """
    if not asked.may("POST", action):
        return None
    return h.form(method="post", action=action)[
        hidden("form_token", asked.form_token()),
        [hidden(name, value) for name, value in fields.items()],
        button(text, mark=mark, kind=kind, type="submit"),
    ]


def hidden(name: str, value: str) -> VoidElement:
    """Return a field that nobody sees."""
    return h.input(type="hidden", name=name, value=value)

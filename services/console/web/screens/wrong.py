"""What a browser is shown when something cannot be done."""

import htpy as h
from htpy import Element

from services.console.web.asked import Look
from services.console.web.parts.page import bare
from services.console.web.parts.pieces import button


def page(look: Look, title: str, sentence: str) -> Element:
    """Return a page that says what is wrong, and leads on."""
    return bare(look, title, h.div(".card")[h.h1[title], h.p[sentence], h.p[button("Go to the first page", href="/")]])

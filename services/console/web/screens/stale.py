"""What somebody is shown who changes what another one has changed meanwhile: both, to decide which is to stand."""

import re
from typing import Final

import htpy as h
from htpy import Element

from services.console.access.roles import needed_at
from services.console.use.activity import DEEDS
from services.console.use.administration.retention import TITLES
from services.console.use.versions import Stale
from services.console.views.activities import ActivityFilter
from services.console.web.asked import Asked
from services.console.web.parts.forms import VERSION, field
from services.console.web.parts.page import PLACES
from services.console.web.parts.page import page as whole
from services.console.web.parts.pieces import button, card, hidden, notice, table
from services.console.web.parts.words import ago

_SECRET: Final = re.compile("password|secret|token")
_OURS: Final = ("form_token", VERSION)
_TOLD: Final = 3
"""How many of the last changes are told."""
_TITLES: Final = {
    "about": "Where", "over": "More than", "minutes": "For how many minutes", "pause": "Switch the sync off",
    "mail": "Tell by mail", "host": "Server", "security": "TLS", "console_url": "Address of this console",
    "issuer": "Address of the provider", "title": "What people call it", "domains": "Domains that may sign in",
    "claim": "Claim that decides the role", "roles": "Its values, and the role that each gives",
    "default_role": "All others", "label": "What people call it", "push": "How changes are learned",
    "interval": "Asked every (seconds)", **TITLES,
}  # fmt: skip
"""How forms call their fields, where that is not plain from the name."""


def page(asked: Asked, stale: Stale) -> Element:
    """Return what stands now beside what was written; nothing was changed."""
    back = _back(asked.path)
    return whole(
        asked,
        "Changed meanwhile",
        h.div(".stack")[
            notice(
                "warn",
                "Somebody else was faster",
                h.p["Nothing of yours is changed yet: choose which values to keep."],
                _who(asked, stale),
            ),
            _both(asked, stale),
            h.div(".row")[button("Keep what stands now", href=back, id="keep"), _again(asked, stale)],
        ],
        here=_entry(back),
    )


def _back(path: str) -> str:
    """Return the page that a form belongs to: the nearest address above it that can be opened."""
    while path:
        try:
            needed_at("GET", path)
        except KeyError:
            path = path.rpartition("/")[0]
        else:
            return path
    return "/"


def _entry(path: str) -> str:
    """Return the entry of the navigation that a page belongs to, if its address tells."""
    entries = (one.path for _, places in PLACES for one in places if one.path != "/")
    return next((one for one in entries if path.startswith(one)), path)


def _who(asked: Asked, stale: Stale) -> Element | None:
    """Return who changed it last, as far as the activity log tells already."""
    about = stale.now.about
    found = asked.console.views.activity(0, 50, ActivityFilter(q=about)) if about else []
    rows = [row for row in found if row["about"] == about][:_TOLD]
    told = [[f"{row['who']} {DEEDS.get(row['what'], row['what'])} ", ago(row["at_ms"], asked.now_ms)] for row in rows]
    return h.ul[[h.li[line] for line in told]] if told else None


def _both(asked: Asked, stale: Stale) -> Element | None:
    """Return what was written beside what stands, without secrets."""
    rows = [
        h.tr[
            h.th(".name", scope="row")[title_of(name)],
            h.td(".wrap", data_label="Your form")[asked.form.get(name) or h.span(".none")["nothing"]],
            h.td(".wrap", data_label="Stands now")[text or h.span(".none")["nothing"]],
        ]
        for name, text in stale.now.shown.items()
        if asked.form.get(name, "") != text
    ]
    heads = ("Field", "Your form", "Stands now")
    return card("What differs", table("What differs", heads, rows), name="differs") if rows else None


def _again(asked: Asked, stale: Stale) -> Element:
    """Return what was sent, as somebody sends it who has seen what stands; secrets are asked for again."""
    given = {name: text for name, text in asked.form.items() if name not in _OURS}
    secrets = [name for name, text in given.items() if text and _SECRET.search(name)]
    return h.form(method="post", action=asked.path)[
        hidden("form_token", asked.form_token()),
        hidden(VERSION, stale.now.version),
        [hidden(name, text) for name, text in given.items() if not _SECRET.search(name)],
        [field(f"{title_of(name)}, once more", name, kind="password", fills="new-password") for name in secrets],
        button("Change it all the same", kind="danger", type="submit", id="again"),
    ]


def title_of(name: str) -> str:
    """Return how forms call one of their fields."""
    return _TITLES.get(name) or name.replace("_", " ").capitalize()

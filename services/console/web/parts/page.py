"""The frame of every page: head, top bar, navigation, and where script puts what it has to say."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import htpy as h
from htpy import Element, Node

from services.console.views.lists import Listing, matching
from services.console.web.asked import Asked, Look
from services.console.web.assets import ASSETS
from services.console.web.parts.pieces import button, hidden, notice, send
from services.console.web.parts.words import count, icon


class Place(NamedTuple):
    """One entry of the navigation."""

    title: str
    icon: str
    path: str


PROBLEMS: Final = "/records?status=failing"
PLACES: Final[tuple[tuple[str, tuple[Place, ...]], ...]] = (
    ("Overview", (Place("Home", "home", "/"), Place("Problems", "alert", PROBLEMS))),
    (
        "Sync",
        (
            Place("Apps", "plug", "/apps"),
            Place("Objects", "objects", "/objects"),
            Place("Records", "records", "/records"),
            Place("Parked", "inbox", "/parked"),
            Place("Jobs", "refresh", "/jobs"),
            Place("Exports", "download", "/exports"),
        ),
    ),
    ("Operate", (Place("Health", "chart", "/health"), Place("Activity", "log", "/activity"))),
    (
        "Settings",
        (
            Place("Users", "people", "/settings/users"),
            Place("Sign-in", "person", "/settings/sign-in"),
            Place("Mail", "mail", "/settings/mail"),
            Place("Alerts", "warn", "/settings/alerts"),
            Place("Retention", "clock", "/settings/retention"),
            Place("API tokens", "key", "/settings/tokens"),
        ),
    ),
)
"""Where one can go, in groups; only what works stands here."""
_KEYS: Final = (
    ("/", "search"),
    ("j  k", "next and previous row"),
    ("g h", "go home"),
    ("g a", "go to the apps"),
    ("g r", "go to the records"),
    ("g p", "go to the problems"),
    ("?", "show these keys"),
    ("Esc", "close"),
)
_LATE: Final = "Your change is kept, and this page is from before it: load it again."
_THEMES: Final = (("", "As the system has it"), ("light", "Light"), ("dark", "Dark"))


def page(  # one frame, whose parts are named
    asked: Asked,
    title: str,
    *body: Node,
    crumbs: Sequence[tuple[str, str]] = (),
    actions: Node = None,
    here: str = "",
    every: int = 0,
) -> Element:
    """Return a whole page.

    Args:
        asked: What was asked.
        title: The page's one heading.
        body: What stands below it.
        crumbs: Where it belongs: text and address, from the outside in.
        actions: Buttons beside the heading.
        here: Path of the entry of the navigation that it belongs to.
        every: After how many seconds it is looked at again by script; 0 for never.
    """
    numbers = _numbers(asked)
    return _document(
        asked.look,
        title,
        h.body[
            h.a(".skip", href="#main")["Skip to content"],
            h.header(".top")[
                button("", kind="ghost only", mark="menu", type="button", popovertarget="menu", aria_label="Menu"),
                h.a(".brand", href="/")[h.img(src=ASSETS["logo.svg"].url, alt="", width=20, height=20), "Syncline"],
                _ask(asked),
                _account(asked),
            ],
            h.div(".side", id="menu", popover=True)[_nav(asked, "side", here, numbers)],
            h.div(".rail")[_nav(asked, "rail", here, numbers)],
            h.main(id="main", tabindex="-1", data_every=str(every) if every else None)[
                h.header(".head", id="head")[
                    h.div[
                        h.nav(".crumbs", aria_label="Breadcrumb")[
                            h.ol[[h.li[h.a(href=to)[text]] for text, to in crumbs]]
                        ]
                        if crumbs
                        else None,
                        h.h1[title],
                    ],
                    h.div(".row")[actions] if actions else None,
                ],
                notice("warn", "Not shown here yet", h.p[_LATE], name="late") if asked.is_late else None,
                body,
                h.p(".foot")[
                    h.button(".button.ghost", type="button", id="stop", hidden=True, aria_pressed="false")[
                        icon("pause"), "Stop updating this page"
                    ]
                ]
                if every
                else None,
            ],
            _keys(),
            h.div(".sr", id="told", role="status", aria_live="polite"),
        ],
    )


def bare(look: Look, title: str, *body: Node) -> Element:
    """Return a page for those who are not signed in."""
    return _document(
        look,
        title,
        h.body(".sign")[
            h.main(id="main", tabindex="-1")[
                h.p(".brand")[h.img(src=ASSETS["logo.svg"].url, alt="", width=20, height=20), "Syncline"], body
            ],
            h.div(".sr", id="told", role="status", aria_live="polite"),
        ],
    )


def _document(look: Look, title: str, body: Element) -> Element:
    return h.html(lang="en", data_theme=look.theme or None, data_keys=None if look.keys else "off")[
        h.head[
            h.meta(charset="utf-8"),
            h.meta(name="viewport", content="width=device-width, initial-scale=1"),
            h.title[f"{title} · Syncline"],
            h.meta(name="color-scheme", content=look.theme or "light dark"),
            h.link(rel="stylesheet", href=ASSETS["console.css"].url),
            h.link(rel="icon", href=ASSETS["logo.svg"].url),
            h.script(type="module", src=ASSETS["console.js"].url),
        ],
        body,
    ]


def _numbers(asked: Asked) -> dict[str, int]:
    """Return what the entries of the navigation count, by path."""
    failing = matching(Listing(status="failing"), asked.console.views.counts())
    unconfirmed = sum(row.state == "unconfirmed" for row in asked.console.jobs.rows())
    return {PROBLEMS: failing, "/parked": sum(asked.console.views.parked().values()), "/jobs": unconfirmed}


def _nav(asked: Asked, where: str, here: str, numbers: dict[str, int]) -> Element:
    def entry(place: Place) -> Element:
        number = numbers.get(place.path, 0)
        return h.li[
            h.a(href=place.path, aria_current="page" if place.path == here else None)[
                icon(place.icon),
                h.span[place.title],
                h.b(".n", id=f"{where}-{place.title.lower().replace(' ', '-')}")[count(number) if number else ""],
            ]
        ]

    groups = [(group, [place for place in places if asked.may("GET", place.path)]) for group, places in PLACES]
    return h.nav(".nav", aria_label="Main" if where == "rail" else "Main, as a menu")[
        [h.section[h.h2[group], h.ul[[entry(place) for place in places]]] for group, places in groups if places]
    ]


def _ask(asked: Asked) -> Element:
    return h.form(".ask", action="/why", role="search", aria_label="Why?")[
        icon("search"),
        h.input(
            type="search",
            name="q",
            id="ask",
            value=asked.query.get("q", "") if asked.path == "/why" else "",
            placeholder="Why? Name, address, id or link",
            aria_label="Find a record, and why it is as it is",
            autocomplete="off",
        ),
        h.kbd["/"],
    ]


def _account(asked: Asked) -> Element:
    return h.details(".pop")[
        h.summary(".button.ghost.only", aria_label="Account and appearance")[icon("person")],
        h.div(".panel")[
            h.p(".hint")[f"Signed in as {asked.session.who if asked.session else 'nobody'}"],
            h.p[h.a(href="/account")["Your account"]],
            h.form(method="post", action="/look")[
                hidden("form_token", asked.form_token()),
                hidden("next", asked.path),
                h.fieldset[
                    h.legend["Appearance"],
                    [
                        h.label[
                            h.input(type="radio", name="theme", value=value, checked=asked.look.theme == value), text
                        ]
                        for value, text in _THEMES
                    ],
                ],
                h.fieldset[
                    h.legend["Keyboard"],
                    h.label[h.input(type="checkbox", name="keys", value="on", checked=asked.look.keys), "Single keys"],
                ],
                h.p(".row")[button("Keep", type="submit")],
            ],
            send(asked, "/sign-out", "Sign out"),
        ],
    ]


def _keys() -> Element:
    return h.dialog(".keys", id="keys", aria_labelledby="keys-h")[
        h.h2(id="keys-h")["Keys"],
        h.dl[[[h.dt[h.kbd[key]], h.dd[what]] for key, what in _KEYS]],
        h.form(method="dialog")[button("Close", type="submit")],
    ]

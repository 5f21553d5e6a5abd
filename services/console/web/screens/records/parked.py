"""Messages that nobody could handle, the newest first: to be handled once more, or dropped."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.use.problems import Problem
from services.console.use.reasons import reason_of
from services.console.use.records.parked import LONGEST, Decided, chosen, drop, replay
from services.console.views.parking import ParkedFilter
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, empty, hidden, notice, pick, table
from services.console.web.parts.words import ago, count, icon, many, url

PATH: Final = "/parked"
_PAGE: Final = 50
_BOX: Final = "at-"
"""What the name of a message's box begins with."""
_ONE: Final = "one-"
"""What the order for a single message begins with."""
_STATES: Final = (("", "Waiting"), ("decided", "Replayed or dropped"))


def show(asked: Asked) -> Response:
    """Return one page of the list."""
    said, before = _said(asked.query), _number(asked.query.get("before", ""))
    is_decided = asked.query.get("state") == "decided"
    body = _decided(asked, before) if is_decided else _waiting(asked, said, before)
    tabs = h.nav(".tabs", id="tabs", aria_label="State")[
        h.ul[
            [
                h.li[h.a(href=url(PATH, state=state), aria_current="true" if is_decided == bool(state) else None)[text]]
                for state, text in _STATES
            ]
        ]
    ]
    return html(page(asked, "Parked messages", _done(asked), tabs, body, here=PATH))


def decide(asked: Asked) -> Response:
    """Replay or drop messages."""
    said, what = _said(asked.form), asked.form.get("what", "")
    who, wanted = asked.caller.who, ParkedFilter(**said)
    ats, left = _boxes(asked.form), 0
    if what.startswith(_ONE):
        ats = [_number(what.removeprefix(_ONE))]
    if what in ("replay-all", "drop-all"):
        ats, left = chosen(asked.console, wanted)
    if not ats:
        raise Problem(422, "Nothing is chosen", "Nothing was changed: go back, and choose the messages that you mean.")
    if what.startswith("drop"):
        told = drop(asked.console, ats, asked.form.get("why", ""), who)
    elif what.startswith(("replay", _ONE)):
        told = replay(asked.console, ats, who)
    else:
        raise Problem(422, "Not understood", "Choose whether the messages are replayed or dropped.")
    return see_other(url(PATH, said, told=_told(told, left)))


def _said(given: Mapping[str, str]) -> dict[str, str]:
    return {name: given[name][:200] for name in ("reason", "topic", "q") if given.get(name)}


def _boxes(form: Mapping[str, str]) -> list[int]:
    return [_number(name.removeprefix(_BOX)) for name in form if name.startswith(_BOX)]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _told(told: Decided, left: int) -> str:
    return f"{told.what}.{told.done}.{told.gone}.{left}"


def _done(asked: Asked) -> Element | None:
    """Return what came of an order, as the address tells it."""
    what, *numbers = asked.query.get("told", "").split(".")
    if what not in ("replayed", "dropped") or len(numbers) != 3:
        return None
    done, gone, left = map(_number, numbers)
    on = "A message that still cannot be handled comes back to this list." if what == "replayed" else None
    return notice(
        "info" if done else "warn",
        f"{many(done, 'message')} {what}",
        h.p[on] if on and done else None,
        h.p[f"{many(gone, 'message')} could not be read: Kafka does not keep them any longer."] if gone else None,
        h.p[f"{count(left)} more are chosen by these filters: do it again for the next."] if left else None,
        name="done",
    )


def _waiting(asked: Asked, said: Mapping[str, str], before: int) -> Element:
    wanted = ParkedFilter(**said)
    rows = asked.console.views.parked_rows(before, _PAGE + 1, wanted)
    number = asked.console.views.parked_number(wanted)
    shown = rows[:_PAGE]
    return h.div[
        _filters(asked, said),
        h.div(id="list")[
            h.form(method="post", action=PATH, aria_label="Parked messages")[
                hidden("form_token", asked.form_token()),
                [hidden(name, value) for name, value in said.items()],
                _actions(number, shown),
                _list(asked, shown),
            ]
            if shown and asked.may("POST", PATH)
            else (_list(asked, shown) if shown else _nothing(said)),
            _pager({**said}, rows, before, number),
        ],
    ]


def _filters(asked: Asked, said: Mapping[str, str]) -> Element:
    reasons = sorted((code, reason_of("failing", code).title) for code in asked.console.views.parked())
    names = [(name, name) for name in asked.console.views.parked_topics()]
    return h.form(".bar", id="filters", action=PATH, data_live="", role="search", aria_label="Filter messages")[
        h.label(".find")[
            icon("search"),
            h.span(".sr")["About"],
            h.input(
                type="search", name="q", value=said.get("q", ""), placeholder="Part of the key", autocomplete="off"
            ),
        ],
        pick("reason", "Reason", reasons, said.get("reason", "")),
        pick("topic", "Topic", names, said.get("topic", "")),
        h.noscript[button("Apply", type="submit")],
    ]


def _actions(number: int, rows: Sequence[Mapping[str, Any]]) -> Element:
    """Return what can be done; Enter in the box drops what is chosen, for that button is the first."""
    every = number > len(rows)
    return h.div(".bar")[
        h.label(".pick")[
            h.span(".lab")["Why they are not needed"],
            h.input(name="why", maxlength=str(LONGEST), autocomplete="off"),
        ],
        button("Drop chosen", mark="minus", type="submit", name="what", value="drop"),
        button(f"Drop all {count(number)}", type="submit", name="what", value="drop-all") if every else None,
        h.span(".grow"),
        button("Replay chosen", mark="refresh", type="submit", name="what", value="replay"),
        button(f"Replay all {count(number)}", type="submit", name="what", value="replay-all"),
    ]


def _nothing(said: Mapping[str, str]) -> Element:
    if said:
        return empty("No message matches", "Take a filter away.", button("Clear filters", href=PATH))
    return empty("Nothing is parked", "Every message so far could be handled.", mark="check")


def _list(asked: Asked, rows: Sequence[Mapping[str, Any]]) -> Element:
    can = asked.may("POST", PATH)
    body = [
        h.tr[
            h.td(".box")[
                h.input(type="checkbox", name=f"{_BOX}{row['at']}", value="on", aria_label=f"Choose {row['key']}")
            ]
            if can
            else None,
            _about(row),
            h.td(data_label="Topic")[row["topic"]],
            h.td(".wrap", data_label="Reason")[
                reason_of("failing", row["reason"]).title,
                h.div(".sub")[f"Parked again after {many(row['replays'], 'replay')}"] if row["replays"] else None,
            ],
            h.td(".wrap", data_label="Details")[row["detail"] or h.span(".none")["none"]],
            h.td(data_label="When")[ago(row["at_ms"], asked.now_ms)],
            h.td[_replay_one(row)] if can else None,
        ]
        for row in rows
    ]  # fmt: skip
    heads = ("About", "Topic", "Reason", "Details", "When")
    return table("Parked messages", ("Choose", *heads, "Actions") if can else heads, body)


def _replay_one(row: Mapping[str, Any]) -> Element:
    label = f"Replay {row['key']}"
    return button("Replay", type="submit", name="what", value=f"{_ONE}{row['at']}", aria_label=label)


def _about(row: Mapping[str, Any]) -> Element:
    return h.th(".name", scope="row")[
        h.a(href=url("/why", q=row["key"].split("/", 2)[-1]), id=f"p-{row['at']}")[row["key"]]
    ]


def _decided(asked: Asked, before: int) -> Element:
    rows = asked.console.views.parked_decided(before, _PAGE + 1)
    body = [
        h.tr[
            _about(row),
            h.td(data_label="Topic")[row["topic"]],
            h.td(".wrap", data_label="Reason")[reason_of("failing", row["reason"]).title],
            h.td(".wrap", data_label="Decided")[row["what"], [": ", row["why"]] if row["why"] else None],
            h.td(data_label="By")[row["who"] or h.span(".none")["not known"]],
            h.td(data_label="When")[ago(row["decided_ms"], asked.now_ms)],
        ]
        for row in rows[:_PAGE]
    ]
    heads = ("About", "Topic", "Reason", "Decided", "By", "When")
    return h.div(id="list")[
        table("Messages that were replayed or dropped", heads, body)
        if rows
        else empty("Nothing was decided yet", "Messages that somebody replays or drops are listed here for 90 days."),
        _pager({"state": "decided"}, rows, before, None),
    ]


def _pager(said: Mapping[str, str], rows: Sequence[Mapping[str, Any]], before: int, number: int | None) -> Node:
    if not rows and not before:
        return None
    return h.footer(".pager")[
        h.p(data_told="")[many(number, "message") if number is not None else None],
        h.div(".row")[
            button("First page", href=url(PATH, said), id="first", data_live="") if before else None,
            button(
                ["Next page", icon("right")], href=url(PATH, said, before=str(rows[_PAGE - 1]["at"])), id="next",
                data_live="",
            )
            if len(rows) > _PAGE
            else None,
        ],
    ]  # fmt: skip

"""Why a record is as it is: one sentence, both records side by side, what waits, and what was decided before."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.explain import NEVER, names_of
from services.console.use.reasons import reason_of
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.page import page
from services.console.web.parts.pieces import card, notice, table
from services.console.web.parts.words import OTHER_STATUS, STATUS, Mark, Tone, badge, icon, many, moment, prose, url
from services.console.web.screens.standing.standing import path_of, resync_button
from shared.model.pairs import Pair
from shared.model.records import SIDES, Side
from shared.model.sides import BySide

_EVERY_S: Final = 3
_PROBLEMS: Final = 3
"""Words of the apps that stand at the top; all of them stand at their fields."""
_HAPPENS: Final[Mapping[str, Mark]] = {
    "agree": Mark("Agree", "check", "ok"),
    "written": Mark("Being written", "clock", "wait"),
    "refused": Mark("Not written", "alert", "bad"),
    "differs": Mark("Differs", "info", "warn"),
    "off": Mark("Off", "minus", "off"),
    "alone": Mark("One side", "minus", "off"),
    "unknown": Mark("Not known", "minus", "off"),
}
_LIVES: Final = {
    "alive": "there", "deleted": "deleted", "archived": "archived", "merged": "merged into another record",
}  # fmt: skip


def address(pair: str) -> str:
    """Return where a record is shown."""
    return f"/records/{quote(pair, safe='')}"


def show(asked: Asked) -> Response:
    """Return the page of one record; one that gave its record away is shown as the one that holds it."""
    pair = asked.console.find(asked.params["name"])
    told = asked.console.explain(pair, asked.session.role if asked.session is not None else "viewer")
    if told["id"] != pair.pair:
        return see_other(address(told["id"]))
    names = names_of(asked.console.setups, told["sync"])
    return html(
        page(
            asked,
            told["label"] or "A record without a name",
            h.div(".stack")[
                notice("info", "Asked for", h.p["Both records are read again; what changes shows here by itself."])
                if "asked" in asked.query
                else None,
                sentence(told, _mark(told["status"]).tone, _said(pair)[:_PROBLEMS], name="sentence"),
                _sides(told, names),
                _list("How it came to this", "came", told["why"]),
                _list("On its way", "waits", [row["sentence"] for row in told["pending"]]),
                _associations(told, names),
                _history(told["history"]),
                _calls(told, names),
            ],
            crumbs=(("Records", "/records"), (told["sync"], path_of(told["sync"]))),
            actions=[
                badge(_mark(told["status"])),
                resync_button(asked, told["sync"], f"{address(told['id'])}/resync", "Resync this record"),
            ],
            every=_EVERY_S,
        )
    )  # fmt: skip


def resync(asked: Asked) -> Response:
    """Ask for both records to be read again."""
    pair = asked.console.resync(asked.params["name"])
    return see_other(url(address(pair.pair), asked="resync"))


def _mark(status: str) -> Mark:
    return STATUS.get(status) or OTHER_STATUS[status]


def _said(pair: Pair) -> list[str]:
    """List what the apps said of what they refused."""
    named = (reason_of("failing", problem.code).title for problem in pair.problems.values())
    found = zip(named, pair.problems.values(), strict=True)
    return [f"{title}: {problem.message}" for title, problem in found if problem.message]


def sentence(told: Mapping[str, Any], tone: Tone, said: Sequence[Node], *, name: str = "") -> Element:
    """Return why a record is as it is: one sentence, what was said of it besides, what to do, and who acts."""
    return notice(
        tone,
        told["summary"],
        [h.p[one] for one in said],
        h.p[prose(told["hint"])] if told["hint"] else None,
        h.p[f"Acts: {told['who']}." if told["who"] else "Nobody needs to act."],
        name=name,
    )


def _sides(told: Mapping[str, Any], names: BySide[str]) -> Element:
    heads = ("Field", *names, "What happens")
    rows: dict[str, list[Element]] = {"other": [], "agree": [], "blank": []}
    for row in told["fields"]:
        rows["blank" if _is_blank(row) else "agree" if row["happens"] == "agree" else "other"].append(
            _field(row, names)
        )
    other, agree, blank = rows.values()
    return card(
        "Both records",
        h.dl(".facts")[[_end(told, names, side) for side in SIDES]],
        table("Fields", heads, other) if other else None,
        _folded("agree", agree, ("agrees", "agree"), heads, is_open=not other),
        _folded("blank", blank, ("is blank", "are blank"), heads, is_open=not other and not agree),
        name="fields",
    )


def _is_blank(row: Mapping[str, Any]) -> bool:
    """Check whether neither record holds anything in a field, and nothing happens to it."""
    cells = (row["left"], row["right"])
    return row["happens"] in ("agree", "alone") and not any(cell["value"] or cell["agreed"] for cell in cells)


def _folded(
    name: str, rows: Sequence[Element], verb: tuple[str, str], heads: Sequence[str], *, is_open: bool
) -> Element | None:
    if not rows:
        return None
    return h.details(".more", id=name, open=is_open)[
        h.summary[f"{many(len(rows), 'field')} {verb[len(rows) > 1]}"],
        table(f"Fields that {verb[1]}", heads, rows),
    ]


def _field(row: Mapping[str, Any], names: BySide[str]) -> Element:
    return h.tr(class_=row["happens"])[
        h.th(".name.wrap", scope="row")[
            row["left"]["name"],
            h.div(".sub")[row["right"]["name"]] if row["right"]["name"] != row["left"]["name"] else None,
        ],
        h.td(".wrap.value", data_label=names.left)[_value(row["left"])],
        h.td(".wrap.value", data_label=names.right)[_value(row["right"])],
        h.td(".wrap.happens")[
            badge(_HAPPENS[row["happens"]]),
            h.div(".sub")[" · ".join(filter(None, (row["sentence"], f"goes {row['way']}")))],
        ],
    ]


def _end(told: Mapping[str, Any], names: BySide[str], side: Side) -> Element:
    end = told["sides"][side]
    if end is None:
        return h.div[h.dt[names[side]], h.dd(".none")["No record"]]
    life = str(end["life"])
    return h.div[
        h.dt[names[side]],
        h.dd[
            h.span(".mono")[end["record"]],
            f" · {_LIVES.get(life, life)}" if life != "alive" else None,
            [" ", h.a(href=end["url"], rel="noreferrer")["Open in ", names[side], " ", icon("out")]]
            if end["url"].startswith("https://")
            else None,
        ],
    ]


def _value(cell: Mapping[str, Any]) -> Node:
    if not cell["known"]:
        return h.span(".none")["not known"]
    return [
        cell["value"] or h.span(".none")["blank"],
        h.div(".sub")["last agreed: ", cell["agreed"] or "blank"] if cell["agreed"] is not None else None,
    ]


def _list(title: str, name: str, sentences: Sequence[str]) -> Element | None:
    if not sentences:
        return None
    return card(title, h.ul(".pad.lines")[[h.li[prose(one)] for one in sentences]], name=name)


def _associations(told: Mapping[str, Any], names: BySide[str]) -> Element | None:
    links: BySide[Mapping[str, str | None]]
    links = BySide.of(lambda side: told["sides"][side]["links"] if told["sides"][side] else {})
    labels = sorted({*links.left, *links.right})
    if not labels:
        return None
    rows = [
        h.tr[
            h.th(".name", scope="row")[label],
            [
                h.td(".id", data_label=names[side])[links[side].get(label) or h.span(".none")["none"]]
                for side in SIDES
            ],
        ]
        for label in labels
    ]  # fmt: skip
    return card("Associations", table("Associations", ("Association", *names), rows), name="links")


def _calls(told: Mapping[str, Any], names: BySide[str]) -> Element | None:
    """Return the last calls about both records; nothing where none is known."""
    if not told["calls_known"]:
        return card("Last calls", h.p(".pad")["They cannot be read now: Redis does not answer."], name="calls")
    if not told["calls"]:
        return None
    heads = ("When", "App", "Call", "Answer")
    return card("Last calls", table("Last calls", heads, [_call(row, names) for row in told["calls"]]), name="calls")


def _call(row: Mapping[str, Any], names: BySide[str]) -> Element:
    return h.tr[
        h.th(".name", scope="row")[_time(row["at"])],
        h.td(data_label="App")[names[row["side"]]],
        h.td(".wrap.mono", data_label="Call")[f"{row['method']} {row['path']}"],
        h.td(".wrap.value", data_label="Answer")[
            f"{row['status'] or 'No answer'} after {row['took_ms']} ms",
            h.div(".sub")[row["said"]] if row["said"] else None,
        ],
    ]


def _time(at: str) -> Element:
    if at == NEVER:
        return h.span(".none")["at an unknown time"]
    return h.time(".muted", datetime=at)[moment(datetime.fromisoformat(at))]


def _history(history: Sequence[Mapping[str, Any]]) -> Element | None:
    steps = [step for step in history if step["decisions"]]
    if not steps:
        return None
    return card(
        "What happened",
        h.ol(".pad.lines")[
            [
                h.li[
                    _time(step["at"]),
                    h.ul[[h.li[one] for one in step["decisions"]]],
                ]
                for step in steps
            ]
        ],
        name="history",
    )

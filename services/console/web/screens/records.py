"""The list of records: any filter and page of it is an address."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import htpy as h
from htpy import Element, Node
from pydantic import Field, TypeAdapter
from starlette.responses import Response, StreamingResponse

from services.console.explain import names_of
from services.console.lists import Found, Listing, PairRow, Total, matching
from services.console.use.exporting import as_csv
from services.console.use.installation import Installation
from services.console.use.problems import Problem
from services.console.use.reasons import reason_of
from services.console.web.asked import Asked, html
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, empty, hidden, notice
from services.console.web.parts.words import STATUS, ago, count, icon, status_badge, url
from services.console.web.screens.record import address
from shared.core.records import Side

PATH: Final = "/records"
FILTERS: Final = ("sync", "status", "reason", "period", "q")
PERIODS: Final = {"1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days"}
_MS: Final = {"1h": 3_600_000, "24h": 86_400_000, "7d": 7 * 86_400_000, "30d": 30 * 86_400_000}
_PAGE: Final = 50
_NEXT: Final = {True: "Next page", False: "Search on"}
"""What leads on, from a page that was filled and from one that was not."""
_LONGEST: Final = 200
"""Characters of a text that is searched for."""
_Place: Final = TypeAdapter(tuple[Annotated[int, Field(ge=0, le=2**53)], str])


def filters(query: Mapping[str, str]) -> dict[str, str]:
    """Return the filters that an address names, without what nobody can choose."""
    found = {name: query[name].strip()[:_LONGEST] for name in FILTERS if query.get(name, "").strip()}
    if found.get("status") not in STATUS:
        found.pop("status", None)
    if found.get("period") not in PERIODS:
        found.pop("period", None)
    return found


def listing(found: Mapping[str, str], after: str, now_ms: int, limit: int = _PAGE) -> Listing:
    """Return which pairs filters choose, after a place in their list."""
    period = found.get("period", "")
    return Listing(
        sync=found.get("sync", ""),
        status=found.get("status", ""),
        reason=found.get("reason", ""),
        text=found.get("q", ""),
        since_ms=now_ms - _MS[period] if period else 0,
        after=_place(after),
        limit=limit,
    )


def show(asked: Asked) -> Response:
    """Return one page of the list."""
    found, after = filters(asked.query), asked.query.get("after", "")
    wanted = listing(found, after, asked.now_ms, _PAGE + 1)
    page_ = asked.console.views.newest(wanted)
    rows, more = page_.rows, len(page_.rows) > _PAGE
    following = _cursor((rows[_PAGE - 1].changed_ms, rows[_PAGE - 1].pair)) if more else ""
    if page_.further and not more:
        following = _cursor(page_.further)
    return html(
        page(
            asked,
            "Records",
            _tabs(asked, found),
            _filters(asked, found),
            h.div(id="list")[
                _searched(asked, page_, rows) if page_.further and not more else None,
                _table(asked, rows[:_PAGE]) if rows else (None if following else _empty(found)),
                _pager(found, page_.total, len(rows[:_PAGE]), following, is_first=not after, fills=more)
                if rows or following or after
                else None,
            ],
            here=url(PATH, status="failing") if found == {"status": "failing"} else PATH,
        )
    )


def export(asked: Asked) -> Response:
    """Return the whole list that the filters choose, as a file."""
    wanted = listing(filters(asked.query), "", asked.now_ms)
    return StreamingResponse(
        as_csv(asked.console, wanted),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="records.csv"'},
    )


def _place(after: str) -> tuple[int, str] | None:
    if not after:
        return None
    try:
        return _Place.validate_json(base64.urlsafe_b64decode(after))
    except ValueError as error:
        raise Problem(400, "Not a page of this list", "The address is not whole: begin at the first page.") from error


def _cursor(place: tuple[int, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _searched(asked: Asked, page_: Found, rows: Sequence[PairRow]) -> Element:
    """Return what was looked at: so many records have changed since that one page cannot look at all."""
    at_ms = page_.further[0] if page_.further else 0
    what = "These are the matches" if rows else "There is no match"
    return notice("info", "Searched in part", h.p[what, " among what changed since ", ago(at_ms, asked.now_ms), "."])


def _tabs(asked: Asked, found: Mapping[str, str]) -> Element:
    counts, sync, now = asked.console.views.counts(), found.get("sync", ""), found.get("status", "")

    def tab(status: str) -> Element:
        mark, number = STATUS.get(status), matching(Listing(sync=sync, status=status), counts)
        return h.li[
            h.a(
                class_=mark.tone if mark else None,
                id=f"tab-{status or 'all'}",
                href=url(PATH, found, status=status, reason=""),
                data_live="",
                aria_current="true" if status == now else None,
            )[icon(mark.icon) if mark else None, h.span[mark.text if mark else "All"], h.b[count(number)]]
        ]

    return h.nav(".tabs", id="tabs", aria_label="Status")[h.ul[[tab(status) for status in ("", *STATUS)]]]


def _filters(asked: Asked, found: Mapping[str, str]) -> Element:
    syncs = [(sync.id, sync.id) for sync in asked.console.setups.syncs()]
    return h.form(".bar", id="filters", action=PATH, data_live="", role="search", aria_label="Filter records")[
        h.label(".find")[
            icon("search"),
            h.span(".sr")["Name, address or id"],
            h.input(
                type="search", name="q", value=found.get("q", ""), placeholder="Name, address or id", autocomplete="off"
            ),
        ],
        _select("sync", "Sync", syncs, found),
        _select("reason", "Reason", _reasons(asked.console, found), found),
        _select("period", "Changed", list(PERIODS.items()), found),
        hidden("status", found.get("status", "")),
        h.noscript[button("Apply", type="submit")],
        h.span(".grow"),
        button("Export", mark="download", href=url(f"{PATH}.csv", found), id="export"),
    ]  # fmt: skip


def _reasons(console: Installation, found: Mapping[str, str]) -> list[tuple[str, str]]:
    """List the reasons that records have at this moment, and the one that is chosen."""
    wanted = Listing(sync=found.get("sync", ""), status=found.get("status", ""))
    known = {
        (status, reason)
        for sync, statuses in console.views.counts().items()
        if wanted.sync in ("", sync)
        for status, reasons in statuses.items()
        if wanted.status in ("", status)
        for reason in reasons
        if reason
    }
    chosen = found.get("reason", "")
    if chosen and chosen not in {reason for _, reason in known}:
        known.add((wanted.status or "failing", chosen))
    return sorted(((reason, reason_of(status, reason).title) for status, reason in known), key=lambda row: row[1])


def _select(name: str, label: str, options: Sequence[tuple[str, str]], found: Mapping[str, str]) -> Element:
    chosen = found.get(name, "")
    known = [("", "All"), *options]
    if chosen not in dict(known):
        known.append((chosen, chosen))
    return h.label(".pick")[
        h.span(".lab")[label],
        h.select(name=name, id=f"f-{name}")[
            [h.option(value=value, selected=value == chosen)[text] for value, text in known]
        ],
    ]


def _table(asked: Asked, rows: Sequence[PairRow]) -> Element:
    now = asked.now_ms
    names = {sync: names_of(asked.console.setups, sync) for sync in {row.sync for row in rows}}
    sides = {(of["L"], of["R"]) for of in names.values()}
    left, right = next(iter(sides)) if len(sides) == 1 else ("Left record", "Right record")
    heads = ("Name", "Status", "Address", "Last change", "Sync", left, right)
    body = [
        h.tr[
            h.th(".name", scope="row")[
                h.a(href=address(row.pair), id=f"r-{row.pair}")[row.label or "(no name)"]
            ],
            h.td(".stat")[
                h.div[status_badge(row.status), h.span(".why")[_why(row, names[row.sync]) if row.reason else None]]
            ],
            h.td(".ident", data_label="Address")[row.ident or _none("none")],
            h.td(".when", data_label="Last change")[ago(row.changed_ms, now)],
            h.td(data_label="Sync")[row.sync],
            h.td(".id", data_label=names[row.sync]["L"])[row.left_id or _none("not there")],
            h.td(".id", data_label=names[row.sync]["R"])[row.right_id or _none("not there")],
        ]
        for row in rows
    ]  # fmt: skip
    return _records_table(heads, body)


def _records_table(heads: Sequence[str], body: Sequence[Element]) -> Element:
    return h.div(".scroll", tabindex="0", role="region", aria_label="Records, as a table")[
        h.table(".grid.records")[h.thead[h.tr[[h.th(scope="col")[head] for head in heads]]], h.tbody[body]]
    ]


def _why(row: PairRow, names: Mapping[Side, str]) -> str:
    title = reason_of(row.status, row.reason).title
    return title.replace("the left app", names["L"]).replace("the right app", names["R"])


def _none(text: str) -> Element:
    return h.span(".none")[text]


def _empty(found: Mapping[str, str]) -> Element:
    if found == {"status": "failing"}:
        return empty("No record fails", "Every record is in sync, on its way, or left out on purpose.", mark="check")
    if found:
        return empty(
            "No record matches",
            "Take a filter away, or ask why about one record: that answers for records without a row, too.",
            button("Clear filters", href=PATH),
            button("Ask why", href="/why"),
        )
    return empty("No record yet", "Records are shown here as they are read.", button("Go to the syncs", href="/#syncs"))


def _pager(
    found: Mapping[str, str], total: Total | None, here: int, following: str, *, is_first: bool, fills: bool
) -> Element:
    said: Node = f"{count(here)} on this page" if here else None
    if total is not None:
        said = [
            h.b[f"{count(total.number)}{'' if total.exact else '+'}"],
            " record" if total.number == 1 else " records",
        ]
    return h.footer(".pager")[
        h.p(data_told="")[said],
        h.div(".row")[
            None if is_first else button("First page", href=url(PATH, found), id="first", data_live=""),
            button(
                [_NEXT[fills], icon("right")],
                href=url(PATH, found, after=following),
                id="next",
                data_live="",
            )
            if following
            else None,
        ],
    ]

"""The list of records: any filter and page of it is an address."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.use.connections.apps import title_in
from services.console.use.reasons import reason_of
from services.console.use.records.resyncing import chosen_by, resync_chosen
from services.console.use.standing.records import PERIODS, SORTS, Filter, RecordsPage, page_of, sort_of
from services.console.use.syncs import off_sentence
from services.console.views.lists import Listing, Sort, matching
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, empty, hidden, notice, pick, send
from services.console.web.parts.words import STATUS, ago, count, icon, many, url
from services.console.web.screens.records import columns, exports
from services.console.web.screens.standing import jobs
from shared.model.records import SIDES

PATH: Final = "/records"
_PAGE: Final = 50
_SORTED: Final = {"": "Newest change", "changed": "Oldest change", "name": "Name", "-name": "Name, Z to A"}


def show(asked: Asked) -> Response:
    """Return one page of the list."""
    wanted, cursor = Filter.read(asked.query), asked.query.get("cursor", "")
    sort = sort_of(asked.query.get("sort", ""))
    found, said = page_of(asked.console, wanted, cursor, _PAGE, sort), wanted.query()
    given = asked.query.get("columns", "")
    shown = columns.read(given, asked.site.accounts.people.preferences(asked.caller.user).columns)
    sorted_by = {} if sort == SORTS[0] else {"sort": sort}
    kept = {**said, **sorted_by, **({"columns": columns.text(shown)} if given else {})}
    return html(
        page(
            asked,
            "Records",
            _tabs(asked, wanted, kept),
            _filters(asked, wanted, kept, columns.form(asked, f"{PATH}/columns", {**said, **sorted_by}, shown)),
            h.div(id="list")[
                _building(asked),
                None if found.searched_to is None else _searched(asked, found, sort),
                columns.table_of(asked, found.rows, shown) if found.rows else (None if found.next else _empty(said)),
                _pager(kept, found, is_first=not cursor, resync=_resync(asked, wanted, found))
                if found.rows or found.next or cursor
                else None,
            ],
            here=url(PATH, status="failing") if said == {"status": "failing"} else PATH,
        )
    )


def keep_columns(asked: Asked) -> Response:
    """Keep the columns of whoever asks, and go on with the list."""
    asked.site.accounts.keep_preferences(
        asked.caller, {"columns": columns.chosen(asked.form), "widths": columns.widths(asked.form)}
    )
    sort = sort_of(asked.form.get("sort", ""))
    return see_other(url(PATH, Filter.read(asked.form).query(), sort="" if sort == SORTS[0] else sort))


def resync(asked: Asked) -> Response:
    """Ask for all records that the filters choose to be looked at again; leads to the job, or to all of them."""
    wanted = Filter.read(asked.form)
    off = chosen_by(asked.console, wanted).off
    made = resync_chosen(asked.console, wanted)
    path = jobs.path_of(made[0]["id"]) if len(made) == 1 else jobs.PATH
    return see_other(url(path, without=",".join(off)))


def _resync(asked: Asked, wanted: Filter, found: RecordsPage) -> Node:
    """Return the button that resyncs what is listed, and which syncs it leaves out because they are off.

    So many that they are to be confirmed are counted first.
    """
    if not found.rows:
        return None
    chosen, number = chosen_by(asked.console, wanted), found.total
    if chosen.off and not chosen.on:
        return h.span(".muted")[off_sentence(*chosen.off)]
    is_known = number is not None and number.exact and not chosen.off
    text = f"Resync {many(number.number, 'record')}" if number is not None and is_known else "Resync all of these"
    told = h.span(".muted")[f"Left out: {off_sentence(*chosen.off)}"] if chosen.off else None
    return [told, send(asked, f"{PATH}/resync", text, mark="refresh", **wanted.query())]


def _searched(asked: Asked, found: RecordsPage, sort: Sort) -> Element:
    """Return what was looked at: so many records have changed since that one page cannot look at all."""
    what = "These are the matches" if found.rows else "There is no match"
    to = found.searched_to
    if found.is_loading or to is None:
        part: Node = " among some of the records"
    elif isinstance(to, str):
        part = f" among the names {'from' if sort == '-name' else 'up to'} “{to}”"
    else:
        part = [f" among what changed {'until' if sort == 'changed' else 'since'} ", ago(to, asked.now_ms)]
    return notice("info", "Searched in part", h.p[what, part, "."])


def _building(asked: Asked) -> Element | None:
    """Return how far the views are, while they are built anew."""
    building = asked.console.views.building
    if building is None:
        return None
    share = f"{building.share:.0%}"
    text = f"{share} of the records are read. Until all are, numbers are too small, and the list is in no order."
    if building.is_read:
        text = (
            f"All records are read; what makes the list quick is being made, {share} so far. Until then it is in no "
            "order, and records are found by their words, not yet by their ids."
        )
    bar = h.progress(value=share.rstrip("%"), max="100", aria_label="Built so far")[share]
    return notice("info", "The list is being built", h.p[text], bar, name="building")


def _tabs(asked: Asked, wanted: Filter, kept: Mapping[str, str]) -> Element:
    counts = asked.console.views.counts()
    of_syncs = Listing(syncs=wanted.listing(asked.console.setups, asked.now_ms).syncs)

    def tab(status: str) -> Element:
        mark, number = STATUS.get(status), matching(replace(of_syncs, status=status), counts)
        return h.li[
            h.a(
                class_=mark.tone if mark else None,
                id=f"tab-{status or 'all'}",
                href=url(PATH, kept, status=status, category=""),
                data_live="",
                aria_current="true" if status == wanted.status else None,
            )[icon(mark.icon) if mark else None, h.span[mark.text if mark else "All"], h.b[count(number)]]
        ]

    return h.nav(".tabs", id="tabs", aria_label="Status")[h.ul[[tab(status) for status in ("", *STATUS)]]]


def _filters(asked: Asked, wanted: Filter, kept: Mapping[str, str], choosing: Element) -> Element:
    setups = asked.console.setups
    ends = [sync.side(side) for sync in setups.syncs() for side in SIDES]
    objects = {end.object: title_in(setups, end.connection, end.object) for end in ends}
    connections = [(row.id, row.label or row.id) for row in setups.connections()]
    return h.div(".over")[h.form(
        ".bar", id="filters", action=PATH, data_live="", role="search", aria_label="Filter records"
    )[
        h.label(".find")[
            icon("search"),
            h.span(".sr")["Words of a name, address, id or reason"],
            h.input(type="search", name="q", value=wanted.q, placeholder="Words, or an id", autocomplete="off"),
        ],
        pick("sync", "Sync", [(sync.id, sync.id) for sync in setups.syncs()], wanted.sync),
        pick("object", "Object", sorted(objects.items()), wanted.object),
        pick("connection", "Connection", connections, wanted.connection),
        pick("category", "Reason", _reasons(asked, wanted), wanted.category),
        pick("period", "Changed", list(PERIODS.items()), wanted.period),
        _sorted(kept.get("sort", "")),
        hidden("status", wanted.status),
        hidden("columns", kept["columns"]) if "columns" in kept else None,
        h.noscript[button("Apply", type="submit")],
    ], choosing, exports.form_of(asked, wanted)]  # fmt: skip


def _sorted(sort: str) -> Element:
    return h.label(".pick")[
        h.span(".lab")["Sorted by"],
        h.select(name="sort")[[h.option(value=value, selected=value == sort)[text] for value, text in _SORTED.items()]],
    ]


def _reasons(asked: Asked, wanted: Filter) -> list[tuple[str, str]]:
    """List the reasons that records have at this moment, and the one that is chosen."""
    syncs = wanted.listing(asked.console.setups, asked.now_ms).syncs
    known = {
        (status, reason)
        for sync, statuses in asked.console.views.counts().items()
        if syncs is None or sync in syncs
        for status, reasons in statuses.items()
        if wanted.status in ("", status)
        for reason in reasons
        if reason
    }
    chosen = wanted.category
    if chosen and chosen not in {reason for _, reason in known}:
        known.add((wanted.status or "failing", chosen))
    return sorted(((reason, reason_of(status, reason).title) for status, reason in known), key=lambda row: row[1])


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


def _pager(said: Mapping[str, str], found: RecordsPage, *, is_first: bool, resync: Node) -> Element:
    number: Node = f"{count(len(found.rows))} on this page" if found.rows else None
    if found.total is not None:
        more, one = "" if found.total.exact else "+", found.total.number == 1
        number = [h.b[f"{count(found.total.number)}{more}"], " record" if one else " records"]
    on = "Next page" if found.searched_to is None else "Search on"
    return h.footer(".pager")[
        h.p(data_told="")[number],
        h.div(".row")[
            resync,
            None if is_first else button("First page", href=url(PATH, said), id="first", data_live=""),
            button([on, icon("right")], href=url(PATH, said, cursor=found.next), id="next", data_live="")
            if found.next
            else None,
        ],
    ]

"""What a job led to, record by record: a part of the job's page."""

from typing import Final
from urllib.parse import quote

import htpy as h
from htpy import Element, Node

from services.console.use.reasons import reason_of
from services.console.use.records.job_records import JobRecord, JobRecords, records_of
from services.console.use.standing.records import Filter, Status
from services.console.web.asked import Asked
from services.console.web.parts.pieces import button, card, empty, table
from services.console.web.parts.words import STATUS, ago, count, icon, status_badge, url

_PAGE: Final = 25


def show(asked: Asked, job: str, path: str) -> Element:
    """Return one page of the records that a job led to something for.

    Args:
        asked: What was asked: a status and a cursor.
        job: The job.
        path: Where its page is.
    """
    status, cursor = Filter.read(asked.query).status, asked.query.get("cursor", "")
    found = records_of(asked.console, job, status, cursor, _PAGE)
    heads = ("Record", "State now", "Decided because of the job", "When")
    if found.rows:
        inside: Node = table("Records", heads, [_row(row, asked.now_ms) for row in found.rows])
    elif found.next:
        inside = empty("None of these so far", "Many records were looked at: search on.", mark="search")
    else:
        inside = empty("No record", _NOTHING[bool(status)])
    return h.div(id="list")[
        card("What it led to", _tabs(path, status), inside, name="led"),
        _pager(path, status, found, is_first=not cursor),
    ]


_NOTHING: Final = {
    False: "A record stands here once the job led to a decision about it. Where both sides held what they should, "
    "there was nothing to decide.",
    True: "No record that the job led to something for stands so now.",
}


def _tabs(path: str, chosen: Status) -> Element:
    def tab(status: str) -> Element:
        mark = STATUS.get(status)
        return h.li[
            h.a(
                class_=mark.tone if mark else None,
                id=f"tab-{status or 'all'}",
                href=url(path, status=status),
                data_live="",
                aria_current="true" if status == chosen else None,
            )[icon(mark.icon) if mark else None, h.span[mark.text if mark else "All"]]
        ]

    return h.nav(".tabs", id="tabs", aria_label="State now")[h.ul[[tab(status) for status in ("", *STATUS)]]]


def _row(row: JobRecord, now_ms: int) -> Element:
    pair = row.pair
    why = reason_of(pair.status, pair.reason).title if pair.reason else ""
    name = pair.label or next((end.id for end in (pair.L, pair.R) if end is not None), pair.pair)
    return h.tr[
        h.th(".name", scope="row")[h.a(href=f"/records/{quote(pair.pair, safe='')}", id=f"r-{pair.pair}")[name]],
        h.td(".stat")[h.div[status_badge(pair.status), h.span(".why")[why or None]]],
        h.td(".wrap", data_label="Decided")[" ".join(row.decisions)],
        h.td(data_label="When")[ago(row.decided_ms, now_ms)],
    ]


def _pager(path: str, status: str, found: JobRecords, *, is_first: bool) -> Element | None:
    if is_first and not found.rows and not found.next:
        return None
    said = {"status": str(status)}
    return h.footer(".pager")[
        h.p(data_told="")[f"{count(len(found.rows))} on this page"],
        h.div(".row")[
            None if is_first else button("First page", href=url(path, said), id="first", data_live=""),
            button(["Next page", icon("right")], href=url(path, said, cursor=found.next), id="next", data_live="")
            if found.next
            else None,
        ],
    ]

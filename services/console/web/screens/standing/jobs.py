"""Long work: all of it in a list, and each job with how far it is, and what may be done to it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args
from urllib.parse import quote

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.use.problems import Problem
from services.console.use.reasons import reason_of
from services.console.use.standing.jobs import GOES_ON, Order
from services.console.use.syncs import is_switched_off, off_sentence
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.page import page
from services.console.web.parts.pieces import card, empty, notice, send, table
from services.console.web.parts.words import STATUS, Mark, ago, badge, count, many, url
from services.console.web.screens.standing import job_records
from services.console.web.screens.standing.standing import path_of as path_of_sync
from shared.config.jobs import ENDS
from shared.model.job_kinds import JobKind
from shared.model.records import SIDES
from shared.model.sides import SPOKEN, BySide
from shared.model.wording import capital

PATH: Final = "/jobs"
_EVERY_S: Final = 3
_STATES: Final[Mapping[str, Mark]] = {
    "unconfirmed": Mark("To be confirmed", "warn", "warn"),
    "waiting": Mark("Waiting", "clock", "wait"),
    "running": Mark("Running", "refresh", "wait"),
    "paused": Mark("Paused", "pause", "warn"),
    "held": Mark("Its sync is off", "pause", "warn"),
    "cancelling": Mark("Being cancelled", "clock", "wait"),
    "done": Mark("Done", "check", "ok"),
    "failed": Mark("Failed", "alert", "bad"),
    "cancelled": Mark("Cancelled", "minus", "off"),
}
_OPEN: Final = ("waiting", "running")
_BUTTONS: Final[Sequence[tuple[Order, str, str, tuple[str, ...]]]] = (
    ("confirm", "Confirm", "check", ("unconfirmed",)),
    ("resume", "Resume", "refresh", ("paused",)),
    ("pause", "Pause", "pause", _OPEN),
    ("cancel", "Cancel the job", "minus", ("unconfirmed", "paused", "held", *_OPEN)),
)
"""What may be done to a job: the order, its button, and in which states of the job."""
_TOLD: Final[Mapping[str, str]] = {
    "confirm": "It begins by itself.",
    "pause": "It stops after the page that is under way, and goes on there when it is resumed.",
    "resume": "It goes on where it stopped.",
    "cancel": "What it has done so far stands.",
}


def path_of(name: str) -> str:
    """Return where a job is shown."""
    return f"{PATH}/{quote(name, safe='')}"


def show_all(asked: Asked) -> Response:
    """Return the page of all jobs, the newest first."""
    rows = asked.console.all_jobs()
    now_ms = asked.console.clock.now_ms()
    inside = (
        jobs_table(rows, now_ms, with_sync=True)
        if rows
        else empty("No job yet", "A first sync or a resync of many records is shown here with its progress.")
    )
    body = h.div(".stack")[_left_out(asked), card("All jobs", inside, name="all")]
    return html(page(asked, "Jobs", body, here=PATH, every=_EVERY_S))


def show(asked: Asked) -> Response:
    """Return the page of one job."""
    row = asked.console.job(asked.params["name"])
    told, ended = asked.query.get("told", ""), row["state"] in ENDS
    return html(
        page(
            asked,
            _title(row),
            h.div(".stack")[
                notice("info", "Asked for", h.p[_TOLD[told]]) if told in _TOLD and not ended else None,
                _left_out(asked),
                _word(row),
                _facts(asked, row),
                job_records.show(asked, row["id"], path_of(row["id"])),
            ],
            crumbs=(("Home", "/"), ("Jobs", PATH)),
            actions=[badge(_STATES[row["state"]]), _buttons(asked, row)],
            here=PATH,
            every=0 if ended else _EVERY_S,
        )
    )


def order(asked: Asked) -> Response:
    """Confirm, pause, resume or cancel a job, and lead to its page."""
    name, what = asked.params["name"], asked.params["what"]
    known = next((known for known in get_args(Order) if known == what), None)
    if known is None:
        raise Problem(404, "No such page", "The address may be mistyped, or what it named is no more.")
    asked.console.order_job(name, known)
    return see_other(url(path_of(name), told=what))


def jobs_table(rows: Sequence[Mapping[str, Any]], now_ms: int, *, with_sync: bool = False) -> Element:
    """Return jobs as a table.

    Args:
        rows: As `job_row` shows them.
        now_ms: The time by which their ages are told.
        with_sync: Whether their syncs are told as well.
    """
    heads = ("Job", *(("Sync",) if with_sync else ()), "State", "Asked for", "So far", "Trouble")
    return table("Jobs", heads, [_row(row, now_ms, with_sync=with_sync) for row in rows])


def _row(row: Mapping[str, Any], now_ms: int, *, with_sync: bool) -> Element:
    return h.tr[
        h.th(".name", scope="row")[
            h.a(href=path_of(row["id"]), id=f"j-{row['id']}")[capital(JobKind(row["kind"]).called)]
        ],
        h.td(data_label="Sync")[h.a(href=path_of_sync(row["sync"]))[row["sync"]]] if with_sync else None,
        h.td(".state")[badge(_STATES[row["state"]])],
        h.td(data_label="Asked for")[ago(row["asked_at_ms"], now_ms)],
        h.td(data_label="So far")[_so_far(row)],
        h.td(".wrap", data_label="Trouble")[row.get("error") or h.span(".none")["none"]],
    ]


def _title(row: Mapping[str, Any]) -> str:
    return f"{capital(JobKind(row['kind']).called)} of {row['sync']}"


def _left_out(asked: Asked) -> Element | None:
    """Return which syncs a resync of several has left out because they are off."""
    syncs = [name for name in asked.query.get("without", "").split(",") if is_switched_off(asked.console.setups, name)]
    return notice("warn", "Left out", h.p[off_sentence(*syncs)], name="without") if syncs else None


def _so_far(row: Mapping[str, Any]) -> str:
    read, touched = sum(row.get("read", {}).values()), row.get("touched", 0)
    return f"{many(read, 'record')} read, {many(touched, 'pair')} looked at"


def _buttons(asked: Asked, row: Mapping[str, Any]) -> list[Node]:
    return [
        send(asked, f"{path_of(row['id'])}/{what}", text, mark=mark, kind="primary" if what == "confirm" else "plain")
        for what, text, mark, states in _BUTTONS
        if row["state"] in states and not (what in GOES_ON and row.get("held"))
    ]


def _word(row: Mapping[str, Any]) -> Element | None:
    """Return what a job wants of people, what it has done, or why it did not."""
    if row.get("held"):
        return notice("warn", "It waits for its sync", h.p[off_sentence(row["sync"])], name="held")
    if row["state"] == "unconfirmed":
        pairs = row.get("pairs")
        found = "It is being counted." if pairs is None else f"It will look at {many(pairs, 'pair')}."
        return notice("warn", "It waits for somebody to confirm it", h.p[found])
    if row.get("error"):
        return notice("bad" if row["state"] == "failed" else "warn", "Trouble", h.p[row["error"]], name="error")
    if row.get("result"):
        return notice("ok", _STATES[row["state"]].text, h.p[row["result"]], name="result")
    return None


def _facts(asked: Asked, row: Mapping[str, Any]) -> Element:
    now_ms = asked.console.clock.now_ms()
    sync = asked.console.setups.sync(row["sync"])
    labels = {one.id: one.label or one.id for one in asked.console.setups.connections()}
    names = BySide.of(sync.side).map(lambda end: end.connection) if sync is not None else SPOKEN
    read, totals = row.get("read", {}), row.get("totals", {})
    facts: list[tuple[Node, Node]] = [
        ("Sync", h.a(href=path_of_sync(row["sync"]))[row["sync"]]),
        ("Which records", ", ".join(STATUS[one].text for one in row.get("statuses", ())) or "All"),
        *([("With this reason", reason_of("failing", row["category"]).title)] if "category" in row else []),
        *([("Found by", row["q"])] if "q" in row else []),
        *([("Changed since", ago(row["since"], now_ms))] if "since" in row else []),
        ("Asked for", ago(row["asked_at_ms"], now_ms)),
        ("Last heard of", ago(row.get("at_ms", 0), now_ms)),
        *(
            (f"Read of {labels.get(names[side], names[side])}", _bar(read.get(side, 0), totals.get(side), "records"))
            for side in SIDES
            if side in read or side in totals
        ),
        ("Pairs looked at", _bar(row.get("touched", 0), row.get("pairs"), "pairs")),
    ]
    return card(
        "How far it is", h.dl(".facts")[[h.div[h.dt[name], h.dd[value]] for name, value in facts]], name="progress"
    )


def _bar(done: int, total: int | None, what: str) -> Node:
    """Return how much of something is done, as numbers and, where the whole is known, as a bar."""
    if not total:
        return count(done)
    text = f"{count(done)} of {count(total)}"
    return [text, h.progress(value=str(min(done, total)), max=str(total), aria_label=f"{text} {what}")]

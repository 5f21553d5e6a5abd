"""One sync: its numbers, each opening its reasons with what to do and who acts, and looking at records again."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.explain import names_of, way, with_apps
from services.console.use.problems import Problem
from services.console.use.reasons import reason_of
from services.console.use.standing.installation import JobRequest
from services.console.use.syncs import off_sentence
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.forms import form
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, card, notice, send, table
from services.console.web.parts.words import STATUS, ago, badge, count, icon, many, prose, span, url
from services.console.web.screens.standing.jobs import jobs_table
from services.console.web.screens.standing.standing import between, path_of, resync_button, state_of
from shared.model.records import goes_to
from shared.model.sides import BySide

_EVERY_S: Final = 5
_SHOWN_JOBS: Final = 5
_SWITCHED: Final = {
    "off": "The sync is off: it writes nothing any more. What changes meanwhile is caught up when it is switched on.",
    "on": "The sync is on again, and catches up on what has changed meanwhile.",
}
RESYNCS: Final = {"failing": ("failing",), "pending": ("pending",), "excluded": ("excluded",), "all": ()}
"""What can be looked at again, by its word in a form: which statuses; none for all records of both sides."""


def show(asked: Asked) -> Response:
    """Return the page of one sync."""
    name = asked.params["name"]
    row, now_ms = asked.console.sync(name), asked.console.clock.now_ms()
    panel = asked.query.get("panel", "")
    if panel not in STATUS:
        panel = next((status for status in STATUS if row["counts"][status]), "failing")
    told, done = asked.query.get("asked", ""), asked.query.get("done", "")
    return html(
        page(
            asked,
            name,
            h.div(".stack")[
                notice(
                    "info", "Asked for", h.p["The records are being looked at again; the numbers follow by themselves."]
                )
                if told in RESYNCS
                else None,
                _switched(row, done),
                _numbers(row, panel),
                panel_of(asked, row, panel),
                _settings(asked, row, now_ms),
                _jobs(row, now_ms),
            ],
            crumbs=(("Home", "/"), ("Syncs", "/#syncs")),
            actions=[
                badge(state_of(row)),
                _resync(asked, name, "all", "Resync all records") if row["enabled"] else None,
                _switch(asked, row) if row["enabled"] is not None else None,
            ],
            every=_EVERY_S,
        )
    )


def resync(asked: Asked) -> Response:
    """Ask for records of a sync to be looked at again."""
    name, what = asked.params["name"], asked.form.get("what", "")
    if what not in RESYNCS:
        raise Problem(422, "Not understood", "Choose which records to look at again.")
    asked.console.add_job(JobRequest.model_validate({"sync": name, "statuses": RESYNCS[what]}), "")
    return see_other(url(path_of(name), panel=what if what in STATUS else "", asked=what))


def show_switching_off(asked: Asked) -> Response:
    """Return what switching a sync off means, before anybody does it; the sync's page where it is off."""
    name = asked.params["name"]
    path, off = path_of(name), asked.console.sync_shown(name)["switching_off"]
    if off is None:
        return see_other(path)
    parts = (("While it is off", off["meanwhile"]), ("When it is switched on again", off["later"]))
    return html(
        page(
            asked,
            f"Switch off {name}?",
            h.div(".stack")[
                card(
                    "What happens",
                    [h.div(".pad.lines")[h.h3[title], h.ul[[h.li[line] for line in told]]] for title, told in parts],
                    form(
                        asked,
                        f"{path}/switch-off",
                        h.p(".row")[
                            button(f"Switch off {name}", kind="danger", type="submit"), button("Cancel", href=path)
                        ],
                    ),
                    name="meaning",
                )
            ],
            crumbs=(("Home", "/"), ("Syncs", "/#syncs"), (name, path)),
        )
    )


def switch_off(asked: Asked) -> Response:
    """Switch a sync off."""
    asked.console.connections.syncs.switch_off(asked.params["name"])
    return see_other(url(path_of(asked.params["name"]), done="off"))


def switch_on(asked: Asked) -> Response:
    """Switch a sync on."""
    asked.console.connections.syncs.switch_on(asked.params["name"])
    return see_other(url(path_of(asked.params["name"]), done="on"))


def _switched(row: Mapping[str, Any], done: str) -> Element | None:
    """Return what was switched just now, or that the sync is off."""
    if done in _SWITCHED:
        return notice("info", _SWITCHED[done])
    return notice("info", "It is off", h.p[off_sentence(row["id"])], name="off") if row["enabled"] is False else None


def _switch(asked: Asked, row: Mapping[str, Any]) -> Element | None:
    path = path_of(row["id"])
    off = f"{path}/switch-off"
    if row["enabled"]:
        return button("Switch off", href=off, mark="minus", id="switch-off") if asked.may("GET", off) else None
    return send(asked, f"{path}/switch-on", "Switch on", mark="check")


def _resync(asked: Asked, sync: str, what: str, text: str) -> Element | None:
    return resync_button(asked, sync, f"{path_of(sync)}/resync", text, what=what)


def _numbers(row: Mapping[str, Any], panel: str) -> Element:
    path = path_of(row["id"])
    return h.nav(".numbers", id="numbers", aria_label="Numbers")[
        h.ul[
            [
                h.li[
                    h.a(
                        class_=mark.tone,
                        id=f"n-{status}",
                        href=url(path, panel=status),
                        data_live="",
                        aria_current="true" if status == panel else None,
                    )[h.span[icon(mark.icon), mark.text], h.b[count(row["counts"][status])]]
                ]
                for status, mark in STATUS.items()
            ]
        ]
    ]


def panel_of(asked: Asked, row: Mapping[str, Any], status: str) -> Element:
    """Return the reasons of a number of a sync: how many records, who acts, and what to do."""
    sync, reasons, number = row["id"], row["reasons"].get(status, {}), row["counts"][status]
    records = url("/records", sync=sync, status=status)
    actions: list[Node] = []
    if number:
        actions.append(h.a(".button.plain", href=records)[f"Show {many(number, 'record')}"])
        if status in RESYNCS:
            actions.append(_resync(asked, sync, status, f"Resync {many(number, 'record')}"))
    title = f"{STATUS[status].text}: {many(number, 'record')}"
    if not any(reasons):
        said = "Both records hold what they should." if status == "in_sync" else "None at this moment."
        return card(title, h.p(".pad.muted")[said if number or status != "in_sync" else "None yet."], name="panel",
                    actions=h.div(".row")[actions])  # fmt: skip
    rows = [
        _reason(asked, sync, status, reason, number)
        for reason, number in sorted(reasons.items(), key=lambda one: -one[1])
    ]
    heads = ("Reason", "Records", "Who acts", "What to do")
    return card(
        title, table("Reasons", heads, rows, numbers=("Records",)), name="panel", actions=h.div(".row")[actions]
    )


def _reason(asked: Asked, sync: str, status: str, code: str, number: int) -> Element:
    found, shown = reason_of(status, code), url("/records", sync=sync, status=status, category=code)
    return h.tr[
        h.th(".name.wrap", scope="row")[_named(asked, sync, found.title)],
        h.td(".num", data_label="Records")[h.a(href=shown, id=f"c-{status}-{code}")[count(number)]],
        h.td(data_label="Who acts")[found.who or h.span(".none")["nobody needs to"]],
        h.td(".wrap", data_label="What to do")[prose(found.remedy) if found.remedy else h.span(".none")["nothing"]],
    ]


def _named(asked: Asked, sync: str, title: str) -> str:
    return with_apps(title, names_of(asked.console.setups, sync))


def _settings(asked: Asked, row: Mapping[str, Any], now_ms: int) -> Element:
    sync = asked.console.setups.sync(row["id"])
    waits = row["oldest_pending_s"]
    facts: list[tuple[str, Node]] = [
        ("Last settled", ago(row["last_settled_ms"], now_ms)),
        ("Longest wait now", span(waits) if waits else h.span(".none")["none"]),
    ]
    if sync is not None:
        names = names_of(asked.console.setups, sync.id)
        on = sum(mapping.on for mapping in sync.mappings)
        facts = [
            ("Between", between(asked, sync.id)),
            ("Way", way(BySide.of(partial(goes_to, sync.direction)), names)),
            ("When both sides changed", f"keep the value of {names[sync.default_app]}"),
            ("Field mappings", f"{on} on, {len(sync.mappings) - on} off"),
            *facts,
        ]
    return card(
        "About this sync", h.dl(".facts")[[h.div[h.dt[name], h.dd[value]] for name, value in facts]], name="about"
    )


def _jobs(row: Mapping[str, Any], now_ms: int) -> Element | None:
    jobs = sorted(row["jobs"], key=lambda job: -job["asked_at_ms"])[:_SHOWN_JOBS]
    return card("Jobs", jobs_table(jobs, now_ms), name="jobs") if jobs else None

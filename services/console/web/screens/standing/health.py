"""How everything stood over time: counts, delays, writes for each edit, what failed, and whether connections worked."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast, get_args

import htpy as h
from htpy import Element
from starlette.responses import Response

from services.console.use.health.series import Range, series
from services.console.use.reasons import reason_of
from services.console.use.zones import local, zone_name
from services.console.web.asked import Asked, html
from services.console.web.parts.charts import Line, bands, lines
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, empty, hidden, pick
from services.console.web.parts.words import count, url

PATH: Final = "/health"
RANGES: Final[Mapping[Range, str]] = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
_STATES: Final = {"running": "Connected", "paused": "Paused", "unknown": "Not known"}
_KINDS: Final = ("one", "two", "three", "four")
_MOST: Final = 4
"""Lines of a chart."""


def show(asked: Asked) -> Response:
    """Return how everything stood."""
    text = asked.query.get("range", "24h")
    wanted = cast("Range", text) if text in get_args(Range) else "24h"
    known = [row.id for row in asked.console.setups.syncs()]
    sync = asked.query.get("sync", "")
    sync = sync if sync in known else ""
    found = series(asked.console, wanted, sync)
    return html(
        page(
            asked,
            "Health",
            h.nav(".tabs", id="ranges", aria_label="How far back")[
                h.ul[
                    [
                        h.li[
                            h.a(
                                id=f"range-{name}",
                                href=url(PATH, range=name, sync=sync),
                                data_live="",
                                aria_current="true" if name == wanted else None,
                            )[words]
                        ]
                        for name, words in RANGES.items()
                    ]
                ]
            ],
            h.form(".bar", id="filters", action=PATH, data_live="", aria_label="Choose a sync")[
                pick("sync", "Sync", [(name, name) for name in known], sync),
                hidden("range", wanted),
                h.p(".hint")[_times(wanted)],
                h.noscript[button("Apply", type="submit")],
            ],
            h.div("#list.charts")[_charts(found, wanted, asked)]
            if known
            else empty("Nothing is synced yet", "How everything stood is shown here once something is synced."),
            here=PATH,
        )
    )


def _charts(found: Mapping[str, Any], wanted: Range, asked: Asked) -> list[Element]:
    rows: Sequence[Mapping[str, Any]] = found["slots"]
    slots = [_time(row["from_ms"], wanted) for row in rows]

    def counts(*statuses: tuple[str, str, str]) -> list[Line]:
        return [
            Line(name, kind, [row["counts"].get(status, 0) if row["counts"] else None for row in rows])
            for status, name, kind in statuses
        ]

    charts = [
        lines(
            "Not in sync", "not-in-sync", slots, counts(("failing", "Failing", "bad"), ("pending", "Pending", "two")),
            _whole, 1,
        ),
        lines(
            "Records", "records", slots, counts(("in_sync", "In sync", "one"), ("excluded", "Excluded", "four")),
            _whole, 1,
        ),
        lines(
            "From a change to in sync",
            "delay",
            slots,
            [
                Line("Half within", "one", [row["delay_p50_s"] for row in rows]),
                Line("95 % within", "two", [row["delay_p95_s"] for row in rows]),
            ],
            _seconds,
        ),
        lines(
            "Writes for each edit", "writes", slots, [Line("Writes", "one", [row["writes_per_edit"] for row in rows])],
            _ratio,
        ),
        lines("Failing, by reason", "failing", slots, _by_reason(rows), _whole, 1),
    ]  # fmt: skip
    if found["connections"]:
        labels = {row.id: row.label or row.id for row in asked.console.setups.connections()}
        states = {labels[name]: [_worst(slot) for slot in told] for name, told in found["connections"].items()}
        charts.append(bands("Connections", "connections", slots, states, _STATES))
    return charts


def _by_reason(rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Return a line for each reason that most records failed for."""
    most: Counter[str] = Counter()
    for row in rows:
        for reason, number in row["failing"].items():
            most[reason] = max(most[reason], number)
    reasons = [reason for reason, _ in most.most_common(_MOST)]
    known = [bool(row["counts"]) for row in rows]
    return [
        Line(
            reason_of("failing", reason).title,
            kind,
            [row["failing"].get(reason, 0) if is_known else None for row, is_known in zip(rows, known, strict=True)],
        )
        for reason, kind in zip(reasons, _KINDS, strict=False)
    ]


def _worst(states: Mapping[str, float]) -> str:
    """Return the state that a slot is shown in: a connection that was paused for a part of it did not work."""
    return next((state for state in ("paused", "unknown", "running") if states.get(state)), "")


def _times(wanted: Range) -> str:
    what = "Times" if wanted in ("24h", "7d") else "Days"
    return f"{what} are those of {zone_name()}. A gap is a time in which no console looked."


def _time(at_ms: int, wanted: Range) -> str:
    at = local(at_ms)
    return f"{at:%H:%M}" if wanted == "24h" else f"{at:%-d %b %H:%M}" if wanted == "7d" else f"{at:%-d %b}"


def _whole(number: float) -> str:
    return count(round(number)) if number == round(number) else f"{number:,.1f}"


def _seconds(number: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.2g} s" if number < 10 else f"{number:.0f} s"


def _ratio(number: float) -> str:
    return f"{number:.2f}"

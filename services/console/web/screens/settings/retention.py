"""For how many days things are kept: the values that count, whether Kafka has them, and a form to change them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import htpy as h
from htpy import Element, Node
from pydantic import ValidationError
from starlette.responses import Response

from services.console.use.administration.retention import LONGEST_DAYS, LONGEST_EXPORTS, TITLES, RetentionWanted
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.forms import field, form, refusals
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, card, notice, table
from services.console.web.parts.words import Mark, badge, many, prose, url

PATH: Final = "/settings/retention"
_STATES: Final = {
    "applied": Mark("Set in Kafka", "check", "ok"),
    "differs": Mark("Not yet set in Kafka", "warn", "warn"),
    "unknown": Mark("Kafka does not say", "clock", "wait"),
}
_OTHERS: Final = (
    "Parked messages are kept for 90 days, and jobs for 30 days after they end. Messages between workers are kept for "
    "7 days. The state of each pair, settings and users are kept until they are deleted."
)


def show(asked: Asked) -> Response:
    """Return how long things are kept."""
    rows = asked.site.access.keeping.rows()
    return html(_page(asked, rows, {row["name"]: str(row["days"]) if row["decided"] else "" for row in rows}))


def change(asked: Asked) -> Response:
    """Keep things for as long as the form says."""
    keeping = asked.site.access.keeping
    told: dict[str, Any] = {name: _number(asked.form.get(name, "").strip()) for name in TITLES}
    try:
        wanted = RetentionWanted.model_validate(told)
    except ValidationError as error:
        wrong = {str(row["loc"][0]): _wrong(str(row["loc"][0])) for row in error.errors()}
        return html(_page(asked, keeping.rows(), asked.form, wrong), 422)
    return see_other(url(PATH, done="late" if keeping.change(wanted) else "changed"))


def _number(text: str) -> int | str | None:
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else text


def _wrong(name: str) -> str:
    return f"Write a number of days from 1 to {LONGEST_EXPORTS if name == 'exports_days' else LONGEST_DAYS:,}."


def _page(
    asked: Asked,
    rows: Sequence[Mapping[str, Any]],
    given: Mapping[str, str],
    errors: Mapping[str, str] | None = None,
) -> Element:
    return page(
        asked,
        "Retention",
        h.div(".stack")[
            _done(asked),
            refusals(errors),
            table("What is kept", ("What", "Kept for", "Decided by", "Kafka"), list(map(_row, rows)), name="list"),
            h.p(".hint")[_OTHERS],
            card("Change it", _form(asked, rows, given, errors), name="change"),
        ],
        here=PATH,
    )


def _done(asked: Asked) -> Element | None:
    if asked.query.get("done") == "changed":
        return notice("ok", "The retention is changed.")
    if asked.query.get("done") == "late":
        why = (
            "It is tried again every ten minutes. Where the console may not change topics, run "
            "`python -m shared.io.kafka.topics`; the log of the console says what Kafka answers."
        )
        return notice("warn", "It is decided, but Kafka has not taken it", h.p[prose(why)])
    return None


def _row(row: Mapping[str, Any]) -> Element:
    held = row["topic_days"]
    told: Node = h.span(".sub")[f"{row['topic']}: {held:g} days"] if row["state"] == "differs" else None
    return h.tr[
        h.th(".name.wrap", scope="row")[row["what"]],
        h.td(data_label="Kept for")[many(row["days"], "day")],
        h.td(data_label="Decided by")["an admin, here" if row["decided"] else "the installation's settings"],
        h.td(".wrap", data_label="Kafka")[badge(_STATES[row["state"]]), told],
    ]


def _form(
    asked: Asked, rows: Sequence[Mapping[str, Any]], given: Mapping[str, str], errors: Mapping[str, str] | None
) -> Element:
    return form(
        asked,
        PATH,
        h.p["What is older is deleted, and nobody can bring it back."],
        [
            field(row["what"], row["name"], kind="number", value=given.get(row["name"], ""), errors=errors,
                  needed=False, hint=f"In days. Left empty, {many(row['usual_days'], 'day')}.")
            for row in rows
        ],
        h.p[button("Change the retention", kind="primary", type="submit")],
        version=asked.site.access.keeping.standing().version,
    )  # fmt: skip

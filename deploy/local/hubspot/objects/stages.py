"""The pipelines of an account and the stages in each, which deals and tickets move through."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from deploy.local.hubspot.errors import bad_request
from deploy.local.hubspot.objects.values import iso, no_option

Row = dict[str, Any]


class Names(NamedTuple):
    """The properties of an object type that hold where its records stand."""

    pipeline: str
    stage: str


STAGED: Final[Mapping[str, Names]] = {
    "deals": Names("pipeline", "dealstage"),
    "tickets": Names("hs_pipeline", "hs_pipeline_stage"),
}
"""By object type; all others have no pipelines here."""

_DEFAULTS: Final[Mapping[str, Row]] = {
    "deals": {
        "id": "default",
        "label": "Sales Pipeline",
        "stages": [
            {"id": name, "label": label, "metadata": {"probability": probability}}
            for name, label, probability in (
                ("appointmentscheduled", "Appointment Scheduled", 0.2),
                ("qualifiedtobuy", "Qualified To Buy", 0.4),
                ("presentationscheduled", "Presentation Scheduled", 0.6),
                ("decisionmakerboughtin", "Decision Maker Bought-In", 0.8),
                ("contractsent", "Contract Sent", 0.9),
                ("closedwon", "Closed Won", 1.0),
                ("closedlost", "Closed Lost", 0.0),
            )
        ],
    },
    "tickets": {
        "id": "0",
        "label": "Support Pipeline",
        "stages": [
            {"id": str(number), "label": label, "metadata": {"ticketState": state}}
            for number, (label, state) in enumerate(
                (
                    ("New", "OPEN"),
                    ("Waiting on contact", "OPEN"),
                    ("Waiting on us", "OPEN"),
                    ("Closed", "CLOSED"),
                ),
                1,
            )
        ],
    },
}


class Pipelines:
    """All pipelines of an account, by object type and id, as the API shows them."""

    def __init__(self) -> None:
        # HubSpot's own pipelines were made at the beginning of time.
        self._rows = {kind: {row["id"]: _shown(kind, 0, row, 0)} for kind, row in _DEFAULTS.items()}

    def of(self, kind: str) -> dict[str, Row]:
        """Return the pipelines of an object type in their order, by id."""
        return self._rows.get(kind, {})

    def replace(self, kind: str, bodies: Sequence[Row], now: int) -> list[Row]:
        """Replace the pipelines of an object type.

        Args:
            kind: `deals` or `tickets`.
            bodies: `{id, label, stages: [{id, label, metadata?}]}`, each in its order.
            now: epoch ms.

        Raises:
            ApiError: 400 when there is none, one has no stage, or an id is there twice.
        """
        if kind not in STAGED:
            raise bad_request(f"{kind} have no pipelines; there are {', '.join(STAGED)}")
        ids = [body["id"] for body in bodies]
        stages = [stage["id"] for body in bodies for stage in body["stages"]]
        if not bodies or not all(body["stages"] for body in bodies):
            raise bad_request(f"{kind} need a pipeline, and each pipeline needs a stage")
        if len({*ids}) < len(ids) or len({*stages}) < len(stages):
            raise bad_request("each pipeline has an id of its own, and each stage belongs to one pipeline")
        self._rows[kind] = {body["id"]: _shown(kind, number, body, now) for number, body in enumerate(bodies)}
        return list(self._rows[kind].values())

    def unfit(self, kind: str, held: Mapping[str, str], changes: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
        """Find what is wrong with where a write leaves a record: property name, code and message.

        A record that a write does not move may stand where no stage is any longer.
        """
        names = STAGED.get(kind)
        if names is None or not changes.keys() & {*names}:
            return
        after = {**held, **changes}
        pipeline, stage = after.get(names.pipeline, ""), after.get(names.stage, "")
        known = self.of(kind)
        if pipeline and pipeline not in known:
            refused = no_option(pipeline, list(known))
            yield names.pipeline, refused.code, refused.message
            return
        found = [known[pipeline]] if pipeline else known.values()
        allowed = [one["id"] for row in found for one in row["stages"]]
        if stage and stage not in allowed:
            refused = no_option(stage, allowed)
            yield names.stage, refused.code, refused.message

    def config(self) -> dict[str, list[Row]]:
        """Return everything as plain data for the journal."""
        return {kind: list(rows.values()) for kind, rows in self._rows.items()}

    def restore(self, config: Mapping[str, list[Row]]) -> None:
        """Take back what `config` returned."""
        self._rows |= {kind: {row["id"]: row for row in rows} for kind, rows in config.items()}


def _shown(kind: str, order: int, body: Row, now: int) -> Row:
    times = {"createdAt": iso(now), "updatedAt": iso(now), "archived": False}
    stages = [
        {
            "label": stage["label"],
            "displayOrder": number,
            "metadata": _metadata(kind, stage.get("metadata") or {}),
            "id": stage["id"],
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            **times,
        }
        for number, stage in enumerate(body["stages"])
    ]
    return {"label": body["label"], "displayOrder": order, "id": body["id"], "stages": stages, **times}


def _metadata(kind: str, given: Row) -> dict[str, str]:
    """Return what is known of a stage besides, all of it as texts."""
    if kind == "tickets":
        state = str(given.get("ticketState", "OPEN"))
        return {"isClosed": str(state == "CLOSED").lower(), "ticketState": state}
    probability = float(given.get("probability", 0.5))
    return {"isClosed": str(probability in (0.0, 1.0)).lower(), "probability": str(probability)}

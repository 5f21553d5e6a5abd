"""The part of the REST API that is about alerts."""

from typing import Any

from fastapi import APIRouter, Response

from services.console.access.authentication import Access
from services.console.rest.describing import may
from services.console.rest.pages import page
from services.console.rest.shapes.alerts import AlertList, AlertRow
from services.console.rest.shapes.common import AlertId, Cursor, Limit
from services.console.rest.versions import tell_version
from services.console.use.administration.alerts import Wanted
from shared.wire.access import Alert


def add_alerts(router: APIRouter, access: Access) -> None:
    """Add the routes to those of the API."""
    alerts = access.alerts

    @router.get("/alerts", tags=["alerts"], summary="All alerts, and how they stand", response_model=AlertList)
    def list_alerts(cursor: Cursor = "", limit: Limit = 50) -> dict[str, Any]:
        return page("alerts", alerts.rows(), lambda row: (row["created_ms"], row["id"]), cursor, limit)

    @router.post(
        "/alerts",
        tags=["alerts"],
        status_code=201,
        summary="Add an alert",
        response_model=AlertRow,
        responses=may(409),
    )
    def add_alert(wanted: Wanted) -> dict[str, Any]:
        return alerts.row(alerts.add(wanted))

    def told(alert: Alert, answer: Response) -> dict[str, Any]:
        tell_version(answer, alerts.standing(alert).version)
        return alerts.row(alert)

    @router.get("/alerts/{name}", tags=["alerts"], summary="One alert, and how it stands", response_model=AlertRow)
    def get_alert(name: AlertId, answer: Response) -> dict[str, Any]:
        return told(alerts.find(name), answer)

    @router.put("/alerts/{name}", tags=["alerts"], summary="Change an alert", response_model=AlertRow)
    def change_alert(name: AlertId, wanted: Wanted, answer: Response) -> dict[str, Any]:
        return told(alerts.change(name, wanted), answer)

    @router.delete("/alerts/{name}", tags=["alerts"], status_code=204, summary="Remove an alert")
    def remove_alert(name: AlertId) -> None:
        alerts.remove(name)

    @router.post(
        "/alerts/{name}/test",
        tags=["alerts"],
        status_code=204,
        summary="Tell all whom an alert tells that it works",
        responses=may(409),
    )
    def test_alert(name: AlertId) -> None:
        alerts.test(name)

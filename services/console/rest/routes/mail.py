"""The part of the REST API that is about the server by which the console sends mail."""

from typing import Any

from fastapi import APIRouter, Response

from services.console.access.authentication import Access
from services.console.rest.describing import may
from services.console.rest.shapes.access import MailServerShown, MailTest
from services.console.rest.versions import tell_version
from services.console.use.administration.mailing import MailServerWanted


def add_mail(router: APIRouter, access: Access) -> None:
    """Add the routes to those of the API."""
    mailing = access.mailing

    @router.get(
        "/mail-server",
        tags=["access"],
        summary="By which server mail is sent",
        response_model=MailServerShown,
        responses=may(404),
    )
    def get_mail_server(answer: Response) -> dict[str, Any]:
        tell_version(answer, mailing.standing().version)
        return mailing.row()

    @router.put("/mail-server", tags=["access"], summary="Send mail by a server", response_model=MailServerShown)
    def change_mail_server(wanted: MailServerWanted, answer: Response) -> dict[str, Any]:
        mailing.change(wanted)
        tell_version(answer, mailing.standing().version)
        return mailing.row()

    @router.delete(
        "/mail-server", tags=["access"], status_code=204, summary="Send no mail any more", responses=may(404)
    )
    def remove_mail_server() -> None:
        mailing.remove()

    @router.post(
        "/mail-server/test",
        tags=["access"],
        status_code=204,
        summary="Send a mail to see whether that works",
        responses=may(404, 409),
    )
    def test_mail_server(wanted: MailTest) -> None:
        mailing.test(wanted.to)

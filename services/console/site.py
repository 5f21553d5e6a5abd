"""The console as a whole: the API below `/api/`, the pages everywhere else."""

from collections.abc import Collection
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from services.console.access.authentication import Access
from services.console.access.streaming import STREAMS, in_time
from services.console.rest.app import make_app
from services.console.use.standing.installation import Installation
from services.console.web.app import make_pages
from shared import logs

_API: Final = "/api/"
_log = logs.get(__name__)


def make_site(console: Installation, access: Access, names: Collection[str] = ()) -> ASGIApp:
    """Make the web application that the console serves.

    Args:
        console: What it shows.
        access: Checks the installation's token.
        names: Names of the console beside localhost and addresses.
    """
    api, pages = make_app(console, access, names), make_pages(console, access, names)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        answer = pages if path and not path.startswith(_API) else api
        try:
            await answer(scope, receive, in_time(send) if path in STREAMS else send)
        except TimeoutError:
            _log.info("listener_let_go", path=path, detail="nothing was read")

    return serve

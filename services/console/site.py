"""The console as a whole: the API below `/api/`, the pages everywhere else."""

from collections.abc import Collection
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from services.console.access.authentication import Access
from services.console.rest.app import make_app
from services.console.use.installation import Installation
from services.console.web.app import make_pages

_API: Final = "/api/"


def make_site(console: Installation, access: Access, names: Collection[str] = ()) -> ASGIApp:
    """Make the web application that the console serves.

    Args:
        console: What it shows.
        access: Checks the installation's token.
        names: Names of the console beside localhost and addresses.
    """
    api, pages = make_app(console, access, names), make_pages(console, access, names)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and not scope["path"].startswith(_API)
        await (pages if is_page else api)(scope, receive, send)

    return serve

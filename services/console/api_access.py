"""The part of the REST API that is about who may use it."""

from typing import Any

from fastapi import APIRouter

from services.console.access import Access


def add_routes(router: APIRouter, access: Access) -> None:
    """Add the routes to those of the API, which ask who calls."""

    @router.post("/sign-in-links", status_code=201, summary="Make a link that signs a browser in, once, within an hour")
    def sign_in_link() -> dict[str, Any]:
        secret = access.accounts.sign_in_link()
        return {"secret": secret, "path": f"/sign-in/link?token={secret}"}

"""The part of the REST API that is about the provider by which people sign in."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from services.console.access.authentication import Access
from services.console.use.single_sign_on import Wanted


class Linking(BaseModel):
    """Who somebody is besides, who signs in by the provider."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"to": "5d0c0c9a1f2b3c4d"}]})

    to: str = Field(max_length=64, description="The id of the user that this one is.")


def add_sign_in(router: APIRouter, access: Access) -> None:
    """Add the routes to those of the API.

    Args:
        router: The routes of the API.
        access: What is done.
    """
    accounts = access.accounts

    @router.post("/users/{name}/link", summary="Let whoever signs in by the provider as one user be another one")
    def link(name: str, wanted: Linking) -> dict[str, Any]:
        access.single_sign_on.link(name, wanted.to)
        return accounts.row(accounts.find(name))

    @router.delete("/users/{name}/link", summary="Let whoever signs in by the provider be a user alone again")
    def unlink(name: str) -> dict[str, Any]:
        return accounts.row(access.single_sign_on.unlink(name))

    @router.get("/sign-in-provider", summary="By which provider people sign in, and who of them may come in")
    def provider() -> dict[str, Any]:
        return access.single_sign_on.row()

    @router.put("/sign-in-provider", summary="Sign people in by a provider of OpenID Connect, which is asked first")
    def change_provider(wanted: Wanted) -> dict[str, Any]:
        access.single_sign_on.change(wanted)
        return access.single_sign_on.row()

    @router.delete("/sign-in-provider", status_code=204, summary="Sign nobody in by the provider any more")
    def remove_provider() -> None:
        access.single_sign_on.remove()

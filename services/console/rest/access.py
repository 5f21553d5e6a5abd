"""The part of the REST API that is about who may use it: users, tokens, and links to sign in."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from services.console.access.authentication import Access
from services.console.use.callers import Caller
from services.console.use.tokens import LONGEST_DAYS
from shared.messages import Role


class NewUser(BaseModel):
    """Somebody to be invited."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"email": "ann@example.com"}]})

    email: str = Field(max_length=254)
    role: Role = "viewer"
    name: str = Field(default="", max_length=200)


class UserChange(BaseModel):
    """What is to become of a user; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"role": "operator"}]})

    role: Role | None = None
    disabled: bool | None = None


class NewToken(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "backup", "role": "viewer"}]})

    name: str = Field(max_length=100, description="What it is for.")
    role: Role = Field(default="viewer", description="The most that it may do.")
    days: int = Field(default=90, ge=0, le=LONGEST_DAYS, description="For how many days; 0 until it is revoked.")


def add_routes(router: APIRouter, access: Access, who: Callable[..., Caller]) -> None:
    """Add the routes to those of the API.

    Args:
        router: The routes of the API.
        access: What is done.
        who: Tells who calls.
    """
    accounts, tokens = access.accounts, access.tokens

    @router.get("/users", summary="Who may sign in, and with which role")
    def users() -> dict[str, Any]:
        return {"users": [accounts.row(user) for user in accounts.people.users()]}

    @router.post("/users", status_code=201, summary="Invite somebody; `path` is where that person chooses a password")
    def invite(wanted: NewUser) -> dict[str, Any]:
        user, secret = accounts.invite(wanted.email, wanted.role, wanted.name)
        return {**accounts.row(user), "path": f"/welcome?token={secret}"}

    @router.patch("/users/{name}", summary="Give a user another role, or shut one out or in again")
    def change(name: str, wanted: UserChange) -> dict[str, Any]:
        return accounts.row(accounts.change(name, role=wanted.role, disabled=wanted.disabled))

    @router.post("/users/{name}/reset", summary="Take a user's password away; `path` is where to choose another one")
    def reset(name: str) -> dict[str, Any]:
        secret = accounts.reset(name)
        return {**accounts.row(accounts.find(name)), "path": f"/welcome?token={secret}"}

    @router.get("/tokens", summary="Your tokens; for admins all")
    def list_tokens(by: Annotated[Caller, Depends(who)]) -> dict[str, Any]:
        return {"tokens": [tokens.row(token) for token in tokens.seen_by(by)]}

    @router.post("/tokens", status_code=201, summary="Make a token of yours; `secret` is told this once")
    def make_token(wanted: NewToken, by: Annotated[Caller, Depends(who)]) -> dict[str, Any]:
        token, secret = tokens.make(by, wanted.name, wanted.role, wanted.days)
        return {**tokens.row(token), "secret": secret}

    @router.delete("/tokens/{name}", summary="End a token of yours; for admins any")
    def revoke_token(name: str, by: Annotated[Caller, Depends(who)]) -> dict[str, Any]:
        return tokens.row(tokens.revoke(by, name))

    @router.post("/sign-in-links", status_code=201, summary="Make a link that signs a browser in, once, within an hour")
    def sign_in_link() -> dict[str, Any]:
        secret = accounts.sign_in_link()
        return {"secret": secret, "path": f"/sign-in/link?token={secret}"}

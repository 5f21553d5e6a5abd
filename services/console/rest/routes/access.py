"""The part of the REST API that is about who may use it: users, tokens, and links to sign in."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from services.console.access.authentication import Access
from services.console.rest.describing import may
from services.console.rest.pages import page
from services.console.rest.shapes.access import (
    Invited,
    NewToken,
    NewUser,
    SignInLink,
    TokenList,
    TokenMade,
    TokenRow,
    UserChange,
    UserList,
    UserRow,
)
from services.console.rest.shapes.common import Cursor, Limit, TokenId, UserId
from services.console.rest.versions import tell_version
from services.console.use.callers import Caller
from shared.wire.messages import User


def add_access(router: APIRouter, access: Access, who: Callable[..., Caller]) -> None:  # noqa: C901 - a list of routes, each a line or two
    """Add the routes to those of the API.

    Args:
        router: The routes of the API.
        access: What is done.
        who: Tells who calls.
    """
    accounts, tokens = access.accounts, access.tokens

    def shown(user: User, answer: Response) -> dict[str, Any]:
        tell_version(answer, accounts.standing(user).version)
        return accounts.row(user)

    @router.get("/users", tags=["access"], summary="Who may sign in, and with which role", response_model=UserList)
    def list_users(cursor: Cursor = "", limit: Limit = 50) -> dict[str, Any]:
        rows = map(accounts.row, accounts.people.users())
        return page("users", rows, lambda row: (row["email"], row["id"]), cursor, limit)

    @router.post("/users", tags=["access"], status_code=201, summary="Invite somebody", response_model=Invited)
    def invite_user(wanted: NewUser) -> dict[str, Any]:
        user, secret = accounts.invite(wanted.email, wanted.role, wanted.name)
        return {**accounts.row(user), "path": f"/welcome?token={secret}"}

    @router.get("/users/{name}", tags=["access"], summary="One user", response_model=UserRow)
    def get_user(name: UserId, answer: Response) -> dict[str, Any]:
        return shown(accounts.find(name), answer)

    @router.patch(
        "/users/{name}",
        tags=["access"],
        summary="Give a user another role, or shut one out or in again",
        response_model=UserRow,
        responses=may(409),
    )
    def change_user(name: UserId, wanted: UserChange, answer: Response) -> dict[str, Any]:
        return shown(accounts.change(name, role=wanted.role, disabled=wanted.disabled), answer)

    @router.post(
        "/users/{name}/reset",
        tags=["access"],
        summary="Take a user's password away",
        response_model=Invited,
        responses=may(409),
    )
    def reset_user(name: UserId) -> dict[str, Any]:
        secret = accounts.reset(name)
        return {**accounts.row(accounts.find(name)), "path": f"/welcome?token={secret}"}

    @router.get("/tokens", tags=["access"], summary="Your tokens; for admins all", response_model=TokenList)
    def list_tokens(by: Annotated[Caller, Depends(who)], cursor: Cursor = "", limit: Limit = 50) -> dict[str, Any]:
        rows = map(tokens.row, tokens.seen_by(by))
        return page("tokens", rows, lambda row: (row["created_ms"], row["id"]), cursor, limit)

    @router.post(
        "/tokens",
        tags=["access"],
        status_code=201,
        summary="Make a token of yours",
        response_model=TokenMade,
    )
    def make_token(wanted: NewToken, by: Annotated[Caller, Depends(who)]) -> dict[str, Any]:
        token, secret = tokens.make(by, wanted.name, wanted.role, wanted.days, wanted.scopes)
        return {**tokens.row(token), "secret": secret}

    @router.get("/tokens/{name}", tags=["access"], summary="A token of yours; for admins any", response_model=TokenRow)
    def get_token(name: TokenId, by: Annotated[Caller, Depends(who)], answer: Response) -> dict[str, Any]:
        token = tokens.find(by, name)
        tell_version(answer, tokens.standing(token).version)
        return tokens.row(token)

    @router.delete(
        "/tokens/{name}", tags=["access"], summary="End a token of yours; for admins any", response_model=TokenRow
    )
    def revoke_token(name: TokenId, by: Annotated[Caller, Depends(who)]) -> dict[str, Any]:
        return tokens.row(tokens.revoke(by, name))

    @router.post(
        "/sign-in-links",
        tags=["access"],
        status_code=201,
        summary="Make a link that signs a browser in, once, within an hour",
        response_model=SignInLink,
    )
    def make_sign_in_link() -> dict[str, Any]:
        secret = accounts.sign_in_link()
        return {"secret": secret, "path": f"/sign-in/link?token={secret}"}

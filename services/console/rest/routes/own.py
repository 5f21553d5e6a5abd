"""The part of the REST API that is about whoever calls: who that is, and what a person changes of the own account."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from services.console.access.authentication import Access
from services.console.rest.describing import may
from services.console.rest.shapes.own import NewPassword, Own, PreferencesChange, PreferencesShown
from services.console.rest.versions import tell_version
from services.console.use.callers import Caller


def add_own(router: APIRouter, access: Access, who: Callable[..., Caller]) -> None:
    """Add the routes below /account.

    Args:
        router: The routes of the API.
        access: What is done.
        who: Tells who calls.
    """
    accounts = access.accounts

    def preferences(by: Caller, answer: Response) -> dict[str, Any]:
        tell_version(answer, accounts.preferences_standing(by).version)
        return accounts.people.preferences(by.user).model_dump(include={"columns", "widths", "zone"})

    @router.get("/account", tags=["access"], summary="Who you are, and what you may do", response_model=Own)
    def get_own_account(by: Annotated[Caller, Depends(who)]) -> dict[str, Any]:
        scopes = None if by.scopes is None else sorted(by.scopes)
        return {"who": by.who, "role": by.role, "user": by.user or None, "token": by.token or None, "scopes": scopes}

    @router.put(
        "/account/password",
        tags=["access"],
        status_code=204,
        summary="Choose another password; your sessions end",
        responses=may(404),
    )
    def change_own_password(wanted: NewPassword, by: Annotated[Caller, Depends(who)]) -> None:
        access.change_password(by, wanted.old.get_secret_value(), wanted.password.get_secret_value())

    @router.delete("/account/sessions", tags=["access"], status_code=204, summary="Sign out everywhere")
    def end_own_sessions(by: Annotated[Caller, Depends(who)]) -> None:
        accounts.end_all(by)

    @router.get(
        "/account/preferences", tags=["access"], summary="How you want the pages", response_model=PreferencesShown
    )
    def get_preferences(by: Annotated[Caller, Depends(who)], answer: Response) -> dict[str, Any]:
        return preferences(by, answer)

    @router.put(
        "/account/preferences",
        tags=["access"],
        summary="Keep how you want the pages",
        response_model=PreferencesShown,
        responses=may(409),
    )
    def keep_preferences(
        wanted: PreferencesChange, by: Annotated[Caller, Depends(who)], answer: Response
    ) -> dict[str, Any]:
        columns = None if wanted.columns is None else tuple(dict.fromkeys(wanted.columns))
        accounts.keep_preferences(by, {"columns": columns, "widths": wanted.widths, "zone": wanted.zone})
        return preferences(by, answer)

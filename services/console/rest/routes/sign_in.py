"""The part of the REST API that is about the provider by which people sign in."""

from typing import Any

from fastapi import APIRouter, Response

from services.console.access.authentication import Access
from services.console.rest.describing import may
from services.console.rest.shapes.access import Linking, ProviderShown, UserRow
from services.console.rest.shapes.common import UserId
from services.console.rest.versions import tell_version
from services.console.use.administration.single_sign_on import ProviderWanted
from shared.wire.messages import User


def add_sign_in(router: APIRouter, access: Access) -> None:
    """Add the routes to those of the API.

    Args:
        router: The routes of the API.
        access: What is done.
    """
    accounts = access.accounts

    def shown(user: User, answer: Response) -> dict[str, Any]:
        tell_version(answer, accounts.standing(user).version)
        return accounts.row(user)

    @router.post(
        "/users/{name}/link",
        tags=["access"],
        summary="Let whoever signs in by the provider as one user be another one",
        response_model=UserRow,
        responses=may(409),
    )
    def link_user(name: UserId, wanted: Linking, answer: Response) -> dict[str, Any]:
        access.single_sign_on.link(name, wanted.to)
        return shown(accounts.find(name), answer)

    @router.delete(
        "/users/{name}/link",
        tags=["access"],
        summary="Let whoever signs in by the provider be a user alone again",
        response_model=UserRow,
        responses=may(409),
    )
    def unlink_user(name: UserId, answer: Response) -> dict[str, Any]:
        return shown(access.single_sign_on.unlink(name), answer)

    @router.get(
        "/sign-in-provider",
        tags=["access"],
        summary="By which provider people sign in, and who of them may come in",
        response_model=ProviderShown,
        responses=may(404),
    )
    def get_provider(answer: Response) -> dict[str, Any]:
        tell_version(answer, access.single_sign_on.standing().version)
        return access.single_sign_on.row()

    @router.put(
        "/sign-in-provider",
        tags=["access"],
        summary="Sign people in by a provider of OpenID Connect, which is asked first",
        response_model=ProviderShown,
        responses=may(409),
    )
    def change_provider(wanted: ProviderWanted, answer: Response) -> dict[str, Any]:
        access.single_sign_on.change(wanted)
        tell_version(answer, access.single_sign_on.standing().version)
        return access.single_sign_on.row()

    @router.delete(
        "/sign-in-provider",
        tags=["access"],
        status_code=204,
        summary="Sign nobody in by the provider any more",
        responses=may(404, 409),
    )
    def remove_provider() -> None:
        access.single_sign_on.remove()

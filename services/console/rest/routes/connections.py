"""The part of the REST API that is about apps and the accounts that are connected."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from services.console.rest.describing import may
from services.console.rest.pages import page
from services.console.rest.shapes.common import AppId, ConnectionId, Cursor, Limit, ObjectId
from services.console.rest.shapes.connections import (
    Account,
    AppList,
    AppShown,
    ConnectionList,
    ConnectionRow,
    ConnectionShown,
    Credentials,
    CredentialsShown,
    Disconnected,
    Learning,
    LearningShown,
    NewAccount,
    Places,
    Reached,
    Renaming,
    Secrets,
    Tested,
)
from services.console.rest.shapes.feeds import Feeds, Limits
from services.console.rest.shapes.objects import ObjectFields, ObjectsShown
from services.console.rest.versions import tell_version
from services.console.use.connections.apps import AppCard, card_of
from services.console.use.connections.connecting import standing
from services.console.use.connections.connections import learning_standing
from services.console.use.health.feeds import feeds
from services.console.use.health.limits import limits
from services.console.use.health.pushing import learn, reach, shown
from services.console.use.standing.installation import Installation
from shared.model.syncs import Connection


def add_connections(router: APIRouter, api: Installation) -> None:  # noqa: C901 - a list of routes, each a line or two
    """Add the routes."""

    def told(row: Connection, answer: Response) -> dict[str, Any]:
        tell_version(answer, standing(row).version)
        return api.connection(row)

    def learning(name: str, answer: Response) -> dict[str, Any]:
        row = api.connections.find(name)
        tell_version(answer, learning_standing(row).version)
        return shown(api, row)

    def credentials(name: str, answer: Response) -> dict[str, Any]:
        tell_version(answer, api.connections.agreeing.standing(name).version)
        return {"app": name, "client_id": api.connections.agreeing.client_id(name)}

    @router.get("/apps", tags=["connections"], summary="Apps that can be connected", response_model=AppList)
    def list_apps(
        q: Annotated[str, Query(max_length=200, description="Words of its name or objects.")] = "",
        cursor: Cursor = "",
        limit: Limit = 50,
    ) -> dict[str, Any]:
        rows = map(_app_row, api.connections.catalogue(q))
        return page("apps", rows, lambda row: (row["title"].casefold(), row["id"]), cursor, limit)

    @router.get(
        "/apps/{name}",
        tags=["connections"],
        summary="One app, with the accounts that are connected",
        response_model=AppShown,
    )
    def get_app(name: AppId) -> dict[str, Any]:
        found = api.connections.app(name)
        accounts = [api.connection(row) for row in api.connections.of_app(name)]
        scopes = [
            {
                "name": row.name,
                "objects": row.objects,
                "access": row.access,
                "required": row.required,
                "reason": row.reason,
            }
            for row in found.scopes
        ]
        return {**_app_row(card_of(found)), "scopes": scopes, "connections": accounts}

    @router.get(
        "/connections", tags=["connections"], summary="Accounts that are connected", response_model=ConnectionList
    )
    def list_connections(cursor: Cursor = "", limit: Limit = 50) -> dict[str, Any]:
        rows = [api.connection(row) for app in api.connections.apps for row in api.connections.of_app(app)]
        return page("connections", rows, lambda row: (row["app"], row["label"].casefold(), row["id"]), cursor, limit)

    @router.post(
        "/apps/{name}/places",
        tags=["connections"],
        summary="What a sign-in opens, where a connection takes one of several",
        response_model=Places,
        responses=may(409),
    )
    def list_places(name: AppId, wanted: Account) -> dict[str, Any]:
        found = api.connections.connecting.places(wanted.wanted(name))
        return {"places": [{"title": row.title, "options": dict(row.options)} for row in found]}

    @router.get(
        "/apps/{name}/credentials",
        tags=["connections"],
        summary="What Syncline is known by at an app",
        response_model=CredentialsShown,
    )
    def get_credentials(name: AppId, answer: Response) -> dict[str, Any]:
        api.connections.agreeing.flow(api.connections.app(name))
        return credentials(name, answer)

    @router.put(
        "/apps/{name}/credentials",
        tags=["connections"],
        summary="Enter what Syncline is known by at an app, once for all accounts",
        response_model=CredentialsShown,
        responses=may(409),
    )
    def enter_credentials(name: AppId, given: Credentials, answer: Response) -> dict[str, Any]:
        api.connections.agreeing.enter(
            name,
            given.client_id,
            given.client_secret.get_secret_value(),
            base_url=given.base_url,
            options=given.options,
        )
        return credentials(name, answer)

    @router.post(
        "/connections",
        tags=["connections"],
        status_code=201,
        summary="Connect an account",
        response_model=ConnectionRow,
        responses=may(404, 409),
    )
    def connect(wanted: NewAccount) -> dict[str, Any]:
        return api.connection(api.connections.connecting.connect(wanted.wanted(wanted.app)))

    @router.get(
        "/connections/{name}",
        tags=["connections"],
        summary="One account, and what disconnecting it would mean",
        response_model=ConnectionShown,
    )
    def get_connection(name: ConnectionId, answer: Response) -> dict[str, Any]:
        found = told(api.connections.find(name), answer)
        return {**found, "disconnecting": asdict(api.connections.leaving(name))}

    @router.get(
        "/connections/{name}/limits",
        tags=["connections"],
        summary="How the budget of an account is used now",
        response_model=Limits,
    )
    def get_limits(name: ConnectionId) -> dict[str, Any]:
        return limits(api, api.connections.find(name))

    @router.get(
        "/connections/{name}/objects",
        tags=["connections"],
        summary="The objects of an account, and whether a sync can use them",
        response_model=ObjectsShown,
    )
    def get_objects(name: ConnectionId) -> dict[str, Any]:
        return api.connections.objects.listed(api.connections.find(name))

    @router.get(
        "/connections/{name}/objects/{object}",
        tags=["connections"],
        summary="One object of an account: its fields, the part that each plays, and its associations",
        response_model=ObjectFields,
    )
    def get_object(name: ConnectionId, object: ObjectId) -> dict[str, Any]:  # noqa: A002 - named as in the address
        return api.connections.objects.one(api.connections.find(name), object)

    @router.get(
        "/connections/{name}/feeds",
        tags=["connections"],
        summary="How each way of learning an account's changes stands",
        response_model=Feeds,
    )
    def get_feeds(name: ConnectionId) -> dict[str, Any]:
        return feeds(api, api.connections.find(name))

    @router.get(
        "/connections/{name}/changes",
        tags=["connections"],
        summary="How an account's changes are learned",
        response_model=LearningShown,
    )
    def get_learning(name: ConnectionId, answer: Response) -> dict[str, Any]:
        return learning(name, answer)

    @router.put(
        "/connections/{name}/changes",
        tags=["connections"],
        summary="Choose how an account's changes are learned",
        response_model=LearningShown,
        responses=may(409),
    )
    def learn_changes(name: ConnectionId, wanted: Learning, answer: Response) -> dict[str, Any]:
        learn(api, name, push=wanted.push, interval_s=wanted.interval_s)
        return learning(name, answer)

    @router.put(
        "/connections/{name}/secrets",
        tags=["connections"],
        summary="Have an account sign in by other secrets",
        response_model=ConnectionRow,
        responses=may(409),
    )
    def renew_secrets(name: ConnectionId, wanted: Secrets, answer: Response) -> dict[str, Any]:
        connections = api.connections
        secrets = {key: text.get_secret_value() for key, text in wanted.secrets.items()}
        row = connections.connecting.renew(connections.find(name), secrets, wanted.webhook_secret.get_secret_value())
        return told(row, answer)

    @router.post(
        "/connections/{name}/reach",
        tags=["connections"],
        summary="Check whether the app can reach this installation",
        response_model=Reached,
        responses=may(409),
    )
    def reach_connection(name: ConnectionId) -> dict[str, Any]:
        return asdict(reach(api, name))

    @router.patch(
        "/connections/{name}",
        tags=["connections"],
        summary="Rename an account",
        response_model=ConnectionRow,
        responses=may(409),
    )
    def rename_connection(name: ConnectionId, wanted: Renaming, answer: Response) -> dict[str, Any]:
        return told(api.connections.rename(name, wanted.label), answer)

    @router.post(
        "/connections/{name}/pause",
        tags=["connections"],
        summary="Stop calling an account; its syncs wait",
        response_model=ConnectionRow,
        responses=may(409),
    )
    def pause_connection(name: ConnectionId) -> dict[str, Any]:
        return api.connection(api.connections.pause(name))

    @router.post(
        "/connections/{name}/resume",
        tags=["connections"],
        summary="Go on with an account that was paused",
        response_model=ConnectionRow,
        responses=may(409),
    )
    def resume_connection(name: ConnectionId) -> dict[str, Any]:
        return api.connection(api.connections.resume(name))

    @router.post(
        "/connections/{name}/test", tags=["connections"], summary="Ask an account who it is", response_model=Tested
    )
    def test_connection(name: ConnectionId) -> dict[str, Any]:
        return asdict(api.connections.test(name))

    @router.delete(
        "/connections/{name}",
        tags=["connections"],
        summary="Disconnect an account that no sync uses",
        response_model=Disconnected,
        responses=may(409),
    )
    def disconnect(name: ConnectionId) -> dict[str, Any]:
        gone = api.connections.disconnect(name)
        return {"done": list(gone.done), "revoked": gone.revoked.state}


def _app_row(card: AppCard) -> dict[str, Any]:
    shown = asdict(card)
    return {"id": shown.pop("key"), **shown}

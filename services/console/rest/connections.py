"""The part of the REST API that is about apps and the accounts that are connected."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from services.console.use.apps import card_of
from services.console.use.connecting import LONGEST_LABEL, Wanted
from services.console.use.feeds import feeds
from services.console.use.installation import Installation
from services.console.use.limits import limits


class Renaming(BaseModel):
    """What of an account can be edited."""

    model_config = ConfigDict(extra="forbid")

    label: str = Field(max_length=LONGEST_LABEL, description="What people call it.")


class Account(BaseModel):
    """An account that is not connected yet."""

    model_config = ConfigDict(extra="forbid")

    auth: str = Field(description="One of the app's ways to sign in.")
    label: str = Field(default="", description="What people call it.")
    base_url: str = Field(default="", description="Where it is; the vendor's own address when empty.")
    options: dict[str, str] = Field(default={}, description="What the app needs to know besides.")
    secrets: dict[str, SecretStr] = Field(default={}, description="What it signs in with; sealed before it is stored.")

    def wanted(self, app: str) -> Wanted:
        """Return it as what can be done takes it."""
        return Wanted(
            app=app,
            auth=self.auth,
            label=self.label,
            base_url=self.base_url,
            options=self.options,
            secrets={name: text.get_secret_value() for name, text in self.secrets.items()},
        )


class NewAccount(Account):
    """An account to be connected."""

    app: str = Field(description="Key of its app.")


class Credentials(BaseModel):
    """What Syncline is known by at an app."""

    model_config = ConfigDict(extra="forbid")

    client_id: str = Field(max_length=2000)
    client_secret: SecretStr = Field(
        default=SecretStr(""), max_length=2000, description="Left out, the one that stands stays."
    )
    base_url: str = Field(default="", max_length=2000, description="Where the app is; the vendor's own when empty.")
    options: dict[str, str] = Field(default={}, description="Options of new accounts.")


def add_connection_routes(router: APIRouter, api: Installation) -> None:  # noqa: C901 - a list of routes, each a line or two
    """Add the routes."""

    @router.get("/apps", summary="Apps that can be connected")
    def apps(
        q: Annotated[str, Query(max_length=200, description="Words of its name or objects.")] = "",
    ) -> dict[str, Any]:
        return {"apps": [asdict(card) for card in api.connections.catalogue(q)]}

    @router.get("/apps/{name}", summary="One app, with the accounts that are connected")
    def one_app(name: str) -> dict[str, Any]:
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
        return {**asdict(card_of(found)), "scopes": scopes, "connections": accounts}

    @router.get("/connections", summary="Accounts that are connected")
    def rows() -> dict[str, Any]:
        return {
            "connections": [api.connection(row) for app in api.connections.apps for row in api.connections.of_app(app)]
        }

    @router.post("/apps/{name}/places", summary="What a sign-in opens, where a connection takes one of several")
    def places(name: str, wanted: Account) -> dict[str, Any]:
        found = api.connections.connecting.places(wanted.wanted(name))
        return {"places": [{"title": row.title, "options": dict(row.options)} for row in found]}

    @router.put("/apps/{name}/credentials", summary="Enter what Syncline is known by at an app, once for all accounts")
    def credentials(name: str, given: Credentials) -> dict[str, Any]:
        api.connections.agreeing.enter(
            name,
            given.client_id,
            given.client_secret.get_secret_value(),
            base_url=given.base_url,
            options=given.options,
        )
        return {"app": name, "client_id": api.connections.agreeing.client_id(name)}

    @router.post("/connections", status_code=201, summary="Connect an account")
    def connect(wanted: NewAccount) -> dict[str, Any]:
        return api.connection(api.connections.connecting.connect(wanted.wanted(wanted.app)))

    @router.get("/connections/{name}", summary="One account, and what disconnecting it would mean")
    def row(name: str) -> dict[str, Any]:
        found = api.connection(api.connections.find(name))
        return {**found, "disconnecting": asdict(api.connections.leaving(name))}

    @router.get("/connections/{name}/limits", summary="How the budget of an account is used now")
    def used(name: str) -> dict[str, Any]:
        return limits(api, api.connections.find(name))

    @router.get("/connections/{name}/feeds", summary="How each way of learning an account's changes stands")
    def told(name: str) -> dict[str, Any]:
        return feeds(api, api.connections.find(name))

    @router.patch("/connections/{name}", summary="Rename an account")
    def rename(name: str, wanted: Renaming) -> dict[str, Any]:
        return api.connection(api.connections.rename(name, wanted.label))

    @router.post("/connections/{name}/pause", summary="Stop calling an account; its syncs wait")
    def pause(name: str) -> dict[str, Any]:
        return api.connection(api.connections.pause(name))

    @router.post("/connections/{name}/resume", summary="Go on with an account that was paused")
    def resume(name: str) -> dict[str, Any]:
        return api.connection(api.connections.resume(name))

    @router.post("/connections/{name}/test", summary="Ask an account who it is")
    def test(name: str) -> dict[str, Any]:
        return asdict(api.connections.test(name))

    @router.delete("/connections/{name}", summary="Disconnect an account that no sync uses")
    def disconnect(name: str) -> dict[str, Any]:
        gone = api.connections.disconnect(name)
        return {"done": list(gone.done), "revoked": gone.revoked.state}

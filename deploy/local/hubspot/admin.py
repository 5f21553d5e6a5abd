"""The admin API: what a person does in HubSpot's pages, what went on, and what shall go wrong.

Every path begins with `/_admin/`, every body and answer is JSON, and `X-Admin-Token` must carry the token given at
start. The calls are listed in the package docstring.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from deploy.local.hubspot.account import Account
from deploy.local.hubspot.directory import make_owner
from deploy.local.hubspot.errors import ApiError, bad_request, invalid_input, not_found
from deploy.local.hubspot.events import edits
from deploy.local.hubspot.events.events import Hook, parse_subscription
from deploy.local.hubspot.faults import Faults
from deploy.local.hubspot.http import Answer, object_type
from deploy.local.hubspot.objects import properties, schemas
from deploy.local.hubspot.world import World

if TYPE_CHECKING:
    from deploy.local.hubspot.events.webhooks import Dispatcher

Body = dict[str, Any]
Query = Mapping[str, str]


class Admin:
    """The admin API over one world."""

    def __init__(self, world: World, dispatcher: "Dispatcher", token: str) -> None:
        self._world = world
        self._dispatcher = dispatcher
        self._token = token
        self._global: dict[tuple[str, str], Callable[[Body], Any]] = {
            ("GET", "ping"): lambda _: {"ok": True},
            ("GET", "accounts"): lambda _: {"accounts": [self._about(one) for one in world.accounts.values()]},
            ("POST", "accounts"): self._add_account,
            ("GET", "apps"): lambda _: {"apps": [asdict(app) for app in world.apps.values()]},
            ("POST", "apps"): lambda body: asdict(world.add_public_app(**body)),
            ("GET", "token-calls"): lambda _: {"calls": world.token_calls},
            ("POST", "clock"): self._clock,
            ("POST", "expire"): self._expire,
        }
        self._of_account: dict[tuple[str, str], Callable[[Account, Body, Query], Any]] = {
            ("GET", ""): lambda account, *_: self._about(account),
            ("PATCH", ""): self._settings,
            ("POST", "tokens"): self._add_token,
            ("POST", "scopes"): self._take_scopes,
            ("POST", "revoke"): self._revoke,
            ("POST", "owners"): self._add_owners,
            ("GET", "webhooks"): lambda account, *_: self._webhooks(account),
            ("PUT", "webhooks"): self._set_webhooks,
            ("GET", "faults"): lambda account, *_: {"rules": account.faults.report()},
            ("PUT", "faults"): self._set_faults,
            ("POST", "schemas"): self._schemas,
            ("POST", "associations"): self._associate,
            ("POST", "edits"): self._edits,
            ("POST", "load"): self._load,
            ("GET", "audit"): self._audit,
            ("GET", "calls"): self._calls,
        }

    def handle(self, scope: Any, path: str, body: bytes) -> Answer:
        """Answer one call."""
        token = next((value for name, value in scope["headers"] if name == b"x-admin-token"), b"")
        if not hmac.compare_digest(token, self._token.encode()):
            raise ApiError(401, "INVALID_AUTHENTICATION", "X-Admin-Token must carry the token given at start")
        query = dict(part.partition("=")[::2] for part in scope["query_string"].decode().split("&") if part)
        try:
            data = orjson.loads(body) if body else {}
        except orjson.JSONDecodeError as error:
            raise invalid_input(str(error)) from error
        if not isinstance(data, dict):
            raise invalid_input("the body must be an object")
        try:
            return Answer(200, self._route(scope["method"], path.strip("/").split("/")[1:], data, query))
        except (ValueError, TypeError, KeyError) as error:
            # A switch set wrongly is the caller's mistake: say what is wrong with it.
            raise bad_request(f"{type(error).__name__}: {error}") from error

    def _route(self, method: str, steps: list[str], body: Body, query: Query) -> Any:
        if len(steps) == 1 and (method, steps[0]) in self._global:
            return self._global[method, steps[0]](body)
        if len(steps) >= 2 and steps[0] == "accounts":
            account = self._world.accounts.get(int(steps[1]) if steps[1].isdigit() else 0)
            if account is None:
                raise not_found(f"there is no account {steps[1]}; create it by POST /_admin/accounts")
            name = steps[2] if len(steps) > 2 else ""
            if len(steps) <= 3 and (method, name) in self._of_account:
                return self._of_account[method, name](account, body, query)
            if len(steps) == 4 and (method, name) == ("GET", "records"):
                return self._records(account, object_type(steps[3], account).name)
            if len(steps) == 4 and (method, name) == ("POST", "properties"):
                return self._add_property(account, object_type(steps[3], account).name, body)
            if len(steps) == 4 and (method, name) == ("PUT", "pipelines"):
                return self._set_pipelines(account, object_type(steps[3], account).name, body)
            if len(steps) == 5 and (method, name) == ("GET", "associations"):
                ends = object_type(steps[3], account).name, object_type(steps[4], account).name
                links = account.store.links.get(ends, {})
                return {
                    one: {other: sorted(types) for other, types in end.items()} for one, end in links.items() if end
                }
        raise not_found(f"no admin call {method} /_admin/{'/'.join(steps)}")

    def _about(self, account: Account) -> Body:
        return {
            "portalId": account.portal_id,
            "settings": asdict(account.settings),
            "counts": {
                name: sum(1 for _ in table.live()) for name, table in account.store.tables.items() if table.records
            },
            "apps": [
                {"appId": grant.app_id, "token": grant.token, "scopes": grant.scopes}
                for grant in self._world.grants.values()
                if grant.portal_id == account.portal_id and grant.kind == "access"
            ],
        }

    def _add_account(self, body: Body) -> Body:
        account = self._world.add_account(int(body["portalId"]), **body.get("settings", {}))
        if body.get("token"):
            self._add_token(account, body, {})
        if body.get("owners"):
            self._add_owners(account, body, {})
        return self._about(account)

    def _settings(self, account: Account, body: Body, _: Query) -> Body:
        self._world.change_settings(account, body)
        return self._about(account)

    def _add_token(self, account: Account, body: Body, _: Query) -> Body:
        app = self._world.add_private_app(
            account.portal_id,
            str(body["token"]),
            scopes=body.get("scopes"),
            app_id=int(body.get("appId", 0)),
            client_secret=str(body.get("clientSecret", "")),
        )
        return {"appId": app.app_id, "clientSecret": app.client_secret}

    def _take_scopes(self, account: Account, body: Body, _: Query) -> Body:
        """Take scopes (`remove`) away from every token of an account, as an admin who changes an app does."""
        gone = set(body["remove"])
        for grant in self._world.grants.values():
            if grant.portal_id == account.portal_id:
                grant.scopes = [scope for scope in grant.scopes if scope not in gone]
        self._world.save()
        return self._about(account)

    def _revoke(self, account: Account, _body: Body, _query: Query) -> Body:
        """Remove every public app from an account, as a person does in its settings: no token works any longer."""
        world = self._world
        for grant in [one for one in world.grants.values() if one.portal_id == account.portal_id]:
            if not world.apps[grant.app_id].private:
                del world.grants[grant.token]
        world.save()
        return self._about(account)

    def _expire(self, body: Body) -> Body:
        """Expire a token at once, or revoke it (`revoke: true`)."""
        grant = self._world.grants[str(body["token"])]
        if body.get("revoke"):
            del self._world.grants[grant.token]
        else:
            grant.expires_ms = self._world.clock() - 1
        self._world.save()
        return {"ok": True}

    def _clock(self, body: Body) -> Body:
        advance = getattr(self._world.clock, "advance", None)
        if advance is None:
            raise bad_request("the clock of this simulator cannot be moved")
        advance(int(body["advanceMs"]))
        return {"now": self._world.clock()}

    def _add_owners(self, account: Account, body: Body, _: Query) -> Body:
        made = []
        for fields in body["owners"]:
            number = int(fields.get("id") or 501 + len(account.owners))
            account.owners[str(number)] = make_owner(number, fields, self._world.clock())
            made.append(account.owners[str(number)])
        self._world.save()
        return {"owners": made}

    def _add_property(self, account: Account, kind: str, body: Body) -> Body:
        prop = properties.define(
            account, kind, {"groupName": next(iter(account.groups[kind])), **body}, self._world.clock()
        )
        self._world.save()
        return properties.show(prop)

    def _set_pipelines(self, account: Account, kind: str, body: Body) -> Body:
        """Replace the pipelines of an object type, as an admin does in the account's settings."""
        made = account.pipelines.replace(kind, body["pipelines"], self._world.clock())
        self._world.save()
        return {"results": made}

    def _schemas(self, account: Account, body: Body, _: Query) -> Body:
        """Make a custom object, or remove one (`remove`) with all its records."""
        if body.get("remove"):
            account.remove_custom(object_type(body["remove"], account).name)
            self._world.save()
            return self._about(account)
        kind = schemas.define(account, body, self._world.clock())
        self._world.save()
        return schemas.show(account, kind)

    def _associate(self, account: Account, body: Body, _: Query) -> Body:
        """Define how records of two types are associated: plainly, under a `label`, and with how many (`most`)."""
        types = account.associations
        ends = object_type(body["from"], account).name, object_type(body["to"], account).name
        row = types.associate(*ends)
        if body.get("label"):
            row = types.label(*ends, body["label"], body.get("inverseLabel", ""))
        if body.get("most"):
            types.limits[row.type_id] = int(body["most"])
        self._world.save()
        return {"typeId": row.type_id, "number": row.number, "category": row.category}

    def _webhooks(self, account: Account) -> Body:
        counts: Mapping[str, int] = self._dispatcher.counts.get(account.portal_id, {})
        return {
            "hooks": [asdict(hook) for hook in account.hooks],
            "pending": len(account.outbox.owed),
            "counts": dict(counts),
            "log": list(self._dispatcher.log.get(account.portal_id, ())),
        }

    def _set_webhooks(self, account: Account, body: Body, _: Query) -> Body:
        """Replace the hook of one app (by default the account's private app); no `url` removes it."""
        own = [
            grant.app_id
            for grant in self._world.grants.values()
            if grant.portal_id == account.portal_id and self._world.apps[grant.app_id].private
        ]
        app = self._world.apps[int(body.get("appId") or own[0])]
        custom = account.custom.values() if app.private else ()
        account.hooks = [hook for hook in account.hooks if hook.app_id != app.app_id]
        if body.get("url"):
            signature = body.get("signature", "v3")
            if signature not in ("v1", "v2", "v3"):
                raise bad_request(f"signature {signature!r} must be v1, v2 or v3")
            account.hooks.append(
                Hook(
                    app_id=app.app_id,
                    url=body["url"],
                    secret=app.client_secret,
                    signature=signature,
                    public_url=body.get("publicUrl", ""),
                    redact=body.get("redact", []),
                    subscriptions=[
                        parse_subscription(
                            int(row.get("id") or 100 + number),
                            row["eventType"],
                            row.get("propertyName", ""),
                            row.get("objectTypeId", ""),
                            custom,
                        )
                        for number, row in enumerate(body["subscriptions"])
                    ],
                )
            )
        self._world.save()
        return {"appId": app.app_id, "clientSecret": app.client_secret, **self._webhooks(account)}

    def _set_faults(self, account: Account, body: Body, _: Query) -> Body:
        account.faults = Faults(body.get("rules", []), int(body.get("seed", 0)))
        return {"rules": account.faults.report()}

    def _edits(self, account: Account, body: Body, _: Query) -> Body:
        now, call = self._world.clock(), self._world.new_id()
        return {"results": [edits.apply(account, row, now, call) for row in body["edits"]]}

    def _load(self, account: Account, body: Body, _: Query) -> Body:
        return edits.load(account, body, self._world.clock())

    def _audit(self, account: Account, _: Body, query: Query) -> Body:
        found = account.audit_after(int(query.get("after", 0)), int(query.get("limit", 100_000)))
        last = found[-1]["seq"] if found else int(query.get("after", 0))
        return {"entries": found, "last": last}

    def _calls(self, account: Account, _: Body, query: Query) -> Body:
        calls = account.calls
        body: Body = {
            "total": calls.total,
            "byClass": dict(calls.by_class),
            "byStatus": {str(status): count for status, count in calls.by_status.items()},
            "refused": dict(calls.refused),
            "windows": [[start, *counts] for start, counts in sorted(calls.windows.items())],
        }
        if "after" in query:
            after, limit = int(query["after"]), int(query.get("limit", 10_000))
            body["calls"] = list(islice((call for call in calls.recent if call["seq"] > after), limit))
        return body

    def _records(self, account: Account, kind: str) -> Body:
        table = account.store.tables[kind]
        return {
            "records": [
                {
                    "id": record.id,
                    "properties": record.props,
                    "createdAt": record.created,
                    "updatedAt": record.updated,
                    "archived": record.archived_at > 0,
                }
                for record in table.records.values()
            ],
            "moved": table.moved,
        }

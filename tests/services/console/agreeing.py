"""The HubSpot simulator as people know it: an app of ours is registered there, and somebody agrees on its page."""

from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import requests

from deploy.local.hubspot import AdminClient, HubSpotServer
from deploy.local.servers.hubspot import HubSpotProcess
from shared.apps.hubspot import HUBSPOT
from tests.console.web.client import ConsoleClient

PORTALS = (9101, 9102)
SCOPES = tuple(row.name for row in HUBSPOT.scopes)


class _Form(HTMLParser):
    action = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the address of the form."""
        if tag == "form":
            self.action = dict(attrs)["action"] or ""


@dataclass
class Vendor:
    """HubSpot, with an app of ours."""

    server: HubSpotServer | HubSpotProcess
    admin: AdminClient
    app: dict[str, Any]

    @classmethod
    def register(cls, server: HubSpotServer | HubSpotProcess, console: str) -> "Vendor":
        """Register an app that sends people back to a console."""
        admin = server.admin()
        known = {row["portalId"] for row in admin.call("GET", "accounts")["accounts"]}
        for portal in PORTALS:
            if portal not in known:
                admin.add_account(portal, settings={"token_ttl_s": 1800})
        redirect = [f"{console}/oauth/callback"]
        app = admin.call("POST", "apps", {"name": "Syncline", "redirect_uris": redirect, "scopes": list(SCOPES)})
        return cls(server, admin, app)

    def fields(self, **changes: str) -> dict[str, str]:
        """Return what an admin enters into the console."""
        return {
            "client_id": self.app["client_id"],
            "client_secret": self.app["client_secret"],
            "base_url": self.server.url,
            "authorize_url": f"{self.server.url}/oauth/authorize",
            **changes,
        }

    def refresh_tokens(self) -> list[str]:
        """Return the refresh tokens that HubSpot takes, of all accounts."""
        return [row.token for row in self.server.world.grants.values() if row.kind == "refresh"]  # type: ignore[union-attr]  # of a server in this process

    def agree(self, address: str, portal: int = PORTALS[0], decision: str = "allow") -> str:
        """Do what a person does on HubSpot's page; returns where they are sent."""
        with requests.Session() as http:
            http.trust_env = False
            form = _Form()
            form.feed(http.get(address, timeout=5).text)
            data = {"portal_id": str(portal), "decision": decision}
            back = http.post(self.server.url + form.action, data=data, allow_redirects=False, timeout=5)
            return back.headers["location"]


def enter(client: ConsoleClient, vendor: Vendor, **changes: str) -> requests.Response:
    """Enter the app's credentials."""
    path = "/apps/hubspot/credentials"
    return client.send(client.open(path).form(path), **vendor.fields(**changes))


def go(client: ConsoleClient, **query: str) -> str:
    """Go from the review of permissions to the app; returns the address there."""
    written = {name: query.pop(name) for name in ("label", "push") if name in query}
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    form = client.open(f"/apps/hubspot/connect?{asked}").form("/apps/hubspot/authorize")
    answer = client.send(form, **written)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]

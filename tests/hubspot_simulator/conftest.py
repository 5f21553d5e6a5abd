"""One simulator for the whole folder; every test has an account of its own in it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import hubspot
import pytest
import requests

from deploy.local.hubspot import AdminClient, HubSpotServer

_portals = count(7001)


@dataclass
class Portal:
    """One account, seen through the admin API, the official client and plain HTTP."""

    number: int
    token: str
    server: HubSpotServer
    admin: AdminClient
    http: requests.Session

    @property
    def client(self) -> Any:
        """Return HubSpot's own client, pointed at the simulator."""
        return hubspot.HubSpot(access_token=self.token, host=self.server.url, base_url=self.server.url)

    def send(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        """Make a call as the private app."""
        return self.http.request(method, self.server.url + path, json=body, params=query, timeout=30)

    def make(self, kind: str = "contacts", **properties: str) -> str:
        """Create a record and return its id."""
        answer = self.send("POST", f"/crm/v3/objects/{kind}", {"properties": properties})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def read(self, record_id: str, *names: str, kind: str = "contacts") -> dict[str, Any]:
        """Return the properties of a record."""
        answer = self.send("GET", f"/crm/v3/objects/{kind}/{record_id}", properties=",".join(names))
        assert answer.status_code == 200, answer.text
        properties: dict[str, Any] = answer.json()["properties"]
        return properties


@pytest.fixture(name="server", scope="session")
def _server() -> Iterator[HubSpotServer]:
    with HubSpotServer(seed=1) as server:
        yield server


@contextmanager
def open_portal(server: HubSpotServer, number: int = 0, *, create: bool = True) -> Iterator[Portal]:
    """Open an account of a server, by default a new one without limits and without index lag."""
    number = number or next(_portals)
    token = f"pat-{number}"
    with closing(server.admin()) as admin, requests.Session() as session:
        if create:
            free = {"index_lag_ms": 0, "ten_secondly": 0, "search_per_second": 0}
            admin.add_account(number, token=token, settings=free)
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {token}"
        yield Portal(number, token, server, admin, session)


@pytest.fixture(name="portal")
def _portal(server: HubSpotServer) -> Iterator[Portal]:
    with open_portal(server) as portal:
        yield portal

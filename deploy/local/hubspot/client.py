"""A small client of the admin API, for tests, `make run` and the bench."""

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import requests

ADMIN_TOKEN: Final = "HUBSPOT_ADMIN_TOKEN"  # noqa: S105 - the name of a variable
"""Variable in which the simulator finds the token of its admin API."""
ACCOUNTS: Final = "HUBSPOT_ACCOUNTS"
"""Variable of the accounts that it has from its start."""


class AdminClient:
    """Speaks to the admin API of a running simulator; not to be shared between threads."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["X-Admin-Token"] = token

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> dict[str, Any]:
        """Make one admin call and return its answer.

        Raises:
            RuntimeError: the simulator refused; the message says why.
        """
        answer = self._session.request(method, f"{self.url}/_admin/{path}", json=body, params=query, timeout=120)
        if answer.status_code != 200:
            raise RuntimeError(f"{method} /_admin/{path} answered {answer.status_code}: {answer.text}")
        found: dict[str, Any] = answer.json()
        return found

    def add_account(self, portal: int, **fields: Any) -> dict[str, Any]:
        """Create an account; `fields` are `token`, `scopes`, `settings`, `owners`, `clientSecret`, `appId`."""
        return self.call("POST", "accounts", {"portalId": portal, **fields})

    def settings(self, portal: int, **changes: Any) -> dict[str, Any]:
        """Change settings of an account."""
        return self.call("PATCH", f"accounts/{portal}", changes)

    def add_property(self, portal: int, kind: str, *, name: str, unique: bool = False, **fields: Any) -> dict[str, Any]:
        """Create a property; a text unless `type` and `fieldType` say otherwise."""
        body = {"name": name, "label": name, "type": "string", "fieldType": "text", "hasUniqueValue": unique, **fields}
        return self.call("POST", f"accounts/{portal}/properties/{kind}", body)

    def set_pipelines(self, portal: int, kind: str, pipelines: Mapping[str, Mapping[str, str]]) -> None:
        """Replace the pipelines of an object type.

        Args:
            portal: the account.
            kind: `deals` or `tickets`.
            pipelines: by label, the stages: id and label. A pipeline's id is its label in lower case.
        """
        rows = [
            {
                "id": label.lower(),
                "label": label,
                "stages": [{"id": one, "label": name} for one, name in stages.items()],
            }
            for label, stages in pipelines.items()
        ]
        self.call("PUT", f"accounts/{portal}/pipelines/{kind}", {"pipelines": rows})

    def add_object(self, portal: int, name: str, /, *, required: Iterable[str] = (), **types: str) -> dict[str, Any]:
        """Create a custom object with properties of these types; the first one names its records."""
        shown = {"string": "text", "bool": "booleancheckbox", "datetime": "date"}
        rows = [
            {"name": one, "label": one.capitalize(), "type": type_, "fieldType": shown.get(type_, type_)}
            for one, type_ in types.items()
        ]
        labels = {"singular": name.capitalize(), "plural": f"{name.capitalize()}s"}
        body = {"name": name, "labels": labels, "primaryDisplayProperty": next(iter(types)), "properties": rows}
        return self.call("POST", f"accounts/{portal}/schemas", {**body, "requiredProperties": list(required)})

    def associate(self, portal: int, source: str, target: str, **fields: Any) -> int:
        """Define how records of two types are associated, and return the type that `edit` links them by.

        Args:
            portal: the account.
            source: an object type.
            target: another one.
            fields: `label` and `inverseLabel`; `most`, how many a record of `source` may lead to.
        """
        return int(
            self.call("POST", f"accounts/{portal}/associations", {"from": source, "to": target, **fields})["typeId"]
        )

    def remove_object(self, portal: int, name: str) -> None:
        """Remove a custom object with all its records, by its full name or type id."""
        self.call("POST", f"accounts/{portal}/schemas", {"remove": name})

    def set_webhooks(
        self, portal: int, url: str, events: Iterable[str], *, signature: str = "v3", **fields: Any
    ) -> dict[str, Any]:
        """Subscribe the account's private app.

        Args:
            portal: the account.
            url: the target; blank ends the subscriptions.
            events: event types, each perhaps with `:property`; `object.creation@0-1` is the generic form.
            signature: `v1`, `v2` or `v3`.
            fields: `appId`, `publicUrl`, `redact`.
        """
        rows = []
        for event in events:
            name, _, property_name = event.partition(":")
            event_type, _, type_id = name.partition("@")
            rows.append({"eventType": event_type, "propertyName": property_name, "objectTypeId": type_id})
        body = {"url": url, "signature": signature, "subscriptions": rows, **fields}
        return self.call("PUT", f"accounts/{portal}/webhooks", body)

    def set_faults(self, portal: int, *rules: dict[str, Any], seed: int = 0) -> dict[str, Any]:
        """Replace the fault rules of an account; none ends all faults."""
        return self.call("PUT", f"accounts/{portal}/faults", {"seed": seed, "rules": list(rules)})

    def edit(self, portal: int, op: str, kind: str, record_id: str = "", **fields: Any) -> str:
        """Make one edit as a person, and return the record's id."""
        row = {"op": op, "type": kind, "id": record_id, **fields}
        results = self.call("POST", f"accounts/{portal}/edits", {"edits": [row]})["results"]
        return str(results[0]["id"])

    def load(self, portal: int, **body: Any) -> dict[str, list[str]]:
        """Load records, or a `dataset`, and return their ids by object type."""
        ids: dict[str, list[str]] = self.call("POST", f"accounts/{portal}/load", body)["ids"]
        return ids

    def audit(self, portal: int, after: int = 0) -> list[dict[str, Any]]:
        """Return the writes above a sequence number."""
        entries: list[dict[str, Any]] = self.call("GET", f"accounts/{portal}/audit", after=after)["entries"]
        return entries

    def calls(self, portal: int) -> dict[str, Any]:
        """Return the counters of calls."""
        return self.call("GET", f"accounts/{portal}/calls")

    def records(self, portal: int, kind: str) -> dict[str, dict[str, Any]]:
        """Return every record of a type by id."""
        rows = self.call("GET", f"accounts/{portal}/records/{kind}")["records"]
        return {row["id"]: row for row in rows}

    def webhooks(self, portal: int) -> dict[str, Any]:
        """Return hooks, pending events, counts and the last requests."""
        return self.call("GET", f"accounts/{portal}/webhooks")

    def wait_delivered(self, portal: int, seconds: float = 30) -> None:
        """Wait until no webhook event is pending.

        Raises:
            TimeoutError: some still are.
        """
        deadline = time.monotonic() + seconds
        while (pending := self.webhooks(portal)["pending"]) > 0:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{pending} webhook events of account {portal} were not delivered in {seconds} s")
            time.sleep(0.02)

"""Things to try on a local run: edit a contact in HubSpot, edit a card, or add somebody to HubSpot."""

import argparse
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import requests

from deploy.local.hubspot.client import AdminClient

_LONGEST_S: Final = 60.0


class _Run:
    """A local run, as its folder describes it; ends the command with a sentence where it is not there."""

    def __init__(self, data: Path) -> None:
        path = data / "endpoints.json"
        if not path.exists():
            sys.exit(f"{path} is not there: start `make run` first")
        where = json.loads(path.read_text())
        self.console, self.portal = where["console"], where["hubspot_portal"]
        self._token, self._book = where["console_token"], where["carddav"]
        self._auth = (where["carddav_user"], where["carddav_password"])
        self.admin = AdminClient(where["hubspot"], where["hubspot_admin_token"])

    def records(self, **query: str) -> list[dict[str, Any]]:
        """Ask the console for records that have both sides."""
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            reply = requests.get(f"{self.console}/api/v1/records", headers=headers, params=query, timeout=10)
        except requests.ConnectionError:
            sys.exit(f"nothing answers at {self.console}: start `make run` first")
        reply.raise_for_status()
        return [row for row in reply.json()["records"] if row["left"] and row["right"]]

    def contact(self, record: str) -> dict[str, Any]:
        """Return the properties of a contact."""
        properties: dict[str, Any] = self.admin.records(self.portal, "contacts")[record]["properties"]
        return properties

    def card(self, record: str) -> str:
        """Return a card as it is written."""
        return requests.get(f"{self._book}{record}", auth=self._auth, timeout=10).content.decode()

    def put(self, record: str, line: str, value: str) -> None:
        """Put a line into a card, in place of all of its kind."""
        text = re.sub(rf"(?m)^{line}[;:].*\r\n", "", self.card(record))
        text = text.replace("END:VCARD", f"{line}:{value}\r\nEND:VCARD")
        answer = requests.put(f"{self._book}{record}", data=text.encode(), auth=self._auth, timeout=10)
        answer.raise_for_status()


def main() -> int:
    """Do one of these things; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.edit", description=__doc__)
    parser.add_argument("what", choices=("hubspot", "card", "new"))
    parser.add_argument("--data", type=Path, default=Path(".run"))
    parser.add_argument("--name", default="", help="part of a name, or a record's id; of somebody new the whole name")
    parser.add_argument("--email", default="", help="the e-mail address to enter (default: another job title)")
    given = parser.parse_args()
    run = _Run(given.data)
    return _add(run, given.name, given.email) if given.what == "new" else _edit(run, given)


def _add(run: _Run, name: str, email: str) -> int:
    first, _, last = name.partition(" ")
    properties = {"firstname": first, "lastname": last, "email": email}
    run.admin.edit(run.portal, "create", "contacts", properties=properties)
    print(f"{name} is a contact of HubSpot now")  # noqa: T201 - a command
    return _wait(lambda: "in the address book" if run.records(sync="contacts", q=email, status="in_sync") else "")


def _edit(run: _Run, given: argparse.Namespace) -> int:
    status = {} if given.name else {"status": "in_sync"}
    found = run.records(sync="contacts", q=given.name, limit="1", **status)
    if not found:
        sys.exit("no such contact is in sync yet; wait for the first sync")
    row = found[0]
    what, field, line = ("e-mail address", "email", "EMAIL") if given.email else ("job title", "jobtitle", "TITLE")
    value = given.email or f"Title {time.time_ns() % 10**9}"
    if given.what == "hubspot":
        run.admin.edit(run.portal, "update", "contacts", row["left"], properties={field: value})
    else:
        run.put(row["right"], line, value)
    print(f"{row['label']}: {what} set to {value!r} in {given.what}")  # noqa: T201 - as above

    def came_to() -> str:
        there = value in run.card(row["right"]) and run.contact(row["left"]).get(field) == value
        if there:
            return "on the other side"
        fails = run.records(sync="contacts", q=row["left"], status="failing")
        return f"not taken over: {fails[0]['summary']}" if fails and given.email else ""

    return _wait(came_to)


def _wait(look: Callable[[], str]) -> int:
    """Wait until there is something to say, and say it."""
    started = time.monotonic()
    while time.monotonic() - started < _LONGEST_S:
        said = look()
        if said:
            print(f"{said} after {time.monotonic() - started:.2f} s")  # noqa: T201 - as above
            return 0
        time.sleep(0.02)
    print(f"nothing came of it within {_LONGEST_S:.0f} s: ask why")  # noqa: T201 - as above
    return 1


if __name__ == "__main__":
    sys.exit(main())

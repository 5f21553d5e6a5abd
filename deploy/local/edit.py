"""Two things to try on a local run: edit a contact in HubSpot, edit a card."""

import argparse
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import requests

from deploy.local.hubspot.client import AdminClient


def _get(where: dict[str, Any], path: str, **query: str) -> Any:
    headers = {"Authorization": f"Bearer {where['console_token']}"}
    reply = requests.get(f"{where['console']}/api/v1/{path}", headers=headers, params=query, timeout=10)
    reply.raise_for_status()
    return reply.json()


def _row(where: dict[str, Any], name: str) -> dict[str, Any]:
    found = _get(where, "records", sync="contacts", status="in_sync", q=name, limit="1")["records"]
    if not found:
        sys.exit("no contact is in sync yet; wait for the first sync")
    row: dict[str, Any] = found[0]
    return row


def main() -> int:
    """Do one of the two; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.edit", description=__doc__)
    parser.add_argument("what", choices=("hubspot", "card"))
    parser.add_argument("--data", type=Path, default=Path(".run"))
    parser.add_argument("--name", default="", help="part of a name, or a record's id")
    given = parser.parse_args()
    path = given.data / "endpoints.json"
    if not path.exists():
        sys.exit(f"{path} is not there: start `make run` first")
    where = json.loads(path.read_text())
    try:
        row = _row(where, given.name)
    except requests.ConnectionError:
        sys.exit(f"nothing answers at {where['console']}: start `make run` first")
    card = f"{where['carddav']}{row['right']}"
    auth = (where["carddav_user"], where["carddav_password"])
    title = f"Title {time.time_ns() % 10**9}"
    started = time.monotonic()
    admin = AdminClient(where["hubspot"], where["hubspot_admin_token"])
    portal = where["hubspot_portal"]
    if given.what == "hubspot":
        admin.edit(portal, "update", "contacts", row["left"], properties={"jobtitle": title})
    else:
        text = requests.get(card, auth=auth, timeout=10).content.decode()
        text = re.sub(r"(?m)^TITLE.*\r\n", "", text).replace("END:VCARD", f"TITLE:{title}\r\nEND:VCARD")
        requests.put(card, data=text.encode(), auth=auth, timeout=10).raise_for_status()
    print(f"{row['label']}: job title set to {title!r} in {given.what}")  # noqa: T201
    while time.monotonic() - started < 60:
        if given.what == "hubspot":
            arrived = title in requests.get(card, auth=auth, timeout=10).text
        else:
            arrived = admin.records(portal, "contacts")[row["left"]]["properties"].get("jobtitle") == title
        if arrived:
            print(f"on the other side after {time.monotonic() - started:.2f} s")  # noqa: T201
            return 0
        time.sleep(0.02)
    print("not on the other side within 60 s: ask why")  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())

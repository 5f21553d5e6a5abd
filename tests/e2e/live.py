"""A running installation as tests see it: edits on both sides as people make them, and an oracle of what must stand."""

import json
import random
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests

from deploy.local import people
from deploy.local.servers.base import is_free
from deploy.local.servers.ports import port_layout
from deploy.local.stack import PORTAL, SYNC, Stack
from shared.apps import APPS
from shared.apps.carddav.card import read_card, read_fields
from shared.config.compiling import compile_policy
from shared.config.setups import Setups
from shared.engine.merging import equal
from shared.engine.policies import Policy
from shared.io.kafka.reader import read_to_end
from shared.model.records import Value
from shared.model.sides import BySide
from shared.settings import load
from shared.wire import topics

APP_WRITES = "app"
"""Who made a change, in the audit log of the HubSpot simulator."""
SENDER = "syncline"
"""How Syncline names itself to servers."""
_CALL = r"\[(?P<call>\d+/[^\]]+)\] \[\w+\] PUT "
_ASKED = re.compile(_CALL + r"request for .* using '(?P<sender>[^']*)'")
_ANSWERED = re.compile(_CALL + r"response status for .*: 20[14] ")
"""Lines of Radicale's log: a PUT that came, and one that was executed."""


def free_ports() -> dict[str, int]:
    """Find a base whose ports are all free."""
    draw = random.SystemRandom()
    for _ in range(200):
        layout = port_layout(draw.randrange(12000, 31000))
        if all(is_free(port) for port in layout.values()):
            return layout
    raise RuntimeError("no free range of ports was found")


def wait(what: Callable[[], Any], seconds: float = 30.0, *, every: float = 0.05) -> Any:
    """Wait until something is true; raises AssertionError with the last answer or error."""
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = what()
        except AssertionError as error:
            last = error
        else:
            if last:
                return last
        time.sleep(every)
    raise AssertionError(f"not within {seconds} s: {last}")


def vcard(**fields: str) -> str:
    """Write a card: `first`, `last`, `email`, `title`, `phone`, `note`, `org`, `second` address."""
    rows = ["BEGIN:VCARD", "VERSION:3.0", f"UID:{fields.get('uid') or uuid.uuid4()}"]
    first, last = fields.get("first", ""), fields.get("last", "")
    rows += [f"FN:{first} {last}".strip(), f"N:{last};{first};;;"]
    kinds = {
        "email": "EMAIL;TYPE=INTERNET",
        "second": "EMAIL;TYPE=HOME",
        "title": "TITLE",
        "org": "ORG",
        "note": "NOTE",
    }
    rows += [f"{kind}:{fields[name]}" for name, kind in kinds.items() if fields.get(name)]
    if fields.get("phone"):
        rows.append(f"TEL;TYPE=WORK,VOICE:{fields['phone']}")
    return "\r\n".join([*rows, "X-OURS:kept", "END:VCARD", ""])


class Live:
    """One installation under test."""

    def __init__(
        self,
        folder: Path,
        *,
        data: Callable[[], people.People] | None,
        poll_s: float = 1.0,
        make: Callable[..., Stack] = Stack,
        sync: Mapping[str, Any] | None = None,
    ) -> None:
        # Tests ask more often than anybody else would.
        env = {"SYNCLINE_CONSOLE_CALLS_PER_MINUTE": "0"}
        self.stack = make(folder, free_ports(), poll_s=poll_s, sync=sync, env=env)
        self._data = data
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.auth = (self.stack.radicale.user, self.stack.radicale.password)
        self.told: list[str] = []
        self.revived = False
        """Whether the test starts again what ended; without it a service that ends fails the test at once."""
        self.described = False

    def start(self) -> None:
        """Start everything, and wait for the first sync."""
        if self._data is None:
            self.stack.start(self.told.append, empty=True)
        else:
            self.stack.start(self.told.append, empty=False, data=self._data)
        self.admin = self.stack.hubspot.admin()

    def stop(self) -> list[str]:
        """Stop everything; gives who had to be killed."""
        self.admin.close()
        return self.stack.stop()

    def describe(self) -> str:
        """Tell how the installation stands, for a test that failed: each service's threads and last words."""
        running = {name: child for name, child in self.stack.services.items() if child.is_running()}
        for child in running.values():
            child.dump()
        time.sleep(1)
        parts = [f"health: {as_json(self.stack.api('health') or {})}"]
        for name, child in self.stack.services.items():
            how = "runs" if name in running else f"ended with code {child.exit_code}"
            parts.append(f"{name} {how}:\n{child.log_tail(120)}")
        return "\n".join(parts)

    # HubSpot

    def contacts(self) -> dict[str, dict[str, str]]:
        """Return the living contacts by id, with their properties."""
        rows = self.admin.call("GET", f"accounts/{PORTAL}/records/contacts")["records"]
        return {row["id"]: row["properties"] for row in rows if not row["archived"]}

    def contact(self, email: str) -> tuple[str, dict[str, str]]:
        """Find the one contact with an address."""
        found = [(name, row) for name, row in self.contacts().items() if row.get("email", "").lower() == email.lower()]
        assert len(found) == 1, f"{len(found)} contacts have the address {email}"
        return found[0]

    def edit_contact(self, name: str, **properties: str) -> None:
        """Change a contact as a person."""
        self.admin.edit(PORTAL, "update", "contacts", name, properties=properties)

    def new_contact(self, **properties: str) -> str:
        """Add a contact as a person."""
        return self.admin.edit(PORTAL, "create", "contacts", properties=properties)

    def app_writes(self, after: int = 0) -> list[dict[str, Any]]:
        """List what Syncline wrote to HubSpot's contacts, from the audit log."""
        return [
            row for row in self.admin.audit(PORTAL, after) if row["by"][0] == APP_WRITES and row["type"] == "contacts"
        ]

    def audit_end(self) -> int:
        """Return the sequence number of HubSpot's last write."""
        return int(self.admin.call("GET", f"accounts/{PORTAL}/audit")["last"])

    # The address book

    @property
    def book(self) -> Path:
        """Return the folder in which Radicale keeps the cards: one file a card."""
        user, book = self.stack.radicale.book_url.rstrip("/").split("/")[-2:]
        return self.stack.radicale.folder / "collections" / "collection-root" / user / book

    def card(self, name: str) -> dict[str, Value | None]:
        """Read one card's fields."""
        names = [info.name for info in APPS["carddav"].objects["contact"].fields]
        return dict(read_fields(read_card((self.book / name).read_bytes()), names))

    def cards(self) -> dict[str, dict[str, Value | None]]:
        """Read all cards."""
        found = {}
        for path in self.book.glob("*.vcf"):
            try:
                found[path.name] = self.card(path.name)
            except FileNotFoundError:
                continue  # deleted meanwhile
        return found

    def card_of(self, email: str) -> tuple[str, dict[str, Value | None]]:
        """Find the one card with an address."""
        found = [(name, row) for name, row in self.cards().items() if str(row["email"] or "").lower() == email.lower()]
        assert len(found) == 1, f"{len(found)} cards have the address {email}"
        return found[0]

    def put(self, name: str, text: str) -> None:
        """Store a card as a person's program does."""
        assert self.put_raw(name, text.encode()), f"the book does not take {text}"

    def put_raw(self, name: str, body: bytes) -> bool:
        """Store whatever a program sends, and tell whether the server took it."""
        url = self.stack.radicale.book_url + name
        reply = self._http.put(url, data=body, headers={"Content-Type": "text/vcard"}, timeout=30)
        return reply.status_code in (201, 204)

    def card_writes(self) -> int:
        """Count what Syncline has written to the book so far, from the server's own log."""
        senders: dict[str, str] = {}
        written = 0
        for row in self.stack.radicale.log.read_text(errors="replace").splitlines():
            asked, answered = _ASKED.search(row), _ANSWERED.search(row)
            if asked is not None:
                senders[asked["call"]] = asked["sender"]
            elif answered is not None and senders.pop(answered["call"], "") == SENDER:
                written += 1
        return written

    def edit_card(self, name: str, **lines: str) -> bytes:
        """Replace lines of a card by their names, and return the card as it was; an empty text removes the line."""
        for _ in range(20):
            reply = self._http.get(self.stack.radicale.book_url + name, timeout=30)
            assert reply.status_code == 200, reply.text
            kept = [
                row for row in reply.content.decode().replace("\r\n ", "").splitlines()
                if row.split(":")[0].split(";")[0] not in lines
            ]  # fmt: skip
            added = [f"{key}:{value}" for key, value in lines.items() if value]
            text = "\r\n".join([*kept[:-1], *added, kept[-1], ""])
            headers = {"Content-Type": "text/vcard", "If-Match": reply.headers["ETag"]}
            put = self._http.put(self.stack.radicale.book_url + name, data=text.encode(), headers=headers, timeout=30)
            if put.status_code in (201, 204):
                return bytes(reply.content)
            assert put.status_code == 412, put.text  # Syncline wrote it at this very moment
        raise AssertionError(f"card {name} could not be edited")

    def delete_card(self, name: str) -> None:
        """Delete a card as a person."""
        reply = self._http.delete(self.stack.radicale.book_url + name, timeout=30)
        assert reply.status_code in (200, 204), reply.text

    # Syncline

    def health(self) -> dict[str, Any]:
        """Ask the console how the sync stands."""
        found = self.stack.api("health")
        return dict(found["syncs"][0]) if found and found["syncs"] else {}

    def rows(self, **query: str) -> list[dict[str, Any]]:
        """List rows, all pages."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.stack.api("records", sync=SYNC, limit="500", cursor=cursor, **query)
            assert page is not None, "the console does not answer"
            found += page["records"]
            if not page["next"]:
                return found
            cursor = page["next"]

    def row(self, record: str, side: str = "left") -> dict[str, Any]:
        """Return the row of a record."""
        found = [row for row in self.rows(q=record) if row[side] == record]
        assert len(found) == 1, f"{len(found)} rows hold {record}"
        return found[0]

    def explain(self, record: str, side: str = "left") -> dict[str, Any]:
        """Explain the row of a record."""
        found = self.stack.api(f"records/{self.row(record, side)['id']}/explanation")
        assert found is not None
        return dict(found)

    def decisions(self, record: str, side: str = "left") -> list[str]:
        """List what was decided about a record. The history reaches the console by a topic of its own: wait for it."""
        return [text for step in self.explain(record, side)["history"] for text in step["decisions"]]

    def policy(self) -> Policy:
        """Return the sync as the services run it."""
        setups = Setups()
        for stored in read_to_end(load(kafka_bootstrap=self.stack.bootstrap), topics.SETUPS):
            setups.apply(stored.offset, stored.key, stored.message)
        sync = setups.sync(SYNC)
        assert sync is not None
        return compile_policy(sync, {row.id: row for row in setups.connections()}, setups.binding, live=True)

    def differences(self, policy: Policy) -> list[str]:
        """Compare both apps, field by field, under the sync's own idea of equal; and look for what is there twice."""
        contacts, cards, found = self.contacts(), self.cards(), []
        for side, rows in (("HubSpot", contacts), ("the book", cards)):
            addresses = [str(row.get("email") or "").strip().lower() for row in rows.values()]
            found += [f"{address} is twice in {side}" for address in set(addresses) if addresses.count(address) > 1]
        linked = {row["left"]: row["right"] for row in self.rows() if row["left"] and row["right"]}
        found += [f"contact {name} has no partner" for name in contacts if name not in linked]
        found += [f"card {name} has no partner" for name in cards if name not in linked.values()]
        for left, right in linked.items():
            if left not in contacts or right not in cards:
                found.append(f"{left} and {right} are linked, and one of them is gone")
                continue
            for rule in policy.rules:
                held = BySide(contacts[left].get(rule.names.left) or None, cards[right].get(rule.names.right))
                if rule.on and not equal(rule, held):
                    found.append(f"{left}/{right} {rule.key}: {held.left!r} is not {held.right!r}")
        return found

    # Waiting

    def wait(self, what: Callable[[], Any], seconds: float = 30.0, *, every: float = 0.05) -> Any:
        """Wait until something is true; see `wait`. Raises `StackError` when a service has ended meanwhile."""

        def checked() -> Any:
            if not self.revived:
                self.stack.check()
            return what()

        return wait(checked, seconds, every=every)

    def wait_for_card(self, name: str, field: str, value: str, seconds: float = 30.0) -> None:
        """Wait until a card holds a value."""
        self.wait(lambda: self.card(name)[field] == value, seconds)

    def wait_for_contact(self, name: str, field: str, value: str, seconds: float = 30.0) -> None:
        """Wait until a contact holds a value."""
        self.wait(lambda: self.contacts()[name].get(field) == value, seconds)

    def wait_quiet(self, policy: Policy, seconds: float = 60.0) -> None:
        """Wait until both apps hold the same and nothing waits."""

        def quiet() -> bool:
            different = self.differences(policy)
            assert not different, f"{len(different)}: {different[:5]}"
            counts = self.health()["counts"]
            assert counts["pending"] == 0, counts
            return True

        self.wait(quiet, seconds, every=0.5)

    def wait_first_sync(self, seconds: float = 180.0) -> None:
        """Wait until the first sync is done and nothing waits."""

        def done() -> bool:
            health = self.health()
            if not health or health["phase"] != "live" or not all(job["phase"] == "done" for job in health["jobs"]):
                return False
            return bool(health["counts"]["pending"] == 0)

        self.wait(done, seconds, every=0.3)

    def metric(self, service: str, name: str) -> float:
        """Add up the series of a counter of a service."""
        return self.counted(self.stack.metrics_url(service), name)

    def counted(self, url: str, name: str) -> float:
        """Add up the series of a counter, of whoever shows it at an address."""
        text = self._http.get(url, timeout=10).text
        rows = [row for row in text.splitlines() if row.startswith(name) and not row.startswith("#")]
        return sum(float(row.rsplit(" ", 1)[1]) for row in rows)


class Reviver(threading.Thread):
    """Starts services again that ended, as Kubernetes does."""

    def __init__(self, live: Live) -> None:
        super().__init__(name="reviver", daemon=True)
        self._live = live
        self.halt = threading.Event()
        self.revived: list[str] = []

    def run(self) -> None:
        """Look twice a second."""
        while not self.halt.wait(0.5):
            self.revived += self._live.stack.workers.revive(time.monotonic())


def as_json(rows: Mapping[str, Any]) -> str:
    """Spell something for a failure's message."""
    return json.dumps(rows, ensure_ascii=False, default=str)[:2000]

"""Connecting an account by OAuth, from the command to what is stored: the simulator asks, a person agrees."""

import io
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from deploy.local.hubspot import AdminClient, HubSpotServer
from services.console.commands.settings import authorize, setup
from services.console.setups.accounts.discovery import Apps
from shared.io.calls.grants import Grants
from shared.io.calls.vault import Vault, new_key
from shared.io.memory import MemoryBroker, MemoryBus, MemoryReader
from shared.io.ports import Outbound, run_blocking
from shared.io.process.service import Service
from shared.model.records import Frozen
from shared.settings import load
from shared.wire import topics
from shared.wire.messages import Rotated, SetupDoc
from tests.e2e.live import free_ports

PORTAL = 4200


class _Form(HTMLParser):
    action = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the form's address."""
        if tag == "form":
            self.action = dict(attrs)["action"] or ""


class Console:
    """The command line on a Kafka in memory and a real Redis, beside a simulator."""

    def __init__(self, folder: Path, server: HubSpotServer, admin: AdminClient, redis_url: str) -> None:
        self.server, self.admin, self.folder = server, admin, folder
        admin.add_account(PORTAL, settings={"token_ttl_s": 600, "token_rotates": True})
        self.redirect = f"http://127.0.0.1:{free_ports()['ingest']}/callback"
        scopes = [
            "oauth", "crm.objects.owners.read",
            *(f"crm.{kind}.contacts.{verb}" for kind in ("objects", "schemas") for verb in ("read", "write")),
        ]  # fmt: skip
        self.app = admin.call("POST", "apps", {"name": "S", "redirect_uris": [self.redirect], "scopes": scopes})
        (folder / "key").write_text(new_key())
        self._settings = load(
            key_file=folder / "key", redis_url=redis_url, allow_private_addresses=f"127.0.0.1:{server.port}"
        )
        self.broker = MemoryBroker([topics.SETUPS, topics.JOBS, topics.ACTIVITY])
        self.vault = Vault.from_file(folder / "key")

    def service(self) -> Service:
        """Make the parts of one command."""
        service = Service("console", self._settings)
        bus = MemoryBus(self.broker)
        reader = MemoryReader(self.broker, topics.SETUPS)

        def follow(seconds: float = 0.0) -> None:
            for stored in reader.poll(seconds):
                service.setups.apply(stored.offset, stored.key, stored.message)

        service.bus = bus  # type: ignore[assignment]  # the memory's bus passes the same suite
        service.grants = Grants(
            bus, service.setups, end=lambda: self.broker.end_offsets(topics.SETUPS.name)[0], sleep=follow
        )
        service.follow = follow  # type: ignore[method-assign]  # reads the same log
        service.read_jobs = lambda: None  # type: ignore[method-assign]  # none of these tests is about jobs
        follow()
        return service

    def file(self, *, syncs: bool = True, **changes: Any) -> Path:
        connection = {
            "id": "crm", "app": "hubspot", "base_url": self.server.url, "auth": "oauth2_code",
            "options": {"authorize_url": f"{self.server.url}/oauth/authorize"},
            "secrets": {"client_id": self.app["client_id"], "client_secret": self.app["client_secret"]},
            **changes,
        }  # fmt: skip
        end = {"connection": "crm", "object": "contact"}
        sync = {"id": "people", "left": end, "right": {"connection": "book", "object": "contact"}}
        path = self.folder / "setup.yaml"
        path.write_text(yaml.safe_dump({"connections": [connection], "syncs": [sync] if syncs else []}))
        return path

    def authorize(self, person: Callable[[str], None], path: Path | None, *, paste: bool = False) -> int:
        """Run the command, with *person* for whoever opens the address that it shows."""
        shown, real = io.StringIO(), sys.stdout

        class Tee(io.StringIO):
            def write(self, text: str) -> int:
                found = re.search(r"http://\S+/oauth/authorize\?\S+", text)
                if found:
                    threading.Thread(target=person, args=(found[0],)).start()
                return shown.write(text)

        sys.stdout = Tee()
        try:
            return authorize.run(self.service(), "crm", path, redirect=self.redirect, objects=["contact"], paste=paste)
        finally:
            sys.stdout = real
            self.shown = shown.getvalue()

    def agree(self, address: str, decision: str = "allow", *, follow: bool = True) -> str:
        """Do what a person does in the browser; gives where they are sent."""
        with requests.Session() as session:
            session.trust_env = False
            form = _Form()
            form.feed(session.get(address, timeout=5).text)
            data = {"portal_id": str(PORTAL), "decision": decision}
            back = session.post(self.server.url + form.action, data=data, allow_redirects=False, timeout=5)
            if follow:
                session.get(back.headers["location"], timeout=5)
            return back.headers["location"]

    def publish(self, key: str, doc: SetupDoc) -> None:
        run_blocking(self.service().bus.publish([Outbound(topic=topics.SETUPS, key=key, message=doc)]))

    def stored(self) -> dict[str, Frozen]:
        """Return the parts of the documents that are set up."""
        setups = self.service().setups
        rotated = setups.rotated("crm")
        found: dict[str, Frozen] = {f"connection:{row.id}": row for row in setups.connections()}
        return found | ({"rotated:crm": rotated} if rotated else {})

    def token_calls(self) -> list[tuple[str, int]]:
        return [(row["grant"], row["status"]) for row in self.admin.call("GET", "token-calls")["calls"]]


@pytest.fixture(name="console")
def _console(tmp_path: Path, redis_url: str) -> Iterator[Console]:
    with HubSpotServer() as server, closing(server.admin()) as admin:
        yield Console(tmp_path, server, admin, redis_url)


def test_an_account_is_connected_and_its_tokens_are_sealed(console: Console) -> None:
    path = console.file(syncs=False)
    assert console.authorize(lambda address: void(console.agree(address)), path) == 0
    assert "crm.objects.contacts.read - To read contacts" in console.shown
    assert console.shown.endswith("connected crm\n")
    row: Any = console.stored()["connection:crm"]
    assert (row.account, row.version) == (str(PORTAL), 1)
    assert "crm.objects.contacts.write" in row.scopes
    token = console.vault.open(row.secrets["refresh_token"], connection="crm", name="refresh_token")
    assert token in console.server.run(lambda world: set(world.grants))
    assert token not in repr(console.broker.fetch(topics.SETUPS.name, 0, 0, 100))
    assert console.token_calls() == [("authorization_code", 200)], "the token that came with it is used"


def test_apply_keeps_what_was_agreed_to(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    """The file names no refresh token: before anybody agreed it says what to do, afterwards nothing changes."""
    path = console.file(syncs=False)
    assert setup.run(console.service(), "apply", path) == 1
    assert "./syncline authorize crm --file" in capsys.readouterr().err
    assert console.authorize(lambda address: void(console.agree(address)), path) == 0
    before = console.stored()
    assert setup.run(console.service(), "apply", path) == 0
    assert capsys.readouterr().out == "nothing changes\n"
    path = console.file(syncs=False, label="Other")
    assert setup.run(console.service(), "apply", path) == 0
    after: Any = console.stored()["connection:crm"]
    assert after.secrets == getattr(before["connection:crm"], "secrets", None)
    assert (after.label, after.scopes is not None) == ("Other", True)


def test_connecting_again_replaces_the_tokens(console: Console) -> None:
    """Without a file; what had rotated from the old refresh token is forgotten."""
    agree = lambda address: void(console.agree(address))  # noqa: E731 - the same person twice
    assert console.authorize(agree, console.file(syncs=False)) == 0
    row: Any = console.stored()["connection:crm"]
    caller = Apps(console.service(), [row]).caller
    signed = caller.sign_ins.open("crm")
    console.publish(
        "rotated:crm",
        SetupDoc(rotated=Rotated(connection="crm", grant=signed.place.grant, refresh_token="x")),
    )
    assert "rotated:crm" in console.stored()
    assert console.authorize(agree, None) == 0
    again: Any = console.stored()["connection:crm"]
    assert again.version == 2
    assert again.secrets["refresh_token"] != row.secrets["refresh_token"]
    assert again.secrets["client_secret"] == row.secrets["client_secret"]
    assert "rotated:crm" not in console.stored()


def test_a_new_key_seals_anew_what_was_agreed_to(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    """After an `apply` the old key can be dropped; what was granted, and what has rotated, stays."""
    path = console.file(syncs=False)
    assert console.authorize(lambda address: void(console.agree(address)), path) == 0
    before: Any = console.stored()["connection:crm"]
    kept = Rotated(connection="crm", grant="g", refresh_token="x")
    console.publish("rotated:crm", SetupDoc(rotated=kept))
    key = console.folder / "key"
    new = new_key()
    key.write_text(f"{new}\n{key.read_text()}")
    assert setup.run(console.service(), "apply", path) == 0, capsys.readouterr().err
    key.write_text(new)
    after: Any = console.stored()["connection:crm"]
    opened = {
        name: Vault.from_file(key).open(sealed, connection="crm", name=name) for name, sealed in after.secrets.items()
    }
    assert opened["refresh_token"] in console.server.run(lambda world: set(world.grants))
    assert after.secrets["refresh_token"] != before.secrets["refresh_token"]
    assert after.scopes == before.scopes
    assert console.stored()["rotated:crm"] == kept


def test_without_what_is_needed_nothing_is_connected(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    console.admin.settings(PORTAL, withheld_scopes=["crm.objects.contacts.read"])
    path = console.file(syncs=False)
    assert console.authorize(lambda address: void(console.agree(address)), path) == 1
    assert "did not grant what is needed: crm.objects.contacts.read. Add it" in capsys.readouterr().err
    assert console.stored() == {}


def test_without_what_is_liked_the_connection_is_limited(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    console.admin.settings(PORTAL, withheld_scopes=["crm.objects.contacts.write"])
    path = console.file(syncs=False)
    assert console.authorize(lambda address: void(console.agree(address)), path) == 0
    assert "not granted: crm.objects.contacts.write (contact). To create and update contacts" in console.shown
    book = {"id": "other", "app": "hubspot", "base_url": console.server.url, "auth": "api_key"}
    console.admin.add_account(PORTAL + 1, token="pat-other")
    sync = {
        "id": "people", "left": {"connection": "crm", "object": "contact"},
        "right": {"connection": "other", "object": "contact"},
    }  # fmt: skip
    both = {"connections": [{**book, "secrets": {"access_token": "pat-other"}}], "syncs": [sync]}
    path.write_text(yaml.safe_dump(both))
    assert setup.run(console.service(), "plan", path) == 1
    told = capsys.readouterr().err
    assert "connection 'crm' was not granted crm.objects.contacts.write" in told
    assert "choose a direction that does not write there" in told
    path.write_text(yaml.safe_dump({**both, "syncs": [{**sync, "direction": "to_right"}]}))
    assert setup.run(console.service(), "plan", path) == 2


def test_mappings_are_checked_against_the_fields_that_are_there(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    """A custom property is found with its type; what its type does not allow is refused, and nothing is set up."""
    for number, token in ((PORTAL, "pat-one"), (PORTAL + 1, "pat-two")):
        if number != PORTAL:
            console.admin.add_account(number)
        console.admin.call("POST", f"accounts/{number}/tokens", {"token": token})
    console.admin.add_property(PORTAL, "contacts", name="rating", type="number", fieldType="number")
    common = {"app": "hubspot", "base_url": console.server.url, "auth": "api_key"}
    tokens = {"one": "pat-one", "two": "pat-two"}
    connections = [{"id": name, **common, "secrets": {"access_token": token}} for name, token in tokens.items()]
    ends = {side: {"connection": name, "object": "contact"} for side, name in (("left", "one"), ("right", "two"))}

    def apply(**mapping: str) -> tuple[int, str]:
        rows = [{"key": "email", "left": "email", "right": "email"}, {"key": "rating", **mapping}]
        path = console.folder / "two.yaml"
        sync = {"id": "people", **ends, "mappings": rows}
        path.write_text(yaml.safe_dump({"connections": connections, "syncs": [sync]}))
        code = setup.run(console.service(), "apply", path)
        return code, capsys.readouterr().err

    code, said = apply(left="rating", right="jobtitle", direction="two_way")
    assert (code, "a text cannot be read back out of 'rating' (number)" in said) == (1, True)
    assert console.stored() == {}
    assert apply(left="rating", right="createdate")[0] == 1
    code, said = apply(left="rating", right="rating")
    assert (code, said[:93]) == (
        1, "sync 'people', mapping 'rating': HubSpot has no field 'rating' of contact; there are address,",
    )  # fmt: skip
    assert said.endswith(", and more\n")
    code, said = apply(left="rating", right="jobtitle")
    assert (code, "leaves the default mapping phone (phone <-> phone) out" in said) == (0, True)
    assert apply(left="rating", right="jobtitle") == (0, ""), "what was left out is told once"
    sync = console.service().setups.sync("people")
    assert sync is not None
    assert [(row.lens, row.direction) for row in sync.mappings] == [("email", "two_way"), ("as_text", "to_right")]


def test_a_person_who_does_not_agree(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    path = console.file(syncs=False)
    assert console.authorize(lambda address: void(console.agree(address, "deny")), path) == 1
    assert "the account was not connected: The person did not agree" in capsys.readouterr().err
    assert console.stored() == {}
    assert console.token_calls() == []


def test_the_answer_can_be_pasted(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole address is asked for: a code alone is no proof of whose it is."""
    given, lines = threading.Event(), list[str]()

    class Typed:
        def readline(self) -> str:
            given.wait(10)
            return lines.pop(0)

    def person(address: str) -> None:
        back = console.agree(address, follow=False)
        lines.extend(["just-a-code\n", f"{back}\n"])
        given.set()

    monkeypatch.setattr(sys, "stdin", Typed())
    assert console.authorize(person, console.file(syncs=False), paste=True) == 0
    assert "give the whole address" in console.shown
    assert "connection:crm" in console.stored()


def test_another_account_is_refused(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    """Case w: reconnecting to another portal changes nothing."""
    assert console.authorize(lambda address: void(console.agree(address)), console.file(syncs=False)) == 0
    before = console.stored()
    console.admin.add_account(PORTAL + 1)

    def elsewhere(address: str) -> None:
        with requests.Session() as session:
            session.trust_env = False
            form = _Form()
            form.feed(session.get(address, timeout=5).text)
            data = {"portal_id": str(PORTAL + 1), "decision": "allow"}
            session.post(console.server.url + form.action, data=data, timeout=5)

    assert console.authorize(elsewhere, None) == 1
    assert (
        f"leads to account '{PORTAL + 1}' (HubSpot {PORTAL + 1}) now, and was made for '{PORTAL}'"
        in capsys.readouterr().err
    )
    assert console.stored() == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"auth": "oauth"}, "auth may be oauth2_code, api_key"),
        ({"options": {"authorise_url": "x"}}, "options cannot hold authorise_url"),
        ({"options": {"authorize_url": "x"}}, "must be an http or https address"),
        ({"limits": {"call": 5}}, "limits cannot hold call; there are calls, search, token, daily"),
        ({"secrets": {"client_id": "x", "access_token": "y"}}, "secrets cannot hold access_token"),
        ({"secrets": {"client_id": "x"}}, "lacks client_secret"),
        ({"app": "carddav", "auth": "none", "secrets": {}, "options": {}}, "must hold book (Path of the address book)"),
    ],
)
def test_a_connection_that_is_described_wrongly(
    console: Console, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], said: str
) -> None:
    assert console.authorize(lambda _: None, console.file(syncs=False, **changes)) == 1
    assert said in capsys.readouterr().err


def void(_: object) -> None:
    """Give nothing back."""

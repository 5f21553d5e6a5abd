"""Who changes what somebody else has changed meanwhile overwrites nothing: by API, by page, and at the same moment."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest
import requests

from services.console.access.people import People
from services.console.rest.versions import CHANGED
from services.console.use.activity import Did
from services.console.use.administration.mailing import MailServerWanted
from services.console.web.screens import stale
from shared.io.envelope import Stored
from shared.io.ports import Outbound
from shared.wire import topics
from shared.wire.access import AccessDoc, SignInProvider
from shared.wire.messages import SetupDoc
from tests.console.web.client import ConsoleClient
from tests.console.web.examples import show_everything
from tests.console.web.test_roles import _BODIES, _shown, client_as, filled, names_of  # noqa: F401 - a fixture
from tests.services.console.harness import TOKEN, ConsoleHarness, FollowedPeople, is_problem
from tests.services.environment import LEFT

_MAIL: Final = {"host": "127.0.0.1", "sender": "a@x.example", "console_url": "https://c.example", "security": "none"}
_OWN: Final = {"Authorization": f"Bearer {TOKEN}"}


def tag(answer: requests.Response) -> str:
    """Return the version that an answer tells."""
    assert answer.status_code == 200, answer.text
    found = answer.headers["ETag"]
    assert found.startswith('"'), "a strong one"
    return found


def change(
    console: ConsoleHarness, path: str, body: dict[str, Any], version: str, method: str = "PUT"
) -> requests.Response:
    """Change something, having seen a version of it."""
    return console.call(method, path, json=body, headers={"If-Match": version})


def read(told: Sequence[Stored[AccessDoc]]) -> People:
    """Return the users as somebody knows them who reads the topic now."""
    people = People()
    for row in told:
        people.apply(row.offset, row.key, row.message)
    return people


def compacted(told: Sequence[Stored[AccessDoc]]) -> list[Stored[AccessDoc]]:
    """Return what compaction leaves: the last document of each key."""
    return sorted({row.key: row for row in told}.values(), key=lambda row: row.offset)


# What a version is


def test_a_version_is_another_one_when_and_only_when_somebody_changed_something(console: ConsoleHarness) -> None:
    """Of an account, a user and the mail server; what merely becomes of them leaves it."""
    path, ann = f"connections/{LEFT}", console.person("viewer")
    old, old_ann = tag(console.call("GET", path)), tag(console.call("GET", f"users/{ann.id}"))
    console.access.accounts.note_seen(ann.id)
    console.access.accounts._settle(())
    assert console.get(f"users/{ann.id}")["last_seen_ms"]
    assert (tag(console.call("GET", path)), tag(console.call("GET", f"users/{ann.id}"))) == (old, old_ann)
    assert tag(change(console, path, {"label": "Sales"}, old, "PATCH")) != old
    assert tag(change(console, f"users/{ann.id}", {"role": "editor"}, old_ann, "PATCH")) != old_ann
    assert console.call("GET", "mail-server").status_code == 404
    first = tag(console.call("PUT", "mail-server", json=_MAIL))
    assert tag(console.call("PUT", "mail-server", json=_MAIL)) == first == tag(console.call("GET", "mail-server"))
    assert tag(change(console, "mail-server", {**_MAIL, "port": 25}, first)) != first


def test_a_version_is_of_what_is_changed_there_alone(console: ConsoleHarness) -> None:
    """A new name leaves how changes are learned as it was."""
    path = f"connections/{LEFT}/changes"
    old = tag(console.call("GET", path))
    console.installation.connections.rename(LEFT, "Sales")
    assert tag(console.call("GET", path)) == old
    assert tag(change(console, path, {"push": False, "interval_s": 77}, old)) != old
    assert console.env.setups.connection(LEFT).label == "Sales"


def test_nothing_is_sent_to_whoever_has_the_version(console: ConsoleHarness) -> None:
    path = f"connections/{LEFT}"
    version = tag(console.call("GET", path))
    for header in (version, f"W/{version}", f'"other", {version}', "*"):
        answer = console.call("GET", path, headers={"If-None-Match": header})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", version)
    assert console.call("GET", path, headers={"If-None-Match": '"other"'}).status_code == 200
    assert console.call("GET", "health", headers={"If-None-Match": "*"}).status_code == 200, "it has no version"


# Changing what was changed


@pytest.mark.parametrize("row", sorted(CHANGED - {"PUT /api/v1/apps/{name}/credentials"}))
def test_every_change_is_refused_to_whoever_has_seen_another_version(shown: ConsoleHarness, row: str) -> None:
    """And nothing of it is done; `*` takes whatever stands."""
    names, method = names_of(shown, "admin"), row.partition(" ")[0]
    path, accounts = filled(row.partition(" ")[2], names).removeprefix("/api/v1/"), shown.access.accounts
    shown.access.mailing.change(MailServerWanted.model_validate(_MAIL))
    provider = SignInProvider(issuer="https://login.example", client_id="x", default_role="viewer")
    accounts.store(Did(what="provider.changed"), ("provider:sign-in", AccessDoc(provider=provider)))
    before = shown.env.told(topics.ACCESS), shown.env.setups.offset
    for version in ('"0123456789abcdef"', 'W/"0123456789abcdef", nonsense'):
        answer = shown.call(method, path, json=_BODIES.get(row, {}), headers={"If-Match": version})
        assert "look again" in is_problem(answer, 412)
        assert answer.json()["type"] == "urn:syncline:problem:changed-meanwhile"
    assert (shown.env.told(topics.ACCESS), shown.env.setups.offset) == before
    assert shown.call(method, path, json=_BODIES.get(row, {}), headers={"If-Match": "*"}).status_code != 412


def test_what_has_no_version_takes_none(console: ConsoleHarness) -> None:
    """It would be taken for heard."""
    answer = console.call("POST", "jobs", json={"sync": "people"}, headers={"If-Match": '"a"'})
    assert "leave If-Match out" in is_problem(answer, 412)
    assert console.stored(topics.JOBS) == []


# At the same moment


@pytest.mark.parametrize("given", [True, False], ids=["with a version", "without"])
def test_of_two_consoles_at_once_the_first_counts(
    console: ConsoleHarness,
    twin: tuple[ConsoleClient, FollowedPeople],
    given: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """The other had not read it, and finds out when it reads its own change back. What counts is published again."""
    beside, followed = twin
    ann = console.person("viewer")
    path = f"users/{ann.id}"
    followed.settle()
    version = tag(console.call("GET", path))
    assert change(console, path, {"disabled": True}, version, "PATCH").status_code == 200
    headers = {**_OWN, **({"If-Match": version} if given else {})}
    answer = beside.ask(f"/api/v1/{path}", "PATCH", json={"role": "admin"}, headers=headers)
    assert "look again" in is_problem(answer, 412 if given else 409)
    told = console.stored(topics.ACCESS)
    for people in (read(told), read(told[:-1]), read(compacted(told)), followed.people):
        found = people.user(ann.id)
        assert found is not None
        assert (found.role, found.disabled) == ("viewer", True)
    assert read(told).overruled() == {}
    deeds = [row.message.what for row in console.stored(topics.ACTIVITY) if row.message is not None]
    assert deeds.count("user.changed") == 1, "what counts alone is told"
    fresh = tag(beside.ask(f"/api/v1/{path}", headers=_OWN))
    answer = beside.ask(f"/api/v1/{path}", "PATCH", json={"role": "editor"}, headers={**_OWN, "If-Match": fresh})
    assert answer.status_code == 200
    console.access.accounts._settle(())
    now = console.access.accounts.find(ann.id)
    assert (now.role, now.disabled) == ("editor", True)


def test_what_was_removed_meanwhile_does_not_come_back(
    console: ConsoleHarness, twin: tuple[ConsoleClient, FollowedPeople]
) -> None:
    """The mail server is removed by one console while another one changes its port."""
    beside, followed = twin
    version = tag(console.call("PUT", "mail-server", json=_MAIL))
    followed.settle()
    assert console.call("DELETE", "mail-server", headers={"If-Match": version}).status_code == 204
    headers = {**_OWN, "If-Match": version}
    is_problem(beside.ask("/api/v1/mail-server", "PUT", json={**_MAIL, "port": 25}, headers=headers), 412)
    told = console.stored(topics.ACCESS)
    assert read(told).mail_server() is None
    assert read(compacted(told)).mail_server() is None


def test_a_console_of_the_version_before_is_heard(console: ConsoleHarness) -> None:
    """It does not say how far it had read, and whoever it shuts out is shut out."""
    accounts = console.access.accounts
    known = accounts.change(console.person("viewer").id, role="editor")
    out = AccessDoc(user=known.model_copy(update={"disabled": True}))
    accounts.store(Did(what="user.changed"), (f"user:{known.id}", out))
    assert accounts.find(known.id).disabled


class _Rival:
    """Has somebody else change an account just before a console does, which has not read it."""

    def __init__(self, console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
        self._service, self._changes = console.installation.connections._service, changes
        self._publish: Callable[..., Any] = self._service.bus.publish
        monkeypatch.setattr(self._service.bus, "publish", self.publish)

    async def publish(self, messages: Sequence[Outbound]) -> Sequence[int]:
        """Take the rival's change, once, and then publish what was asked for."""
        setups, changes = self._service.setups, self._changes
        if changes and any(row.topic is topics.SETUPS for row in messages):
            self._changes = {}
            row = setups.connection(LEFT)
            doc = SetupDoc(connection=row.model_copy(update={**changes, "version": row.version + 1}))
            setups.apply(setups.offset + 1, f"connection:{LEFT}", doc)
        found: Sequence[int] = await self._publish(messages)
        return found


def test_of_two_names_at_once_the_first_counts(console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"connections/{LEFT}"
    version = tag(console.call("GET", path))
    _Rival(console, monkeypatch, label="Theirs")
    is_problem(change(console, path, {"label": "Ours"}, version, "PATCH"), 412)
    assert console.env.setups.connection(LEFT).label == "Theirs"


def test_another_change_of_the_same_account_at_once_hinders_none(
    console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both count: the version that was seen is of something else."""
    path = f"connections/{LEFT}/changes"
    version = tag(console.call("GET", path))
    _Rival(console, monkeypatch, label="Theirs")
    assert change(console, path, {"push": False, "interval_s": 77}, version).status_code == 200
    row = console.env.setups.connection(LEFT)
    assert (row.label, row.poll_interval_s) == ("Theirs", 77)


def test_an_account_that_was_changed_at_the_same_moment_is_not_disconnected(
    console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    console.env.set_up("sync", None, "people")
    version = tag(console.call("GET", f"connections/{LEFT}"))
    _Rival(console, monkeypatch, label="Theirs")
    is_problem(console.call("DELETE", f"connections/{LEFT}", headers={"If-Match": version}), 412)
    assert console.env.setups.connection(LEFT).label == "Theirs"
    version = tag(console.call("GET", f"connections/{LEFT}"))
    assert console.call("DELETE", f"connections/{LEFT}", headers={"If-Match": version}).status_code == 200
    assert LEFT not in {row.id for row in console.env.setups.connections()}


# By page


def test_the_second_of_two_people_sees_both_and_decides(console: ConsoleHarness, client: ConsoleClient) -> None:
    """What stands, and what was written; then the own change counts, or nothing is done."""
    path = f"/connections/{LEFT}"
    form, other = client.open(path).form(f"{path}/rename"), client_as(console, "editor")
    assert other.send(other.open(path).form(f"{path}/rename"), label="Theirs").status_code == 303
    page = client.page(client.send(form, label="Ours"), 412)
    assert "Somebody else was faster Nothing of yours is changed yet" in page.words
    assert "What people call it Ours Theirs" in page.words
    assert path in page.links
    assert console.env.setups.connection(LEFT).label == "Theirs"
    again = page.form(f"{path}/rename")
    assert client.send(again).status_code == 303
    assert console.env.setups.connection(LEFT).label == "Ours"
    console.installation.connections.rename(LEFT, "A third")
    assert client.send(again).status_code == 412, "what was decided on stands no longer"


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/settings/alerts/fails", "name about over minutes pause mail"),
        ("/settings/mail", "host port security user sender console_url"),
        ("/settings/sign-in", "issuer client_id title scopes domains claim roles default_role"),
        ("/settings/retention", "history_days health_days activity_days exports_days"),
        ("/connections/hub/feeds", "interval"),
        ("/connections/hub", "label"),
    ],
)
def test_fields_are_called_as_their_forms_call_them(
    console: ConsoleHarness, client: ConsoleClient, path: str, names: str
) -> None:
    """Also where somebody else was faster."""
    show_everything(console)
    text = client.open(path).answer.text
    labels = dict(re.findall(r'<label for="(\w+)">([^<]+)</label>', text))
    labels |= dict(re.findall(r'<input[^>]* id="(\w+)"[^>]* value="on"[^>]*>([^<]+)</label>', text))
    assert {name: stale.title_of(name) for name in names.split()} == {name: labels[name] for name in names.split()}


def test_it_is_told_who_was_faster(console: ConsoleHarness) -> None:
    """And a secret is asked for once more: no page holds it."""
    client = client_as(console, "admin")
    form = client.open("/settings/mail").form("/settings/mail")
    fields = {**_MAIL, "security": "tls", "user": "me", "password": "not to be shown", "port": "465"}
    assert client.send(form, **fields).status_code == 303
    console.follow_views()
    page = client.page(client.send(form, **{**fields, "host": "another.example"}), 412)
    assert "Server another.example 127.0.0.1" in page.words
    assert "not to be shown" not in page.answer.text
    assert "ann@x.example changed by which server mail is sent" in page.words
    again = page.form("/settings/mail")
    assert again.fields["password"] == ""
    assert client.send(again, password="one more").status_code == 303
    server = console.access.mailing.server
    assert server is not None
    assert server.host == "another.example"


def test_a_form_that_is_wrong_stays_of_the_version_that_was_seen(
    console: ConsoleHarness, client: ConsoleClient
) -> None:
    """What is written once more after a mistake overwrites nothing either."""
    path = f"/connections/{LEFT}"
    form = client.open(path).form(f"{path}/rename")
    wrong = client.page(client.send(form, label=" "), 422).form(f"{path}/rename")
    console.installation.connections.rename(LEFT, "Theirs")
    assert client.send(wrong, label="Ours").status_code == 412


def test_every_form_that_changes_settings_carries_the_version_that_the_api_tells(shown: ConsoleHarness) -> None:
    client = client_as(shown, "admin")
    shown.access.mailing.change(MailServerWanted.model_validate(_MAIL))
    bob = shown.person("viewer", "bob@x.example")
    (alert, *_) = shown.access.accounts.people.alerts()
    expected = {
        ("/settings/mail", "/settings/mail"): "mail-server",
        ("/settings/retention", "/settings/retention"): "retention",
        ("/settings/mail", "/settings/mail/remove"): "mail-server",
        ("/settings/users", f"/settings/users/{bob.id}/role"): f"users/{bob.id}",
        (f"/connections/{LEFT}", f"/connections/{LEFT}/rename"): f"connections/{LEFT}",
        (f"/connections/{LEFT}/feeds", f"/connections/{LEFT}/changes"): f"connections/{LEFT}/changes",
        ("/connections/spare/disconnect", "/connections/spare/disconnect"): "connections/spare",
        (f"/settings/alerts/{alert.id}", f"/settings/alerts/{alert.id}"): f"alerts/{alert.id}",
        (f"/settings/alerts/{alert.id}", f"/settings/alerts/{alert.id}/remove"): f"alerts/{alert.id}",
    }
    for (page, action), path in expected.items():
        held = client.open(page).form(action).fields["version"]
        assert f'"{held}"' == tag(shown.call("GET", path)), action

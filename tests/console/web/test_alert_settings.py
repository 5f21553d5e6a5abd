"""Alerts are set up, tried and removed by page, API and command; what cannot be right is refused."""

from typing import Any

import pytest
import yaml

from services.console.commands.parser import parser
from services.console.commands.settings.alerts import said as run
from services.console.use.administration.alerts import MOST
from services.console.use.problems import Problem, Refused
from shared.wire import topics
from tests.console.web.alerting import SECRET, AlertingConsole, add, failing, row_of, types
from tests.console.web.test_mail import set_up
from tests.console.web.test_roles import client_as
from tests.hook_server import HookServer
from tests.mail_server import MailServer
from tests.services.console.harness import ConsoleHarness, is_problem


def test_the_page_adds_changes_tries_and_removes_one(console: ConsoleHarness, hooks: HookServer) -> None:
    admin = client_as(console, "admin")
    form = admin.open("/settings/alerts").form("/settings/alerts")
    assert admin.send(form, name="Accounts", kind="paused", mail="a@x.example", pause="on").status_code == 422
    refused = admin.send(form, name="Accounts", kind="paused", mail="", over="")
    assert (refused.status_code, "Write whom to tell" in refused.text) == (422, True)
    assert admin.send(form, name="Accounts", kind="paused", mail="nobody").status_code == 422
    assert admin.send(form, name="Accounts", kind="paused", mail="a@x.example", minutes="soon").status_code == 422
    answer = admin.send(
        form, name="Accounts", kind="paused", about="connection/hub", minutes="7", url=hooks.address, secret=SECRET,
        mail="ops@x.example\nann@x.example",
    )  # fmt: skip
    place = answer.headers["Location"].partition("?")[0]
    page = admin.open(place)
    assert "Nothing that this alert watches has been wrong yet" in page.words
    assert page.form(place).fields["minutes"] == "7"
    assert 'name="pause"' not in page.text, "only failing records can have a sync switched off"
    untold = admin.send(page.form(f"{place}/test"))
    assert untold.status_code == 409
    assert "ops@x.example: no mail server is set up; ann@x.example: no mail server is set up." in untold.text
    assert types(hooks) == ["alert.test"]
    assert admin.send(page.form(place), mail="").headers["Location"].startswith(f"{place}?done=changed")
    answer = admin.send(page.form(f"{place}/test"))
    assert answer.headers["Location"].startswith(f"{place}?done=tested")
    assert all("webhook-signature" in headers for headers, _ in hooks.calls), "the secret stays where none is written"
    assert "Accounts" in admin.open("/settings/alerts").words
    admin.send(admin.open(place).form(f"{place}/remove"))
    assert admin.ask(place).status_code == 404
    raw = b"".join(row.raw or b"" for topic in (topics.ACCESS, topics.ACTIVITY) for row in console.stored(topic))
    assert SECRET.encode() not in raw
    told = [row.message for row in console.stored(topics.ACTIVITY) if row.message is not None]
    assert [one.what for one in told if one.about.startswith("alert:")] == [
        "alert.added", "alert.changed", "alert.removed",
    ]  # fmt: skip
    assert "/hook" not in "".join(one.model_dump_json() for one in told), "who has a webhook's address may call it"
    answer = admin.send(form, name="Off", kind="failing", mail="a@x.example", pause="on")
    other = answer.headers["Location"].partition("?")[0]
    assert admin.open(other).form(other).fields["pause"] == "on"
    admin.send(admin.open(other).form(other), mail="a@x.example", pause="")
    assert "pause" not in admin.open(other).form(other).fields


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"name": " "}, "name"),
        ({"about": "connection/hub"}, "about"),
        ({"about": "sync/"}, "about"),
        ({"kind": "parked", "about": "sync/people"}, "about"),
        ({"mail": ["ann@x.example\r\nBcc: eve@x.example"]}, "mail"),
        ({"mail": []}, "mail"),
        ({"kind": "stopped", "pause": True}, "pause"),
        ({"url": "ftp://x.example"}, "url"),
        ({"url": "https://ann:word@x.example"}, "url"),
        ({"url": "https://[x"}, "url"),
        ({"url": "https://x.example", "secret": "short"}, "secret"),
        ({"url": "https://x.example", "secret": "whsec_nothing that is base64"}, "secret"),
    ],
)
def test_what_cannot_be_right_is_refused_at_its_field(
    console: ConsoleHarness, changes: dict[str, Any], name: str
) -> None:
    with pytest.raises(Refused) as caught:
        add(console, **changes)
    assert list(caught.value.fields) == [name]


def test_the_api_keeps_the_secret_to_itself(console: ConsoleHarness) -> None:
    given = {"name": "A", "kind": "parked", "url": "https://127.0.0.2/hook", "secret": SECRET}
    made = console.call("POST", "alerts", json=given)
    assert (made.status_code, made.json()["has_secret"], SECRET in made.text) == (201, True, False)
    name = made.json()["id"]
    assert [row["id"] for row in console.get("alerts")["alerts"]] == [name]
    kept = console.call("PUT", f"alerts/{name}", json={**given, "secret": None, "over": 5}).json()
    assert (kept["has_secret"], kept["over"]) == (True, 5)
    assert console.call("PUT", f"alerts/{name}", json={**given, "secret": ""}).json()["has_secret"] is False
    assert console.call("PUT", f"alerts/{name}", json={**given, "kind": "late"}).status_code == 422
    assert console.call("PUT", f"alerts/{name}", json={**given, "pause": 0}).status_code == 422, "a number is no flag"
    assert "does not lead to a public address" in is_problem(console.call("POST", f"alerts/{name}/test"), 409)
    for _ in range(MOST - 1):
        add(console)
    assert "remove one first" in is_problem(console.call("POST", "alerts", json=given), 409)
    assert console.call("DELETE", f"alerts/{name}").status_code == 204
    assert console.call("DELETE", f"alerts/{name}").status_code == 404


def test_the_command_does_the_same(console: ConsoleHarness, hooks: HookServer, tmp_path: Any) -> None:
    alerts, file = console.access.alerts, tmp_path / "alert.yaml"

    def told(*words: str) -> str:
        return "\n".join(row.text for row in run(alerts, parser().parse_args(["alerts", *words])))

    assert told() == "there are no alerts"
    given = {"name": "Late", "kind": "late", "about": "connection/hub", "over": 10, "minutes": 0, "url": hooks.address}
    file.write_text(yaml.safe_dump({**given, "secret": SECRET}))
    name = told("add", str(file)).partition(":")[0]
    assert told("list") == f"{name}  Late  fine  changes of the account hub are more than 10 min late"
    shown = yaml.safe_load(told("show", name))
    assert {**shown} == {**given}
    file.write_text(yaml.safe_dump({**shown, "over": 20}))
    assert told("change", name, str(file)) == f"{name}: changed"
    assert told("test", name) == "all whom the alert tells were told"
    assert "webhook-signature" in hooks.calls[0][0]
    file.write_text(yaml.safe_dump({**given, "kind": "failing", "about": "sync/people", "pause": True}))
    other = told("add", str(file)).partition(":")[0]
    assert "more than 10 records of the sync people fail; the sync is switched off then" in told("list")
    assert yaml.safe_load(told("show", other))["pause"] is True
    assert told("remove", other) == f"{other}: removed"
    assert told("remove", name) == f"{name}: removed"
    with pytest.raises(Problem, match="There is no alert"):
        told("show", name)


def test_mail_that_is_not_set_up_is_told_at_the_alert(console: ConsoleHarness) -> None:
    name, watcher = add(console, minutes=0), AlertingConsole(console, "one")
    failing(console, 3)
    watcher.look()
    (told,) = row_of(console, name)["standing"][0]["deliveries"]
    assert told["error"] == "no mail server is set up"
    set_up(console, MailServer(port=1))
    assert "no mail server is set up" in client_as(console, "admin").open("/settings/alerts").words

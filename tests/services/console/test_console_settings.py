"""What the console keeps for itself, in the settings file: mail, the provider, alerts, and how long is kept."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

import pytest
import yaml

from deploy.local.hubspot import HubSpotServer
from services.console.commands.settings import people, setup
from shared.io.memory import MemoryReader
from shared.io.net.openid import ProviderError
from shared.wire import topics
from tests.services.console.harness import MemoryRetention
from tests.services.console.setup_harness import AccessFollower, SetupHarness

SECRETS = {
    "SECRET__MAIL__PASSWORD": "mail secret",
    "SECRET__SIGN_IN__CLIENT_SECRET": "provider secret",
    "SECRET__ALERT_CONTACTS_FAIL__URL": "https://chat.example.com/hooks/hidden",
    "SECRET__ALERT_CONTACTS_FAIL__SECRET": "a signing secret of many letters",
}
CONSOLE: dict[str, Any] = {
    "mail": {
        "host": "smtp.example.com", "user": "syncline", "password": {"env": "SECRET__MAIL__PASSWORD"},
        "sender": "Syncline <syncline@example.com>", "console_url": "https://syncline.example.com",
    },
    "sign_in": {
        "issuer": "https://login.example.com", "client_id": "syncline", "title": "Our directory",
        "client_secret": {"env": "SECRET__SIGN_IN__CLIENT_SECRET"}, "domains": ["example.com"], "claim": "groups",
        "roles": {"crm-admins": "admin"}, "default_role": "viewer",
    },
    "alerts": [
        {"id": "accounts", "name": "Accounts", "kind": "paused", "mail": ["ops@example.com"]},
        {
            "id": "contacts-fail", "name": "Contacts fail", "kind": "failing", "about": "sync/people", "over": 20,
            "minutes": 0, "pause": True, "mail": ["ops@example.com"],
            "url": {"env": "SECRET__ALERT_CONTACTS_FAIL__URL"},
            "secret": {"env": "SECRET__ALERT_CONTACTS_FAIL__SECRET"},
        },
    ],
    "retention": {"history_days": 30, "exports_days": 7},
}  # fmt: skip
KEYS = ("mail", "sign_in", "alert:accounts", "alert:contacts-fail", "retention")
Place: TypeAlias = Callable[[str], SetupHarness]


@pytest.fixture(name="kafka")
def _kafka() -> MemoryRetention:
    """Offer what keeps topics."""
    return MemoryRetention()


@pytest.fixture(name="provider")
def _provider() -> dict[str, str]:
    """Offer what the provider calls itself, by the address that it is asked at."""
    return {"https://login.example.com": "https://login.example.com"}


@pytest.fixture(name="place")
def _place(
    hubspot: HubSpotServer,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kafka: MemoryRetention,
    provider: dict[str, str],
) -> Place:
    """Offer installations, each with a Kafka of its own."""

    def about(issuer: str, *, anew: bool = False) -> Any:
        del anew
        if issuer not in provider:
            raise ProviderError("the provider does not answer")
        return SimpleNamespace(issuer=provider[issuer])

    def made(name: str) -> SetupHarness:
        folder = tmp_path / name
        folder.mkdir()
        return SetupHarness(hubspot, redis_url, folder)

    monkeypatch.setattr(people, "TopicFollower", AccessFollower)
    monkeypatch.setattr(setup, "KafkaRetention", lambda _settings: kafka)
    monkeypatch.setattr(setup, "make_open_id", lambda *_: SimpleNamespace(about=about))
    return made


@pytest.fixture(name="here")
def _here(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> SetupHarness:
    """Offer an installation with all of it, whose variables are not set any more."""
    harness = place("here")
    with monkeypatch.context() as given:
        for name, secret in SECRETS.items():
            given.setenv(name, secret)
        assert harness.run("apply", CONSOLE) == 0
    capsys.readouterr()
    return harness


def exported(harness: SetupHarness) -> str:
    path = harness.file.with_name("exported.yaml")
    assert setup.export(harness.service, path) == 0
    return path.read_text()


def test_what_is_exported_changes_nothing_and_holds_no_secret(
    here: SetupHarness, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, provider: dict[str, str]
) -> None:
    """Whether its variables are set to what stands, or not; and nobody is asked for it."""
    text = exported(here)
    capsys.readouterr()
    assert yaml.safe_load(text) == CONSOLE
    assert not any(secret in text for secret in SECRETS.values())
    provider.clear()
    assert here.run("plan", text) == 0
    told = capsys.readouterr()
    assert told.out == "nothing changes\n"
    assert all(name in told.err for name in SECRETS)
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    assert here.run("plan", text) == 0
    assert capsys.readouterr() == ("nothing changes\n", "")


def test_applied_elsewhere_it_makes_the_same(
    place: Place, here: SetupHarness, kafka: MemoryRetention, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    text, there = exported(here), place("there")
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    capsys.readouterr()
    assert there.run("plan", text) == 2
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line[0] != " "] == [
        f"{'~' if key == 'retention' else '+'} {key.replace(':', ' ')}" for key in KEYS
    ]  # fmt: skip
    assert "    host: (none) -> smtp.example.com" in lines
    assert "    webhook: (none) -> chat.example.com" in lines
    assert "    history_days: 90 -> 30" in lines
    assert lines.count("    password: changed") == 1
    assert not any(secret in line for secret in SECRETS.values() for line in lines)
    assert there.run("apply", text) == 0
    assert capsys.readouterr().out.endswith("5 applied\n")
    assert kafka.held["history"] == 30 * topics.DAY_MS
    assert exported(there) == text
    did = [row.message.what for row in MemoryReader(there.broker, topics.ACTIVITY).poll(0) if row.message is not None]
    assert did == ["mail.changed", "provider.changed", "alert.added", "alert.added", "retention.changed"]


def test_elsewhere_secrets_that_are_not_given_are_missed(
    place: Place, here: SetupHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mail cannot be sent without its password."""
    text, there = exported(here), place("there")
    assert there.run("apply", text) == 1
    told = capsys.readouterr().err
    assert "mail: password: Enter the password of this user at this server." in told
    assert MemoryReader(there.broker, topics.ACCESS).poll(0) == [], "nothing of it is applied"


@pytest.mark.parametrize(
    ("section", "change", "lines"),
    [
        ("mail", {"port": 465, "security": "tls", "password": "another"}, ["port: 587 -> 465", "password: changed"]),
        ("sign_in", {"default_role": ""}, ["default_role: viewer -> null"]),
        ("alerts", {"over": 30, "url": "https://chat.example.com/hooks/2"}, ["over: 20 -> 30", "url: changed"]),
        (
            "alerts",
            {"url": "", "secret": ""},
            ["webhook: chat.example.com -> (none)", "url: changed", "secret: changed"],
        ),
        ("retention", {"history_days": None}, ["history_days: 30 -> 90"]),
    ],
)
def test_what_a_file_says_otherwise_is_shown_and_changed(
    here: SetupHarness, capsys: pytest.CaptureFixture[str], section: str, change: dict[str, Any], lines: list[str]
) -> None:
    """Nothing besides."""
    old = CONSOLE[section][1] if section == "alerts" else CONSOLE[section]
    new = {**old, **change}
    assert here.run("apply", {section: [new] if section == "alerts" else new}) == 0
    told = capsys.readouterr().out.splitlines()
    assert all(f"    {line}" in told for line in lines), told
    assert told[-1] == "1 applied"
    assert len(told) - 2 <= len(lines) + 1
    now = yaml.safe_load(exported(here))
    rest = {name: value for name, value in CONSOLE.items() if name != section}
    assert {name: now[name] for name in rest} == rest


@pytest.mark.parametrize(
    ("file", "wrong"),
    [
        ({"mail": {**CONSOLE["mail"], "host": "no host"}}, "mail: host: Write the name of a server"),
        ({"sign_in": {**CONSOLE["sign_in"], "issuer": "https://nobody.example.com"}}, "sign_in: issuer: the provider"),
        (
            {"alerts": [{**CONSOLE["alerts"][0], "kind": "parked"}]},
            "alert 'accounts': kind: What an alert watches stays",
        ),
        ({"alerts": [{**CONSOLE["alerts"][0], "mail": []}]}, "alert 'accounts': mail: Write whom to tell"),
        ({"alerts": [CONSOLE["alerts"][0]] * 2}, "alert 'accounts' is there twice"),
        ({"retention": {"history_days": 0}}, "retention.history_days"),
        ({"retention": {"users": 5}}, "retention.users"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_applied(
    here: SetupHarness, capsys: pytest.CaptureFixture[str], file: dict[str, Any], wrong: str
) -> None:
    before = len(MemoryReader(here.broker, topics.ACCESS).poll(0))
    right = {"retention": {"history_days": 31}} if "retention" not in file else {}
    assert here.run("apply", {**file, **right}) == 1
    assert wrong in capsys.readouterr().err
    assert len(MemoryReader(here.broker, topics.ACCESS).poll(0)) == before


def test_what_kafka_does_not_take_yet_is_said(
    here: SetupHarness, kafka: MemoryRetention, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is decided all the same: the consoles go on."""
    kafka.refuses = "Kafka is away"
    assert here.run("apply", {"retention": {"history_days": 31}}) == 0
    assert "consoles go on telling Kafka: Kafka is away" in capsys.readouterr().err
    assert yaml.safe_load(exported(here))["retention"] == {"history_days": 31}


def test_programs_are_told_the_same(here: SetupHarness, capsys: pytest.CaptureFixture[str]) -> None:
    here.file.write_text(yaml.safe_dump({"retention": {"history_days": 31}}))
    assert setup.run(here.service, "plan", here.file, as_json=True) == 2
    details = ["history_days: 30 -> 31", "exports_days: 7 -> 1"]
    assert json.loads(capsys.readouterr().out) == {
        "changes": [{"sign": "~", "what": "retention", "details": details}]
    }  # fmt: skip

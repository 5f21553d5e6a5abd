"""What is set up as a file, with real secrets: none is in it, each stays, and a variable brings another one."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from services.console.commands.settings import setup
from services.console.commands.settings.setup import export
from services.console.setups.files import SetupError, read, unset_variables
from shared.io.calls.vault import Vault
from tests.services.console.setup_harness import SetupHarness

TOKEN = "SECRET_TWO__ACCESS_TOKEN"
CREDENTIALS = {"app": "hubspot", "client_id": "id-1", "client_secret": "hook"}


@pytest.fixture(name="exported")
def _exported(applied: SetupHarness) -> str:
    """Return the file of an installation with two accounts, a sync, and what it is known by at HubSpot."""
    assert applied.run("apply", {"credentials": [CREDENTIALS]}) == 0
    path = applied.file.with_name("exported.yaml")
    assert export(applied.service, path) == 0
    return path.read_text()


def opened(harness: SetupHarness, name: str) -> tuple[str, str | None]:
    """Return an account's token and webhook secret in the clear."""
    row, vault = harness.service.setups.connection(name), Vault.from_file(harness.settings.key_file)
    hook = row.webhook_secret and vault.open(row.webhook_secret, connection=name, name="webhook_secret")
    return vault.open(row.secrets["access_token"], connection=name, name="access_token"), hook


def test_what_is_exported_changes_nothing_and_holds_no_secret(
    applied: SetupHarness, exported: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    for secret in ("pat-88", "hook\n", "'hook'", '"hook"'):
        assert secret not in exported
    assert yaml.safe_load(exported)["credentials"] == [
        {"app": "hubspot", "client_id": "id-1", "client_secret": {"env": "SECRET_HUBSPOT__CLIENT_SECRET"}}
    ]
    assert yaml.safe_load(exported)["connections"][1]["webhook_secret"] == {"env": "SECRET_TWO__WEBHOOK_SECRET"}
    assert applied.run("plan", exported) == 0
    told = capsys.readouterr()
    assert told.out == "nothing changes\n"
    assert f"secrets stay as they are: SECRET_ONE__ACCESS_TOKEN, {TOKEN}, SECRET_TWO__WEBHOOK_SECRET, " in told.err
    assert applied.run("apply", exported) == 0
    assert opened(applied, "two") == ("pat-8802", "hook")


def test_a_variable_brings_another_secret(
    applied: SetupHarness,
    exported: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By its value, or by a file that it names, as the settings of services do."""
    monkeypatch.setenv("SECRET_TWO__WEBHOOK_SECRET", "another")
    capsys.readouterr()
    assert applied.run("apply", exported) == 0
    assert capsys.readouterr().out == "~ connection two\n    webhook_secret: changed\n1 applied\n"
    assert opened(applied, "two") == ("pat-8802", "another")
    monkeypatch.delenv("SECRET_TWO__WEBHOOK_SECRET")
    (tmp_path / "hook").write_text("a third\n")
    monkeypatch.setenv("SECRET_TWO__WEBHOOK_SECRET_FILE", str(tmp_path / "hook"))
    assert applied.run("apply", exported) == 0
    assert opened(applied, "two") == ("pat-8802", "a third")
    monkeypatch.setenv("SECRET_TWO__WEBHOOK_SECRET_FILE", str(tmp_path / "nothing"))
    capsys.readouterr()
    assert applied.run("apply", exported) == 1
    assert "SECRET_TWO__WEBHOOK_SECRET_FILE names" in capsys.readouterr().err


def test_elsewhere_a_secret_that_is_not_given_is_missed(exported: str) -> None:
    """Read without variables, a file names no secret at all."""
    first, _ = read(exported, {TOKEN: "pat-1"}).connections
    assert (first.secrets, first.webhook_secret) == ({}, None)
    second = read(exported, {TOKEN: "pat-1"}).connections[1]
    assert second.secrets["access_token"].get_secret_value() == "pat-1"
    assert unset_variables(exported, {TOKEN: "pat-1"}) == [
        "SECRET_ONE__ACCESS_TOKEN", "SECRET_TWO__WEBHOOK_SECRET", "SECRET_HUBSPOT__CLIENT_SECRET",
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["{env: 5}", "{env: A, other: B}", "{file: /etc/passwd}", "[a]"])
def test_anything_else_than_a_text_or_a_variable_is_no_secret(value: str) -> None:
    with pytest.raises(SetupError, match=r"secrets\.access_token"):
        read(f"connections: [{{id: one, app: hubspot, auth: api_key, secrets: {{access_token: {value}}}}}]", {})


def test_a_secret_is_removed_only_where_the_file_says_so(
    applied: SetupHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a file does not name stays as it is."""
    without = {name: value for name, value in applied.connection("two").items() if name != "secrets"}
    assert applied.run("plan", {"connections": [without]}) == 0
    assert applied.run("apply", {"connections": [{**without, "webhook_secret": ""}]}) == 0
    assert "    webhook_secret: removed" in capsys.readouterr().out
    assert opened(applied, "two") == ("pat-8802", None)


def test_it_is_printed_for_people_and_programs(applied: SetupHarness, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert export(applied.service, None) == 0
    shown = capsys.readouterr().out
    assert export(applied.service, None, as_json=True) == 0
    said: Any = yaml.safe_load(capsys.readouterr().out)
    assert said == yaml.safe_load(shown)
    applied.file.write_text(yaml.safe_dump(said))
    assert setup.run(applied.service, "plan", applied.file) == 0

"""What Syncline is known by at an app, by file: sealed, compared, and carried into the accounts that came by it."""

from typing import Any

import pytest
import yaml

from services.console.setups.accounts.credentials import with_followed
from services.console.setups.files import read
from shared.io.calls.vault import Vault
from shared.io.ports import Outbound, run_blocking
from shared.model.syncs import Connection
from shared.wire import topics
from shared.wire.messages import SetupDoc
from tests.services.console.setup_harness import SetupHarness

FILE: dict[str, Any] = {"credentials": [{"app": "hubspot", "client_id": "id-1", "client_secret": "secret-1"}]}


def known(harness: SetupHarness) -> dict[str, str]:
    """Return the credentials that are set up, in the clear."""
    row, vault = harness.service.setups.credentials("hubspot"), Vault.from_file(harness.settings.key_file)
    assert row is not None
    return {name: vault.open(sealed, connection="app hubspot", name=name) for name, sealed in row.secrets.items()}


def changed(**fields: Any) -> dict[str, Any]:
    """Return the file with other credentials."""
    return {"credentials": [{**FILE["credentials"][0], **fields}]}


def test_a_file_enters_credentials_once(harness: SetupHarness, capsys: pytest.CaptureFixture[str]) -> None:
    assert harness.run("plan", FILE) == 2
    shown = capsys.readouterr().out
    assert shown == "+ credentials hubspot\n    client_id: entered\n    client_secret: entered\n"
    assert harness.service.setups.credentials("hubspot") is None
    assert harness.run("apply", FILE) == 0
    assert "secret-1" not in capsys.readouterr().out
    assert known(harness) == {"client_id": "id-1", "client_secret": "secret-1"}
    assert harness.run("plan", FILE) == 0
    without = {"credentials": [{"app": "hubspot", "client_id": "id-1"}]}
    assert harness.run("plan", without) == 0, "a secret that is not named stays"
    assert harness.run("apply", changed(options={"authorize_url": "https://x.example/a"})) == 0
    row = harness.service.setups.credentials("hubspot")
    assert row is not None
    assert (row.version, row.options) == (2, {"authorize_url": "https://x.example/a"})
    assert known(harness)["client_secret"] == "secret-1"


def test_a_new_secret_goes_to_the_accounts_that_came_by_the_old_one(harness: SetupHarness) -> None:
    """To those alone: another client's are not ours to change."""
    assert harness.run("apply", FILE) == 0
    vault, setups = Vault.from_file(harness.settings.key_file), harness.service.setups
    for name, client in (("ours", "id-1"), ("another", "id-9")):
        given = {"client_id": client, "client_secret": "secret-1", "refresh_token": "r"}
        row = Connection(
            id=name, app="hubspot", account=name, base_url=harness.base_url, auth="oauth2_code",
            secrets={key: vault.seal(text, connection=name, name=key) for key, text in given.items()},
            webhook_secret=vault.seal("secret-1", connection=name, name="webhook_secret"),
        )  # fmt: skip
        out = Outbound(topic=topics.SETUPS, key=f"connection:{name}", message=SetupDoc(connection=row))
        run_blocking(harness.service.bus.publish([out]))
    harness.service.follow(0)
    assert harness.run("apply", changed(client_secret="secret-2")) == 0
    found = {}
    for name in ("ours", "another"):
        row = setups.connection(name)
        assert row.webhook_secret is not None
        found[name] = (
            vault.open(row.secrets["client_secret"], connection=name, name="client_secret"),
            vault.open(row.webhook_secret, connection=name, name="webhook_secret"),
            row.version,
        )
    assert found == {"ours": ("secret-2", "secret-2", 2), "another": ("secret-1", "secret-1", 1)}


def test_accounts_that_a_file_names_without_their_secrets_take_the_new_one_too(harness: SetupHarness) -> None:
    """Those that came by the old one, as if the file did not name them."""
    assert harness.run("apply", FILE) == 0
    vault, rows = Vault.from_file(harness.settings.key_file), {}
    for name, client in (("ours", "id-1"), ("another", "id-9")):
        given = {"client_id": client, "client_secret": "secret-1", "refresh_token": "r"}
        rows[name] = Connection(
            id=name, app="hubspot", account=name, auth="oauth2_code",
            secrets={key: vault.seal(text, connection=name, name=key) for key, text in given.items()},
            webhook_secret=vault.seal("secret-1", connection=name, name="webhook_secret"),
        )  # fmt: skip
    named = [{"id": name, "app": "hubspot", "auth": "oauth2_code"} for name in rows]
    own = {"secrets": {"client_secret": "mine"}, "webhook_secret": "mine"}
    entered = harness.service.setups.credentials("hubspot")
    assert entered is not None
    known = {"hubspot": entered}
    file = read(yaml.safe_dump({**changed(client_secret="secret-2"), "connections": named}))
    ours, another = with_followed(vault, file, known, rows).connections
    assert {name: text.get_secret_value() for name, text in ours.secrets.items()} == {"client_secret": "secret-2"}
    assert ours.webhook_secret is not None
    assert ours.webhook_secret.get_secret_value() == "secret-2"
    assert (another.secrets, another.webhook_secret) == ({}, None)
    file = read(yaml.safe_dump({**changed(client_secret="secret-2"), "connections": [{**named[0], **own}]}))
    assert with_followed(vault, file, known, rows) == file


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ({"credentials": [{"app": "hubspot", "client_id": "id-1"}]}, "write the client_secret of this client_id, too"),
        (changed(app="carddav"), "no such app on whose page people agree"),
        (changed(app="nothing"), "no such app on whose page people agree"),
        (changed(client_id=""), "credentials.0.client_id"),
        ({"credentials": FILE["credentials"] * 2}, "hubspot"),
    ],
)
def test_credentials_that_are_none_are_refused(
    harness: SetupHarness, capsys: pytest.CaptureFixture[str], file: dict[str, Any], said: str
) -> None:
    assert harness.run("apply", file) == 1
    told = capsys.readouterr()
    assert said in told.err
    assert "secret-1" not in told.err
    assert harness.service.setups.credentials("hubspot") is None

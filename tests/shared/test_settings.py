"""Settings: where they come from, and what is refused."""

import ast
import socket
import time
from pathlib import Path

import pytest
from pydantic import ValidationError
from redis.exceptions import RedisError

from shared import settings
from shared.io.redis.client import connect_by
from shared.settings import Settings, SettingsError


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    import os  # noqa: PLC0415 - only to clear what the machine brings

    for name in [name for name in os.environ if name.startswith("SYNCLINE_")]:
        monkeypatch.delenv(name)


def test_defaults_need_no_variable() -> None:
    """A process starts with no variable set, on this machine only."""
    loaded = settings.load()
    assert loaded.kafka_bootstrap == "127.0.0.1:9092"
    assert loaded.ingest_host == loaded.console_host == loaded.metrics_host == "127.0.0.1"
    assert loaded.allow_private_addresses == ()
    assert loaded.instance_id


def test_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable wins over the default; lists are separated by commas."""
    monkeypatch.setenv("SYNCLINE_KAFKA_PARTITIONS", "12")
    monkeypatch.setenv("SYNCLINE_ALLOW_PRIVATE_ADDRESSES", "127.0.0.1, localhost:5232")
    loaded = settings.load()
    assert loaded.kafka_partitions == 12
    assert loaded.allow_private_addresses == ("127.0.0.1", "localhost:5232")


def test_a_file_can_stand_for_a_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`*_FILE` names a file that holds the value; the newline at its end is not part of it."""
    (tmp_path / "token").write_text("s3cret\n")
    monkeypatch.setenv("SYNCLINE_CONSOLE_TOKEN_FILE", str(tmp_path / "token"))
    token = settings.load().console_token
    assert token is not None
    assert token.get_secret_value() == "s3cret"


def test_a_folder_of_secrets_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A mounted folder of secrets is read by file name."""
    (tmp_path / "syncline_redis_url").write_text("redis://:pw@127.0.0.1:1/0")
    monkeypatch.setenv("SYNCLINE_SECRETS_DIR", str(tmp_path))
    assert settings.load().redis_url.get_secret_value() == "redis://:pw@127.0.0.1:1/0"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("SYNCLINE_KAFKA_BOOTSTRAPS", "SYNCLINE_KAFKA_BOOTSTRAP"),
        ("SYNCLINE_CONSOLE_TOKN_FILE", "SYNCLINE_CONSOLE_TOKEN_FILE"),
        ("SYNCLINE_REDISURL", "SYNCLINE_REDIS_URL"),
    ],
)
def test_a_misspelt_variable_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, near: str) -> None:
    """The refusal names the variable and the nearest one that exists."""
    monkeypatch.setenv(name, "x")
    with pytest.raises(SettingsError, match=rf"{name} is no setting.*Did you mean {near}\?"):
        settings.load()


def test_a_wrong_value_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the variable and the rule, never the value: it may be a secret."""
    monkeypatch.setenv("SYNCLINE_INGEST_PORT", "hunter2")
    with pytest.raises(SettingsError) as caught:
        settings.load()
    assert "SYNCLINE_INGEST_PORT" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A missing file is an error, not an empty value."""
    monkeypatch.setenv("SYNCLINE_CONSOLE_TOKEN_FILE", str(tmp_path / "nothing"))
    with pytest.raises(SettingsError, match="SYNCLINE_CONSOLE_TOKEN_FILE"):
        settings.load()


def test_a_value_given_twice_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A variable and its `_FILE` twin contradict each other."""
    (tmp_path / "token").write_text("a")
    monkeypatch.setenv("SYNCLINE_CONSOLE_TOKEN", "b")
    monkeypatch.setenv("SYNCLINE_CONSOLE_TOKEN_FILE", str(tmp_path / "token"))
    with pytest.raises(SettingsError, match="both set"):
        settings.load()


def test_settings_are_frozen_and_hide_secrets() -> None:
    """Nothing changes a setting while the process runs, and printing them shows no secret."""
    loaded = settings.load(console_token="s3cret")
    with pytest.raises(ValidationError):
        loaded.kafka_partitions = 1
    assert "s3cret" not in repr(loaded)


def test_every_field_is_explained_in_the_table() -> None:
    """Each field has a docstring, and the reference shows it."""
    lines = settings.table().splitlines()[2:]
    assert len(lines) == len(Settings.model_fields)
    for line in lines:
        assert len(line.split("|")[3].strip()) > 20, line


def _read_of_settings(tree: ast.AST) -> set[str]:
    """Return the attributes that are read of anything called settings."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            base = node.value
            name = base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""
            if name.endswith("settings"):
                found.add(node.attr)
    return found


def test_every_setting_is_read() -> None:
    """A setting that nobody reads is a promise in the reference that nobody keeps."""
    root = Path(__file__).parents[2]
    home = root / "shared" / "settings.py"
    read = set()
    for folder in ("shared", "services"):
        for path in (root / folder).rglob("*.py"):
            if path != home:
                read |= _read_of_settings(ast.parse(path.read_text()))
    for node in ast.walk(ast.parse(home.read_text())):  # a property that is read reads others
        if isinstance(node, ast.FunctionDef) and node.name in read:
            read |= {row.attr for row in ast.walk(node) if isinstance(row, ast.Attribute)}
    assert set(Settings.model_fields) - read == set()


def test_redis_is_waited_for_as_long_as_the_setting_says() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        began = time.monotonic()
        with connect_by(settings.load(redis_url=url, redis_timeout_s=0.3)) as client, pytest.raises(RedisError):
            client.ping()
        assert time.monotonic() - began < 3

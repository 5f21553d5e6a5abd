"""The command `syncline`: one tree, light to start, for people and for programs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.console.commands import jobs, people
from services.console.commands.parser import parser
from tests.docs.command_reference import commands
from tests.services.console.window import Window
from tests.services.desk import Desk

ROOT = Path(__file__).parents[3]


def test_each_command_and_each_argument_says_what_it_is() -> None:
    found = list(commands(parser()))
    assert {"plan", "users add", "why", "connections"} <= {name for name, *_ in found}
    for name, command, text in found:
        assert text, name
        assert not text.endswith("."), name
        nameless = [row.dest for row in command._actions if not row.help and row.dest != "what"]
        assert nameless == [], name


def test_each_command_prints_for_programs_too() -> None:
    """But for the one that speaks with a person."""
    without = [
        name
        for name, command, _ in commands(parser())
        if " " not in name and "--json" not in command._option_string_actions
    ]
    assert without == ["authorize"]


def test_help_does_not_wait_for_a_web_server() -> None:
    """Nor for Kafka's and Redis's clients."""
    code = (
        "import sys, services.console.commands.__main__ as command; command.parser().format_help();"
        "print([name for name in ('fastapi', 'kafka', 'redis', 'pydantic') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_the_command_runs_from_any_folder(tmp_path: Path) -> None:
    script = ROOT / "syncline"
    (tmp_path / "syncline").symlink_to(script)
    shown = subprocess.run([tmp_path / "syncline", "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("usage: syncline")
    wrong = subprocess.run([script, "plam", "x"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "plam" in wrong.stderr


def test_the_console_itself_takes_no_commands() -> None:
    """There is one way to each."""
    told = subprocess.run(
        [sys.executable, "-m", "services.console", "why"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout) == (2, "")
    assert "./syncline why" in told.stderr


def test_jobs_are_printed_for_programs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    service: Any = Desk()
    monkeypatch.setattr(service, "read_jobs", lambda: None, raising=False)
    assert jobs.run(service, None, "", as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_what_is_said_for_people_is_said_for_programs(window: Window) -> None:
    """With the link or the secret that is shown this once."""
    accounts = window.access.accounts

    def said(*words: str) -> list[people.Said]:
        return list(people.said(accounts, parser().parse_args(words), "https://c.example"))

    ((text, row),) = said("users", "add", "ann@x.example", "editor")
    assert row is not None
    assert (row["email"], row["role"], row["state"]) == ("ann@x.example", "editor", "invited")
    assert row["link"].startswith("https://c.example/welcome?token=")
    assert row["link"] in text
    ((_, changed),) = said("users", "role", "ann@x.example", "viewer")
    assert changed is not None
    assert (changed["id"], changed["role"]) == (row["id"], "viewer")
    ((secret, token),) = said("tokens", "add", "backup")
    assert token is not None
    assert token["secret"] == secret
    assert [one.row and one.row["id"] for one in said("tokens")] == [token["id"]]
    assert [one.row and one.row["email"] for one in said("users")] == ["ann@x.example"]

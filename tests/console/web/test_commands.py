"""The command `syncline`: one tree, light to start, for people and for programs."""

import argparse
import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.console.commands.__main__ import main
from services.console.commands.calling import UNANSWERED, NoAnswerError
from services.console.commands.parser import parser
from services.console.commands.printing import ending_on
from services.console.commands.records import jobs
from services.console.commands.settings import people
from shared.settings import SettingsError
from tests.docs.command_reference import commands
from tests.services.console.harness import ConsoleHarness
from tests.services.environment import Environment

ROOT = Path(__file__).parents[3]


def test_each_command_and_each_argument_says_what_it_is() -> None:
    found = list(commands(parser()))
    assert {"plan", "users add", "why", "connections"} <= {name for name, *_ in found}
    for name, command, text in found:
        assert text, name
        assert not text.endswith("."), name
        nameless = [row.dest for row in command._actions if not row.help and row.dest != "what"]
        assert nameless == [], name


def test_what_keeps_a_command_from_its_work_is_told_in_one_place(capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing besides is taken for that: neither a fault of ours, nor that whoever read the output has stopped."""

    @ending_on(*UNANSWERED, OSError)
    def command(error: Exception | None) -> int:
        if error is not None:
            raise error
        return 2

    assert command(None) == 2
    for known in (NoAnswerError("start the console"), SettingsError("set a token"), FileNotFoundError("no such file")):
        assert command(known) == 1
        assert capsys.readouterr().err == f"{known}\n"
    for other in (KeyError("x"), BrokenPipeError()):
        with pytest.raises(type(other)):
            command(other)
    folder = ROOT / "services" / "console" / "commands"
    telling = [path.name for path in sorted(folder.rglob("*.py")) if 'write(f"{error}\\n")' in path.read_text()]
    assert telling == ["__main__.py", "printing.py"]


def test_each_command_prints_for_programs_too() -> None:
    """But for the one that speaks with a person, and the one that speaks with a shell."""
    without = [
        name
        for name, command, _ in commands(parser())
        if " " not in name and "--output" not in command._option_string_actions
    ]
    assert without == ["authorize", "completion"]


@pytest.mark.parametrize(
    ("line", "for_programs"),
    [("users", False), ("users -o json", True), ("users -o json list", True), ("users list -o json", True),
     ("users list --output json", True), ("users list -o table", False), ("users -o json list -o table", False),
     ("connections show hub -o json", True), ("tail -o json --no-follow", True), ("delete -ojson sync x", True)],
)  # fmt: skip
def test_what_is_printed_is_chosen_before_or_behind_the_words_of_a_command(
    line: str,
    for_programs: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert parser().parse_args(line.split()).json is for_programs


@pytest.mark.parametrize("wrong", ["--json", "-o yaml", "-o", "--output="])
def test_nothing_else_can_be_printed(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["users", *wrong.split()])
    assert "syncline" in capsys.readouterr().err


def test_help_does_not_wait_for_a_web_server() -> None:
    """Nor for Kafka's and Redis's clients."""
    code = (
        "import sys, services.console.commands.__main__ as command; command.parser().format_help();"
        "print([name for name in ('fastapi', 'kafka', 'redis', 'pydantic') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_help_takes_less_than_half_a_second_of_processor_time() -> None:
    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    subprocess.run([ROOT / "syncline", "--help"], cwd=ROOT, capture_output=True, check=True)
    assert 0 < spent() - before <= 0.5


def test_the_command_runs_from_any_folder(tmp_path: Path) -> None:
    script = ROOT / "syncline"
    (tmp_path / "syncline").symlink_to(script)
    shown = subprocess.run([tmp_path / "syncline", "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("usage: syncline")
    wrong = subprocess.run([script, "plam", "x"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert wrong.returncode == 1
    assert "plam" in wrong.stderr


def words_of(name: str, command: argparse.ArgumentParser) -> list[str]:
    """Return a command with as little as it takes."""
    needed = [row for row in command._actions if not isinstance(row, argparse._SubParsersAction)]
    words = name.split()
    for row in needed:
        if not row.option_strings and row.nargs not in {"?", "*"}:
            words.append(str(next(iter(row.choices))) if row.choices else "x")
        elif row.option_strings and row.required:
            words += [row.option_strings[0], "x"]
    return words


def test_exit_codes_mean_the_same_everywhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What is not written right differs from what `plan` finds; what cannot be done ends with 1, and a sentence."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNCLINE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setenv("SYNCLINE_REDIS_URL", "redis://127.0.0.1:1")
    monkeypatch.setattr("sys.stdin", io.StringIO("x\nx\n"))
    for name, command, _ in commands(parser()):
        words = words_of(name, command)
        with pytest.raises(SystemExit) as wrong:
            main([*words, "--no-such-option"])
        told = capsys.readouterr()
        assert (wrong.value.code, told.out) == (1, ""), name
        assert told.err.startswith("usage: syncline"), name
        if name == "completion":  # needs no server
            assert main(words) == 0
            continue
        assert main(words) == 1, name
        told = capsys.readouterr()
        if name == "doctor":  # tells all that it finds
            assert "FAIL Redis does not answer at 127.0.0.1:1 " in told.out
            assert "FAIL nothing listens where Kafka should be (127.0.0.1:1)" in told.out
            continue
        assert len(told.err.splitlines()) == 1, name


def test_a_reader_who_has_read_enough_ends_a_command_quietly() -> None:
    """As `head` does."""
    code = (
        "import sys, services.console.commands.__main__ as command;"
        "command._BY_API['apps'] = lambda given: print('x' * 100_000) or 0; sys.exit(command.main(['apps']))"
    )
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        told = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, stdout=closed, stderr=subprocess.PIPE, check=False
        )
    assert (told.returncode, told.stderr) == (141, b"")


def test_the_console_itself_takes_no_commands() -> None:
    """There is one way to each."""
    told = subprocess.run(
        [sys.executable, "-m", "services.console", "why"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout) == (2, "")
    assert "./syncline why" in told.stderr


def test_jobs_are_printed_for_programs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    service: Any = Environment()
    monkeypatch.setattr(service, "read_jobs", lambda: None, raising=False)
    assert jobs.run(service, "list", "", as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_what_is_said_for_people_is_said_for_programs(console: ConsoleHarness) -> None:
    """With the link or the secret that is shown this once."""
    accounts = console.access.accounts

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

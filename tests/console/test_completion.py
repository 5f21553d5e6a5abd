"""What shells are told of the command: every word of the parser's tree, at its place, in real shells."""

import shutil
import subprocess
from pathlib import Path

import pytest

from services.console.commands.completion import places, script
from services.console.commands.parser import parser
from tests.docs.command_reference import commands

SHELLS = {
    "bash": 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _syncline; '
    'printf "%s\\n" "${COMPREPLY[@]}"',
    "zsh": 'compdef() {}; _describe() { print -rl -- ${${(P)2}%%:*} }; _files() {}; source "$1"; shift; words=("$@"); '
    "CURRENT=$#; _syncline",
    "fish": 'source $argv[1]; complete -C "$argv[2]" | string replace -r "\\t.*" ""; true',
}
"""How each is asked what it offers for the last of some words, and what it answers a line each."""


@pytest.fixture(name="shell", params=SHELLS)
def _shell(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name} here")
    return name


def offered(shell: str, path: Path, *words: str) -> set[str]:
    """Ask a shell for the words that may stand in place of the last one."""
    file = path / shell
    file.write_text(script(shell, parser()))
    line = ["syncline", *words]
    given = [str(file), " ".join(line)] if shell == "fish" else [shell, str(file), *line]
    argv = [shell, "-c", SHELLS[shell], *given]
    told = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=path)
    assert (told.returncode, told.stderr) == (0, "")
    return {word for word in told.stdout.split("\n") if word}


def test_a_shell_offers_what_may_follow(shell: str, tmp_path: Path) -> None:
    top = {name for name, *_ in commands(parser()) if " " not in name}
    assert top <= offered(shell, tmp_path, "")
    assert {"list", "add", "role"} <= offered(shell, tmp_path, "users", "")
    assert "--role" in offered(shell, tmp_path, "tokens", "add", "--r")
    assert offered(shell, tmp_path, "exports", "--format", "") == {"csv", "xlsx", "jsonl"}
    for option in ("-o", "--output"):
        assert offered(shell, tmp_path, "users", "list", option, "") == {"table", "json"}
    assert offered(shell, tmp_path, "completion", "b") & {"bash", "zsh"} >= {"bash"}
    assert "add" not in offered(shell, tmp_path, "plan", "")


def test_every_word_of_the_tree_has_its_place() -> None:
    """No list is kept beside the parser."""
    known = {place.path.strip(): place for place in places(parser())}
    assert known.keys() == {"", *(name for name, *_ in commands(parser()))}
    for name, command, _ in commands(parser()):
        for action in command._actions:
            letters = [one for one in action.option_strings if not one.startswith("--")]
            assert [f"-{known[name].letters[action.option_strings[-1]]}" for _ in letters] == letters
            assert set(action.option_strings[-1:]) <= known[name].words.keys()


def test_a_shell_that_is_not_known_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["completion", "tcsh"])
    assert "tcsh" in capsys.readouterr().err

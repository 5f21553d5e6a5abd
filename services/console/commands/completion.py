"""Writes what a shell needs to complete the command, out of the parser's own tree."""

import argparse
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Place:
    """What may be written at one place of a command: after all words that lead there."""

    path: str
    """Those words, each after a blank; empty at the beginning."""
    words: Mapping[str, str]
    """With what each means."""
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What an option takes, of those that take one of some words."""
    letters: Mapping[str, str] = field(default_factory=dict)
    """By option, the letter that it may be written as."""


def places(parser: argparse.ArgumentParser, path: str = "") -> Iterator[Place]:
    """Yield every place of a command, and of those within it."""
    words: dict[str, str] = {}
    values: dict[str, tuple[str, ...]] = {}
    letters: dict[str, str] = {}
    inner: list[tuple[str, argparse.ArgumentParser]] = []
    for action in parser._actions:  # noqa: SLF001 - nothing public tells what a parser takes
        text = " ".join((action.help or "").split()).replace("%(default)s", str(action.default))
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            told = {row.dest: row.help or "" for row in action._choices_actions}  # noqa: SLF001 - as above
            words |= {name: told[name] for name in action.choices}
            inner += action.choices.items()
        elif action.option_strings:
            long = action.option_strings[-1]
            words[long] = text
            letters |= [(long, one[1:]) for one in action.option_strings if len(one) == 2]
            if action.choices:
                values |= dict.fromkeys(action.option_strings, tuple(map(str, action.choices)))
        elif action.choices:
            words |= dict.fromkeys(map(str, action.choices), "")
    yield Place(path, words, values, letters)
    for name, one in inner:
        yield from places(one, f"{path} {name}")


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """Return what a shell reads to complete the command."""
    return _WRITERS[shell](list(places(parser)))


def _bash(found: list[Place]) -> str:
    return _BASH % {"paths": _paths(found), "values": _cases(found, " "), "words": _words(found)}


def _paths(found: list[Place]) -> str:
    return "|".join(shlex.quote(place.path) for place in found if place.path)


def _cases(found: list[Place], between: str) -> str:
    rows = [
        f"    {shlex.quote(f'{place.path}|{option}')}) words={shlex.quote(between.join(taken))} ;;"
        for place in found
        for option, taken in place.values.items()
    ]
    return "\n".join(rows)


def _words(found: list[Place]) -> str:
    return "\n".join(
        f"      {shlex.quote(place.path)}) words={shlex.quote(' '.join(place.words))} ;;" for place in found
    )


def _zsh(found: list[Place]) -> str:
    rows = []
    for place in found:
        told = [shlex.quote(f"{word}:{text}" if text else word) for word, text in place.words.items()]
        rows.append(f"      {shlex.quote(place.path)}) offered=({' '.join(told)}) ;;")
    values = [
        f"    {shlex.quote(f'{place.path}|{option}')}) offered=({' '.join(map(shlex.quote, taken))}) ;;"
        for place in found
        for option, taken in place.values.items()
    ]
    return _ZSH % {"paths": _paths(found), "values": "\n".join(values), "words": "\n".join(rows)}


def _fish(found: list[Place]) -> str:
    rows = []
    for place in found:
        here = f"-n {_quoted(f'__syncline_at {_quoted(place.path)}')}"
        for word, text in place.words.items():
            about = f" -d {_quoted(text)}" if text else ""
            if not word.startswith("-"):
                rows.append(f"complete -c syncline {here} -a {_quoted(word)}{about}")
                continue
            taken = place.values.get(word)
            takes = f" -x -a {_quoted(' '.join(taken))}" if taken else ""
            letter = f" -s {place.letters[word]}" if word in place.letters else ""
            rows.append(f"complete -c syncline {here}{letter} -l {word.removeprefix('--')}{takes}{about}")
    return _FISH % {"paths": " ".join(_quoted(place.path) for place in found if place.path), "rows": "\n".join(rows)}


def _quoted(text: str) -> str:
    """Quote a text for fish, which knows two escapes within single quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_BASH: Final = """\
# Completion of `syncline` for bash: eval "$(syncline completion bash)"
_syncline() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} path= words= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path ${COMP_WORDS[i]}" in
    %(paths)s) path="$path ${COMP_WORDS[i]}" ;;
    esac
  done
  case "$path|$prev" in
%(values)s
  *)
    case "$path" in
%(words)s
    esac
    ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _syncline syncline
"""
_ZSH: Final = """\
#compdef syncline
# Completion of `syncline` for zsh, after compinit: eval "$(syncline completion zsh)"
_syncline() {
  local place= i prev=$words[CURRENT-1]
  local -a offered
  for ((i = 2; i < CURRENT; i++)); do
    case "$place $words[i]" in
    %(paths)s) place="$place $words[i]" ;;
    esac
  done
  case "$place|$prev" in
%(values)s
  *)
    case "$place" in
%(words)s
    esac
    ;;
  esac
  _describe 'syncline' offered || _files
}
compdef _syncline syncline
"""
_FISH: Final = """\
# Completion of `syncline` for fish: syncline completion fish | source
function __syncline_at
  set -l path ''
  set -l tokens (commandline -opc)
  for word in $tokens[2..-1]
    if contains -- "$path $word" %(paths)s
      set path "$path $word"
    end
  end
  test "$path" = "$argv[1]"
end
%(rows)s
"""
_WRITERS: Final[Mapping[str, Callable[[list[Place]], str]]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}

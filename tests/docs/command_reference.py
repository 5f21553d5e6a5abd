"""The reference of the command `syncline`, written from its parser."""

import argparse
from collections.abc import Iterator

from services.console.commands.parser import EXITS, WHERE, parser


def page() -> str:
    """Return all commands, with what each takes."""
    rows = ["`./syncline`, in the folder of the clone, does from a terminal what pages and API do.\n", WHERE]
    rows += ["| exit code | what |", "| --- | --- |", *(f"| {code} | {text} |" for code, text in EXITS.items()), ""]
    for name, command, text in commands(parser()):
        rows += [f"## {name}\n", f"{text[:1].upper()}{text[1:]}.\n", "| argument | what |", "| --- | --- |"]
        rows += [_row(action) for action in command._actions if not isinstance(action, _HIDDEN)]
        rows.append("")
    return "\n".join(rows).rstrip("\n") + "\n"


_HIDDEN = (argparse._HelpAction, argparse._SubParsersAction)


def commands(
    found: argparse.ArgumentParser, before: str = "", text: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """Yield the commands with their names and what they do, as the parser has them."""
    inner = [action for action in found._actions if isinstance(action, argparse._SubParsersAction)]
    if before:
        yield before, found, text
    for action in inner:
        texts = {row.dest: row.help or "" for row in action._choices_actions}
        for name, command in action.choices.items():
            yield from commands(command, f"{before} {name}".strip(), texts[name])


def _row(action: argparse.Action) -> str:
    if action.option_strings:
        takes = "" if action.nargs == 0 else f" {_values(action)}"
        name = f"{', '.join(action.option_strings)}{takes}"
    else:
        name = f"[{_values(action)}]" if action.nargs in ("?", "*") else _values(action)
    text = (action.help or "").replace("%(default)s", str(action.default))
    return f"| `{name.replace('|', chr(92) + '|')}` | {text} |"


def _values(action: argparse.Action) -> str:
    return "|".join(map(str, action.choices)) if action.choices else action.dest.upper()

"""Writes a new app: ``python -m tests.apps.new_app NAME``.

It is a copy of `tests/apps/example`, an app that works with `tests/apps/json_server.py` and passes the conformance
suite. So there is something that runs from the first minute, and each step towards the real app is seen to hold.
"""

import argparse
import keyword
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
_TESTS: Final = Path("tests/apps/test_example_conformance.py")
_APPS: Final = Path("shared/apps/__init__.py")
_TAKEN: Final = frozenset({"example", "kit", "defaults"})

NEXT: Final = """\
Written:
{files}
What runs now is a copy of the example, against a small server of the tests. Replace, in this order:
  1. {app}/__init__.py: what the app is: its fields, limits and sign-in (words: shared/contract/).
  2. {app}/: its paths, and what its answers mean (shared/apps/kit/ has what apps share).
  3. {test}: a server that behaves like the app, in place of JsonServer.
After each step: make test T={test}
Where its objects are known only at run time, tests/apps/tables/ is the better example.
Then {page}, the folder in docs/architecture.md, a line in CHANGELOG.md, and make check.
"""


class NameRefused(ValueError):  # noqa: N818 - says what is wrong with the name
    """No app can have this name; the message says why."""


def write(name: str, root: Path) -> list[Path]:
    """Write an app, its conformance class and its page below *root*; returns the new files.

    Raises:
        NameRefused: the name is no name of an app, or is taken.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*", name) or keyword.iskeyword(name):
        raise NameRefused(f"{name!r} is no name of an app: write a word of small letters and digits, such as acme")
    if name in _TAKEN or (root / "shared" / "apps" / name).exists():
        raise NameRefused(f"shared/apps has {name!r} already")
    folder, example = Path("shared/apps") / name, _ROOT / "tests" / "apps" / "example"
    places = {path: folder / path.name for path in sorted(example.glob("*.py"))}
    places[_ROOT / _TESTS] = Path(f"tests/apps/test_{name}_conformance.py")
    places[example / "page.md"] = Path(f"docs/how-to/{name}.md")
    for path, place in places.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(_renamed(path.read_text(), name))
    _list(name, root / _APPS)
    return list(places.values())


def _renamed(text: str, name: str) -> str:
    text = text.replace("tests.apps.example", f"shared.apps.{name}")
    for said, meant in (("EXAMPLE", name.upper()), ("Example", name.capitalize()), ("example", name)):
        text = text.replace(said, meant)
    return text


def _list(name: str, path: Path) -> None:
    """Add the app to the row of all apps."""
    text = path.read_text()
    imports = re.findall(r"^from shared\.apps\.\w+ import \w+\n", text, re.MULTILINE)
    added = sorted([*imports, f"from shared.apps.{name} import {name.upper()}\n"])
    text = text.replace("".join(imports), "".join(added))
    path.write_text(re.sub(r"(for app in \([^)]*)\)", rf"\g<1>, {name.upper()})", text))


def main(arguments: list[str] | None = None, root: Path = _ROOT) -> int:
    """Write the app that the command line names, and the references anew; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make new-app")
    parser.add_argument("name")
    name: str = parser.parse_args(arguments).name
    try:
        files = write(name, root)
    except NameRefused as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    for command in (["ruff", "check", "--fix", "-q"], ["ruff", "format", "-q"]):
        # Names of another length sort and break otherwise.
        written = [str(_APPS), *(str(path) for path in files if path.suffix == ".py")]
        subprocess.run([sys.executable, "-m", *command, *written], cwd=root, check=True)
    subprocess.run([sys.executable, "-m", "tests.docs.reference"], cwd=root, check=True)
    app, test, page = f"shared/apps/{name}", files[-2], files[-1]
    sys.stdout.write(NEXT.format(files="".join(f"  {path}\n" for path in files), app=app, test=test, page=page))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The tutorial as a test follows it: its commands are run as they are written, and what it quotes must stand there."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, expect

from tests.e2e.live import Live

ROOT: Final = Path(__file__).parents[2]
_TEXT: Final = (ROOT / "docs" / "tutorial.md").read_text()
_SOON_MS: Final = 60_000


def quoted(text: str) -> str:
    """Return a text of the screen that the tutorial names."""
    assert text in " ".join(_TEXT.split()), f"docs/tutorial.md does not say {text!r}"
    return text


def commands() -> Iterator[list[str]]:
    """Yield the commands of the tutorial in their order."""
    for block in re.findall(r"```sh\n(.*?)```", _TEXT, re.DOTALL):
        yield from (shlex.split(line) for line in block.splitlines())


class Reader:
    """Somebody who does what the tutorial says, with a terminal and a browser."""

    def __init__(self, live: Live, page: Page) -> None:
        self._live, self.page = live, page
        self._commands = commands()
        assert next(self._commands) == ["make", "run"]

    def run(self) -> str:
        """Run the next command as it is written, on this installation; return what it says."""
        words = next(self._commands)
        known = {".venv/bin/python": [sys.executable], "./syncline": [str(ROOT / "syncline")]}
        argv = [*known[words[0]], *words[1:]]
        argv += ["--data", str(self._live.stack.data)] if words[0] == ".venv/bin/python" else []
        env = self._live.stack.env("console")
        done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def is_done(self) -> bool:
        """Check whether no command is left."""
        return next(self._commands, None) is None


def follow(live: Live, page: Page) -> None:
    """Follow the tutorial from its first page to the repaired record."""
    reader = Reader(live, page)
    page.goto(live.stack.sign_in_link())
    expect(page.locator("h1")).to_have_text(quoted("Home"))
    expect(page.locator("main")).to_contain_text(quoted("All is well"))
    assert "in the address book after" in reader.run()
    assert "not taken over: Not synced" in reader.run()
    page.get_by_role("link", name=re.compile("1 record of contacts fails")).press("Enter", timeout=_SOON_MS)
    page.get_by_role("link", name=quoted("Anna Rossi")).press("Enter")
    expect(page.locator("#sentence")).to_contain_text(f"Acts: {quoted('owner of the record')}.")
    expect(page.locator("tr.refused")).to_have_count(1)
    assert "Anna Rossi (contacts): Not synced" in reader.run()
    assert reader.run().rstrip().endswith("Not synced: value refused.")
    assert "on the other side after" in reader.run()
    expect(page.locator("#sentence")).to_contain_text(quoted("Both records hold the same values"), timeout=_SOON_MS)
    assert reader.is_done()

"""Lists what is installed under which licence: ``python -m tests.docs.licences``.

What the services import (`requirements/run.txt`) must be permissive. Programs that a local run or a test starts beside
them, and tools of ours, are no part of the product; they are listed all the same.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[2] / "requirements"
PARTS: Final = {"run": "the services", "local": "`make run`", "dev": "tests and tools"}
"""Files of locks, each with all of the one before, and what each adds a package for."""
EXCEPTED: Final = {
    "certifi": "a list of certificates, used as it is",
    "crc32c": "a library of its own, used as it is and replaceable",
}
"""Packages of the services that are not permissive as a whole, and why they do no harm."""
_PERMISSIVE: Final = re.compile(
    r"\b(MIT|BSD|0BSD|Apache|PSF|PSFL|Python Software Foundation|ISC|Unlicense|Repoze)\b", re.IGNORECASE
)
_COPYLEFT: Final = re.compile(r"GPL|MPL|Mozilla|EPL|EUPL|CDDL|General Public|SSPL|BUSL|Commons Clause", re.IGNORECASE)
_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Row:
    """One package."""

    name: str
    version: str
    licence: str
    part: str

    @property
    def permissive(self) -> bool:
        """Whether one of the licences on offer is permissive as a whole."""
        offers = [self.licence] if "(" in self.licence else self.licence.split(" OR ")
        return any(_PERMISSIVE.search(offer) and not _COPYLEFT.search(offer) for offer in offers)


def licence_of(found: Distribution) -> str:
    """Return what a package says of its licence: an SPDX expression, else its classifiers, else its first words."""
    told = found.metadata
    if "License-Expression" in told:
        return str(told["License-Expression"])
    named = [
        row.rpartition("::")[2].strip() for row in told.get_all("Classifier") or () if row.startswith("License ::")
    ]
    free = str(told["License"]).partition("\n")[0] if "License" in told else ""
    return " OR ".join(named) or free or "unknown"


def rows() -> Iterator[Row]:
    """List the packages of all locks that are installed here; some are for other systems or versions of Python."""
    seen: set[str] = set()
    for part in PARTS:
        for name in _PIN.findall((FOLDER / f"{part}.txt").read_text()):
            if name in seen:
                continue
            seen.add(name)
            try:
                found = distribution(name)
            except PackageNotFoundError:
                continue
            yield Row(name, found.version, licence_of(found), part)


def main() -> int:
    """Write the table; returns the exit code."""
    sys.stdout.write("| package | version | licence | for | note |\n| --- | --- | --- | --- | --- |\n")
    for row in rows():
        beside = "" if row.permissive else "not imported by the product" if row.part != "run" else "**not permissive**"
        note = EXCEPTED.get(row.name, beside)
        sys.stdout.write(f"| {row.name} | {row.version} | {row.licence} | {PARTS[row.part]} | {note} |\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

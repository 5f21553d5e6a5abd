"""What a doctor finds, and what any of them looks at first. Needs a bare Python: packages may be what is missing."""

import shutil
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

State: TypeAlias = Literal["ok", "warn", "FAIL"]
_OPTIMISED: Final = ("--enable-optimizations", "--with-lto")
_DISTRIBUTION: Final = "/usr"
"""Where a distribution installs its own."""
_ADVISED: Final = (
    "Take one that is, such as Debian's, Ubuntu's or the official images': the matcher needs a quarter less time by it."
)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        ok: Whether it works.
        title: What was found, in a few words.
        advice: What to do, as a sentence; empty when all is well. What works may have advice, too.
    """

    ok: bool
    title: str
    advice: str = ""

    @property
    def state(self) -> State:
        """Return how it stands, in a word."""
        if not self.ok:
            return "FAIL"
        return "warn" if self.advice else "ok"

    def lines(self) -> Iterator[str]:
        """Yield it for people."""
        yield f"{self.state:<4} {self.title}"
        if self.advice:
            yield f"     {self.advice}"


def works(findings: Iterable[Finding]) -> bool:
    """Check whether nothing stands in the way."""
    return all(finding.ok for finding in findings)


def python(built: str | None = sysconfig.get_config_var("CONFIG_ARGS"), prefix: str = sys.base_prefix) -> Finding:
    """Look at this Python: its version, and by which arguments it was built, where that is known."""
    version = ".".join(map(str, sys.version_info[:3]))
    new_enough = sys.version_info >= (3, 11)
    if not new_enough:
        return Finding(ok=False, title=f"Python {version}", advice="Install Python 3.11 or newer.")
    # Distributions train and link theirs by rules of their own, which these arguments do not tell of.
    if built and prefix != _DISTRIBUTION and not all(name in built for name in _OPTIMISED):
        return Finding(ok=True, title=f"Python {version}, built without PGO and LTO", advice=_ADVISED)
    return Finding(ok=True, title=f"Python {version}")


def disk(folder: Path, wanted_mib: int, advice: str) -> Finding:
    """Look at how much a folder may still hold; it need not exist."""
    there = next(parent for parent in (folder.resolve(), *folder.resolve().parents) if parent.exists())
    return enough(f"disk at {there}", shutil.disk_usage(there).free >> 20, wanted_mib, advice)


def enough(what: str, free_mib: int, wanted_mib: int, advice: str) -> Finding:
    """Compare what is free with what is needed."""
    ok = free_mib >= wanted_mib
    said = "" if ok else f"About {wanted_mib} MiB are needed. {advice}"
    return Finding(ok=ok, title=f"{free_mib} MiB of {what} free", advice=said)

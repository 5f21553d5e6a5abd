"""Which browser the tests use, and how it is started."""

import shutil
from typing import Final

LAUNCH: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


def found() -> str | None:
    """Return the program of a Chromium browser; None where there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

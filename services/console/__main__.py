"""Serve the console: pages and API. What is done from a terminal is the command `syncline`."""

import sys

from services.console.serving import wire
from shared.io.process.service import serve

if __name__ == "__main__":
    if sys.argv[1:]:
        sys.stderr.write(f"the console takes no arguments: write `./syncline {sys.argv[1]}`\n")
        sys.exit(2)
    sys.exit(serve("console", wire))

"""What commands print for programs."""

import json
import sys


def write_json(found: object) -> None:
    """Write something as JSON to standard output, signs of all languages as they are."""
    sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")

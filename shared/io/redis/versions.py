"""Which versions of Redis are safe to run a script on that somebody else could have written.

CVE-2024-46981 and CVE-2025-49844 let whoever may run Lua break out of it. Syncline's own scripts do not, but whoever
gets at the port could.
"""

from collections.abc import Mapping
from typing import Any, Final

_REDIS: Final[Mapping[tuple[int, int], int]] = {(6, 2): 20, (7, 2): 11, (7, 4): 6, (8, 0): 4, (8, 2): 2}
_VALKEY: Final[Mapping[tuple[int, int], int]] = {(7, 2): 11, (8, 0): 6, (8, 1): 4}
"""By line, the first version in which both are mended. Lines in between were ended without."""


def warning_of(info: Mapping[str, Any]) -> str:
    """Return a sentence about a Redis whose version is below the mended ones, by its `INFO`; empty when it is safe.

    It is no reason to refuse it: distributions mend what they ship under its old number.
    """
    valkey = info.get("valkey_version")
    name, text, mended = ("Valkey", str(valkey), _VALKEY) if valkey else ("Redis", str(info["redis_version"]), _REDIS)
    numbers = [int(part) for part in text.split(".")[:3] if part.isdigit()]
    line, patch = (numbers[0], numbers[1] if len(numbers) > 1 else 0), numbers[2] if len(numbers) > 2 else 0
    if line > max(mended) or patch >= mended.get(line, patch + 1):
        return ""
    safe = ", ".join(f"{major}.{minor}.{least}" for (major, minor), least in mended.items())
    return (
        f"{name} {text} is older than what mends CVE-2024-46981 and CVE-2025-49844 ({safe}, each in its line): "
        "update it, unless your distribution has mended it under this number, and let nobody else reach its port"
    )

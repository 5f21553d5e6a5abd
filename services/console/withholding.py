"""Which values of a record are not told to everybody: those of mappings that are sensitive."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.console.access.roles import reaches
from shared.model.records import SIDES, Side
from shared.model.syncs import Sync
from shared.model.wording import SENSITIVE
from shared.wire.messages import Role

_LEAST: Final[Role] = "editor"
"""Who is told sensitive values."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """The mappings and fields whose values somebody is not told."""

    keys: frozenset[str]
    fields: Mapping[Side, frozenset[str]]

    def told(self, side: Side, name: str, value: Any) -> Any:
        """Return what is told of a value that a field of one side holds."""
        return str(SENSITIVE) if value is not None and name in self.fields[side] else value

    def decision(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what is told of a decision; of what the history keeps back, nobody is told more."""
        if not row.get("sensitive") and row.get("key") not in self.keys:
            return row
        return {**row, **{name: SENSITIVE for name in ("old", "new", "lost") if row.get(name) is not None}}


def withheld_from(role: Role, sync: Sync | None) -> Withheld:
    """Return what a role is not told about records of a sync."""
    rows = [row for row in sync.mappings if row.sensitive] if sync is not None and not reaches(role, _LEAST) else []
    return Withheld(
        frozenset(row.key for row in rows),
        {side: frozenset(name for row in rows for name in row.fields(side)) for side in SIDES},
    )

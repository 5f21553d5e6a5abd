"""One side of a sync as a plan sees it: its app, and the fields that it has at this moment."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.console.setups.files import SetupError
from shared.model.fields import FieldInfo

_NAMED: Final = 20
"""Most fields that one sentence names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One side of a sync, for its sentences."""

    app: str
    object: str
    fields: Mapping[str, FieldInfo]
    connection: str = ""
    currency: str = ""
    """Of its amounts that name none; empty where nobody says."""

    def field(self, where: str, name: str) -> FieldInfo:
        """Return a field; raises `SetupError`."""
        found = self.fields.get(name)
        if found is None:
            shown = [info.name for info in self.fields.values() if info.label.casefold() == name.casefold()]
            near = shown or difflib.get_close_matches(name, self.fields, n=1)
            known = ", ".join(sorted(self.fields)[:_NAMED]) + (", and more" if len(self.fields) > _NAMED else "")
            raise SetupError(
                f"{where}: {self.app} has no field {name!r} of {self.object}"
                + (f". Did you mean {near[0]!r}?" if near else f"; there are {known}")
            )
        return found


@dataclass(frozen=True, slots=True)
class Unasked:
    """An app could not be asked."""

    reason: str
    refused: bool
    """True when it would answer the same again, until somebody does something; False when it is paused or away."""

"""Creates that are found again: by the marker that each created record keeps."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from shared.contract.calls import Exchange
from shared.contract.writing import Change, WriteResult, Written
from shared.model.records import Report

Look: TypeAlias = Callable[[Sequence[str]], Exchange[Mapping[str, Report]]]
"""(markers) -> by marker the record that carries it, where there is one."""
Make: TypeAlias = Callable[[Sequence[Change]], Exchange[Sequence[WriteResult]]]


def create_missing(changes: Sequence[Change], look: Look, make: Make) -> Exchange[list[WriteResult]]:
    """Create the records that no marker finds: running it twice makes one record of each."""
    found = yield from look([change.marker for change in changes])
    missing = [change for change in changes if change.marker not in found]
    made = {result.key: result for result in ((yield from make(missing)) if missing else ())}
    return [
        Written(key=change.key, report=found[change.marker], found=True) if change.marker in found else made[change.key]
        for change in changes
    ]

"""Watches what Redis grants: no create for a person of whom match knows a living record on that side."""

from collections.abc import Sequence
from typing import Final

from shared import topics
from shared.core.records import Life, Side
from shared.io.envelope import Received
from shared.io.store import Call

_ITEM: Final = 20
"""Arguments of one swap; the places below stand in the same order as in `swap.lua`."""
_KEYS: Final[dict[Side, int]] = {"L": 8, "R": 13}
_CREATE: Final = 14
_SIDES: Final[dict[str, Side]] = {"a": "L", "b": "R"}


class Grants:
    """All that was granted, and what of it should not have been."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.set: dict[str, int] = {}
        """The revision that each pair was last set to."""
        self._known: dict[tuple[Side, str], str] = {}
        """Addresses of living records that match passed on, by side and record."""

    def passed(self, batch: Sequence[Received]) -> None:
        """Note the records of a batch that match has committed."""
        for item in batch:
            if item.value is None:
                continue
            report = topics.RECORDS.decode(item.value, item.headers).report
            node = (_SIDES[report.connection], report.id)
            self._known.pop(node, None)
            if report.life is Life.ALIVE and report.fields.get("email"):
                self._known[node] = f"e:{report.fields['email']}"

    def watch(self, call: Call, answers: list[list[str]]) -> None:
        """Note what a script did."""
        if call.script != "swap" or answers[0][0] == "notready":
            return
        for at, answer in zip(range(1, len(call.args), _ITEM), answers, strict=True):
            if answer[0] != "ok":
                continue
            item = [str(arg) for arg in call.args[at : at + _ITEM]]
            self.set[item[0]] = int(item[2])
            if item[_CREATE]:
                self._granted("L" if item[_CREATE] == "L" else "R", item)

    def _granted(self, side: Side, item: Sequence[str]) -> None:
        keys = item[_KEYS["R" if side == "L" else "L"]].split("\x1f")
        self.wrong += [
            f"{item[0]} may create {key} in {side} beside {known[1]}"
            for known, key in self._known.items()
            if known[0] == side and key in keys
        ]

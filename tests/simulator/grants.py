"""Watches what Redis grants: no create for a person whose living record on that side was claimed before."""

from collections.abc import Sequence
from typing import Final

from shared import topics
from shared.core.records import Life, Side
from shared.io.envelope import Received
from shared.io.links import Swap
from shared.io.scripts import Call

SWAP_ITEM: Final = len(Swap(pair="", expected=0, rev=0, state="", ends={}).args())
"""Arguments of one swap; the places below stand in the same order as in `swap.lua`."""
_CLAIM: Final = 9
"""Arguments of one claim."""
_KEYS: Final[dict[Side, int]] = {"L": 7, "R": 12}
_CREATE: Final = 13
_STEPPED: Final[dict[Side, int]] = {"L": 20, "R": 21}
_IDENTIFIER: Final = {"contact": ("e", "email"), "company": ("d", "domain")}
_SIDES: Final[dict[str, Side]] = {"a": "L", "b": "R"}


class Grants:
    """All that was granted, and what of it should not have been."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.states: list[tuple[int, str]] = []
        """The states that were set, as text, each with the revision that it followed on."""
        self.forgotten: set[tuple[str, int]] = set()
        """Pairs and revisions of states that Redis may have lost before the journal told of them."""
        self._told: set[tuple[str, int]] = set()
        self._highest: dict[str, int] = {}
        self._set: set[tuple[str, int]] = set()
        self._known: dict[tuple[Side, str], str] = {}
        """Addresses of living records that match passed on, by side and record."""
        self._claimed: dict[tuple[Side, str], str] = {}
        """Addresses of living records that were claimed since Redis was lost last."""
        self._copies: set[tuple[Side, str]] = set()
        """Records that carry the mark of a create whose place somebody else has: they are nobody's partner, so that
        another record may be created beside them."""

    def passed(self, batch: Sequence[Received]) -> None:
        """Note the records of a batch that match has committed."""
        for item in batch:
            if item.value is None:
                continue
            report = topics.RECORDS.decode(item.value, item.headers).report
            node = (_SIDES[report.connection], report.id)
            kind, name = _IDENTIFIER[report.object]
            self._known.pop(node, None)
            if report.life is Life.ALIVE and report.fields.get(name):
                self._known[node] = f"{kind}:{report.fields[name]}"

    def lost(self) -> None:
        """Note that Redis may have forgotten what was claimed and not passed on yet.

        It may also know it again, for a rebuild reads what was published before it was committed: until match has
        committed, a record may be known by its old address or by its new one.
        """
        for node, key in self._claimed.items():
            if self._known.get(node, key) != key:
                del self._known[node]
        self._claimed.clear()
        self.forgotten |= self._set - self._told

    def highest(self, pair: str) -> int:
        """Give the highest revision that was set of a pair."""
        return self._highest.get(pair, 0)

    def told(self, pair: str, rev: int) -> None:
        """Note a state that the journal tells."""
        self._told.add((pair, rev))
        if (pair, rev) not in self._set:
            self.wrong.append(f"the journal tells a state of {pair} that was never set")

    def watch(self, call: Call, answers: list[list[str]]) -> None:
        """Note what a script did."""
        if call.script == "claim" and answers[0][0] != "notready":
            self._note_claims([str(arg) for arg in call.args[1:]], answers)
        if call.script != "swap" or answers[0][0] == "notready":
            return
        for at, answer in zip(range(1, len(call.args), SWAP_ITEM), answers, strict=True):
            if answer[0] != "ok":
                continue
            item = [str(arg) for arg in call.args[at : at + SWAP_ITEM]]
            text, rev = item[2].partition("\t")[2], int(item[2].partition("\t")[0])
            self.states.append((int(item[1]), text))
            self._set.add((item[0], rev))
            self._highest[item[0]] = max(rev, self._highest.get(item[0], 0))
            self._note_places(item)
            if item[_CREATE]:
                self._granted("L" if item[_CREATE] == "L" else "R", item)

    def _note_claims(self, args: Sequence[str], answers: Sequence[Sequence[str]]) -> None:
        for at, answer in zip(range(0, len(args), _CLAIM), answers, strict=True):
            side, record, alive, _, _, key, _, aliases = args[at : at + 8]
            node: tuple[Side, str] = ("L" if side == "L" else "R", record)
            if answer[0] == "surplus":
                self._copies.add(node)
            else:
                self._copies.discard(node)
            for alias in filter(None, aliases.split("\x1f")):
                self._note("L" if side == "L" else "R", alias, "0", "")
            if answer[0] not in ("dead", "hold"):
                self._note(*node, alive, key)

    def _note_places(self, item: Sequence[str]) -> None:
        """Note what the links hold now, which an older report may have set back for a moment."""
        for side, at in _KEYS.items():
            record, alive, key = item[at - 4], item[at - 3], item[at]
            stepped = item[_STEPPED[side]].split("\x1e")[1:-1]
            if record and self._claimed.get((side, record), "") in stepped:
                self._note(side, record, alive, key)

    def _note(self, side: Side, record: str, alive: str, key: str) -> None:
        if alive == "1":
            self._claimed[side, record] = key
        else:
            self._claimed.pop((side, record), None)
            self._known.pop((side, record), None)

    def _granted(self, side: Side, item: Sequence[str]) -> None:
        keys = item[_KEYS["R" if side == "L" else "L"]].split("\x1f")
        self.wrong += [
            f"{item[0]} may create {key} in {side} beside {known[1]}"
            for known, key in {**self._known, **self._claimed}.items()
            if known[0] == side and key in keys and known not in self._copies
        ]

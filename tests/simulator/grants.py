"""Watches what Redis grants: no create for a person whose living record on that side was claimed before."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.io.envelope import Received
from shared.io.links.scripts import Call, ClaimArgs, SwapArgs
from shared.model.pairs import Pair
from shared.model.records import SIDES, Life, Side
from shared.wire import topics
from tests.simulator.objects import OBJECTS, named

_SIDES: Final[dict[str, Side]] = {"a": "L", "b": "R"}


class Grants:
    """All that was granted, and what of it should not have been."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.states: list[tuple[int, str]] = []
        """The states that were set, as text, each with the revision that it followed on."""
        self.forgotten: set[tuple[str, int]] = set()
        """Pairs and revisions of states that Redis lost before the journal told of them."""
        self._told: set[tuple[str, int]] = set()
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
            known = OBJECTS[report.object]
            kind, name = known.key, named(report.connection, report.object, known.identifier)
            self._known.pop(node, None)
            if report.life is Life.ALIVE and report.fields.get(name):
                self._known[node] = f"{kind}:{report.fields[name]}"

    def lost(self, left: Mapping[str, Any]) -> None:
        """Note that Redis may have forgotten what was claimed and not passed on yet, and what it has left.

        It may also know it again, for a rebuild reads what was published before it was committed: until match has
        committed, a record may be known by its old address or by its new one.
        """
        for node, key in self._claimed.items():
            if self._known.get(node, key) != key:
                del self._known[node]
        self._claimed.clear()
        self.forgotten |= self._set - self._told - _standing(left)

    def highest(self, pair: str) -> int:
        """Return the highest revision that was set of a pair, but for those that were lost before anybody was told.

        Whoever set one of these has committed nothing of it: its messages came again.
        """
        return max((rev for name, rev in self._set - (self.forgotten - self._told) if name == pair), default=0)

    def told(self, pair: str, rev: int) -> None:
        """Note a state that the journal tells."""
        self._told.add((pair, rev))
        if (pair, rev) not in self._set:
            self.wrong.append(f"the journal tells a state of {pair} that was never set")

    def watch(self, call: Call, answers: list[list[str]]) -> None:
        """Note what a script did."""
        if answers[0][0] == "notready":
            return
        for item, answer in zip(call.items, answers, strict=False):
            if isinstance(item, ClaimArgs):
                self._note_claim(item, answer[0])
            elif isinstance(item, SwapArgs) and answer[0] == "ok":
                self._note_swap(item)

    def _note_swap(self, item: SwapArgs) -> None:
        rev, _, text = item.state.partition("\t")
        self.states.append((int(item.expected), text))
        self._set.add((item.pair, int(rev)))
        self._note_places(item)
        if item.create:
            self._granted("L" if item.create == "L" else "R", item)

    def _note_claim(self, item: ClaimArgs, answer: str) -> None:
        side: Side = "L" if item.side == "L" else "R"
        if answer == "surplus":
            self._copies.add((side, item.place.id))
        else:
            self._copies.discard((side, item.place.id))
        for alias in filter(None, item.aliases.split("\x1f")):
            self._note(side, alias, "0", "")
        if answer not in ("dead", "hold"):
            self._note(side, item.place.id, item.place.alive, item.place.keys)

    def _note_places(self, item: SwapArgs) -> None:
        """Note what the links hold now, which an older report may have set back for a moment."""
        for side in SIDES:
            end = item.L if side == "L" else item.R
            if end.id and self._claimed.get((side, end.id), "") in end.stepped.split("\x1e")[1:-1]:
                self._note(side, end.id, end.alive, end.keys)

    def _note(self, side: Side, record: str, alive: str, key: str) -> None:
        if alive == "1":
            self._claimed[side, record] = key
        else:
            self._claimed.pop((side, record), None)
            self._known.pop((side, record), None)

    def _granted(self, side: Side, item: SwapArgs) -> None:
        keys = (item.R if side == "L" else item.L).keys.split("\x1f")
        self.wrong += [
            f"{item.pair} may create {key} in {side} beside {known[1]}"
            for known, key in {**self._known, **self._claimed}.items()
            if known[0] == side and key in keys and known not in self._copies
        ]


def _standing(left: Mapping[str, Any]) -> set[tuple[str, int]]:
    """List the pairs and revisions that the states in a Redis have to tell: their own, and those of steps before."""
    found = set()
    for key, text in left.items():
        if key.split("}", 1)[1].startswith("p:"):
            state = Pair.read(text.partition("\t")[2])
            found |= {(state.pair, state.rev), *((state.pair, step.rev) for step in state.earlier)}
    return found

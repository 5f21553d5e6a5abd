"""One chaos run: people edit, processes die, and what stands in the end is judged by what people did."""

import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

from tests.chaos.editors import Editors
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.oracle import Records, Verdict, judge
from tests.chaos.people import FIELDS, MAPPINGS
from tests.e2e.live import Live, Reviver

EVERY_S: Final = 0.1
"""Between two edits."""
SETTLE_S: Final = 240.0
_DOUBLED_S: Final = 20.0
"""How long a double may take to be found, where all else is well: one that stands is counted."""
QUIET_S: Final = 5.0
BEGINNERS: Final = 20
_ADDRESS: Final = re.compile(r"[\w.]+@chaos\.example")
SHARE: Final = 0.01
"""Share of edits that an app without a lock may cost: one within the read-write window of one write."""
_EXPECTED: Final = frozenset(
    {"deleted_in_left", "deleted_in_right", "partner_merged", "duplicate_in_target", "privacy_deleted"}
)
"""Reasons of failing rows that what people did explains."""
SYNC: Final[dict[str, Any]] = {"mappings": MAPPINGS, "email_required": True}


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a run showed."""

    verdict: Verdict
    edits: dict[str, int]
    faults: list[str]
    revived: int
    seconds: float
    settled_s: float
    """How long it took after the last edit."""
    writes: int
    looped: int
    """Writes after everything was quiet."""
    stuck: list[str] = field(default_factory=list)

    def wrong(self) -> list[str]:
        """List why the run failed; empty when it passed."""
        most = max(1, int(SHARE * sum(self.edits.values())))
        found = [*self.verdict.broken(), *(f"stuck: {row}" for row in self.stuck)]
        if self.looped:
            found.append(f"looped: {self.looped} writes after everything was quiet")
        for kind in ("wrong", "doubled"):
            rows = getattr(self.verdict, kind)
            if len(rows) > most:
                found += [f"{kind} (more than {most}): {row}" for row in rows]
        return found

    def table(self) -> str:
        """Show the figures."""
        kinds = ", ".join(f"{name} {number}" for name, number in sorted(self.edits.items()))
        rows = {
            "edits": f"{sum(self.edits.values())} ({kinds})",
            "faults": f"{len(self.faults)}, {self.revived} services started again",
            "settled after": f"{self.settled_s:.0f} s of {self.seconds:.0f} s",
            "writes": str(self.writes),
            "lost": str(len(self.verdict.lost)),
            "overwritten by an old value": str(len(self.verdict.old)),
            "of nobody": str(len(self.verdict.strange)),
            "looped": str(self.looped),
            "stuck": str(len(self.stuck)),
            "fields edited side by side": str(self.verdict.conflicts),
            "wrong among them": str(len(self.verdict.wrong)),
            "doubled": str(len(self.verdict.doubled)),
        }
        return "\n".join(f"{name:30} {value}" for name, value in rows.items())


def run(live: Live, *, edits: int, seed: int, tell: Callable[[str], None], without: Collection[str] = ()) -> Outcome:
    """Edit and break things until so many edits are made, wait until all is quiet, and judge."""
    began = time.monotonic()
    live.revived = True
    editors, reviver = Editors(live, seed, without=without), Reviver(live)
    reviver.start()
    faults: list[str] = []
    try:
        for _ in range(BEGINNERS):
            editors.new()
        every = max(12, edits // (len(FAULTS) * max(1, edits // 600)))
        _go_on(editors, every // 2)
        while editors.edits < edits:
            fault = FAULTS[len(faults) % len(FAULTS)]
            if not (fault.name == "Redis FLUSHALL" and fault.name in faults):
                tell(f"{editors.edits:5} edits: {fault.name}")
                _strike(live, editors, fault)
            faults.append(fault.name)
            _go_on(editors, every)
        ended = time.monotonic()
        tell(f"{editors.edits:5} edits: waiting for quiet")
        verdict = _settle(live, editors)
        settled_s = time.monotonic() - ended
        writes = _writes(live)
        time.sleep(QUIET_S)
        return Outcome(
            verdict=verdict, edits=editors.done, faults=faults, revived=len(reviver.revived),
            seconds=time.monotonic() - began, settled_s=settled_s, writes=writes, looped=_writes(live) - writes,
            stuck=_stuck(live),
        )  # fmt: skip
    finally:
        reviver.halt.set()
        reviver.join(10)


def _strike(live: Live, editors: Editors, fault: Fault) -> None:
    fault.begin(live)
    _go_on(editors, fault.edits)
    fault.end(live)


def _go_on(editors: Editors, number: int) -> None:
    for _ in range(number):
        editors.look()
        editors.act()
        time.sleep(EVERY_S)


def _settle(live: Live, editors: Editors) -> Verdict:
    """Judge until nothing is wrong and nothing waits, or for as long as that may take."""
    began = time.monotonic()
    while True:
        verdict = judge(editors.people, *_records(live))
        took = time.monotonic() - began
        good = not verdict.broken() and not _stuck(live)
        if took > SETTLE_S or (good and (not verdict.doubled or took > _DOUBLED_S)):
            return verdict
        time.sleep(1)


def _records(live: Live) -> tuple[Records, Records]:
    left = {
        name: {**{key: row.get(column.left) or "" for key, column in FIELDS.items()}, "last": row.get("lastname", "")}
        for name, row in live.contacts().items()
    }
    right = {}
    for name, card in live.cards().items():
        held = {key: str(card[column.right] or "") for key, column in FIELDS.items()}
        right[name] = {**held, "email": _bare(held["email"]), "last": str(card["family_name"] or "")}
    return left, right


def _bare(address: str) -> str:
    """Return what an odd card writes around an address, without that."""
    found = _ADDRESS.search(address)
    return found[0] if found else address


def _writes(live: Live) -> int:
    return len([row for row in live.app_writes() if row["op"] in ("create", "update")]) + live.card_writes()


def _stuck(live: Live) -> list[str]:
    """List rows that wait, or that fail for a reason which nothing that people did explains, and parked messages."""
    health = live.stack.api("health")
    if health is None:
        return ["the console does not answer"]
    found = [f"parked: {reason} {number}" for reason, number in health["parked"].items()]
    if any(row["counts"]["pending"] or row["counts"]["failing"] for row in health["syncs"]):
        for row in live.rows():
            expected = row["status"] == "failing" and row["reason"] in _EXPECTED
            if row["status"] in ("pending", "failing") and not expected:
                found.append(f"{row['label']} ({row['left']}, {row['right']}): {row['status']} {row['reason']}")
    return found

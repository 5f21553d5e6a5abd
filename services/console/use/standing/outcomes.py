"""What steps of pairs came to, as they happen, without what any record holds."""

from dataclasses import asdict, dataclass
from typing import Any

from services.console.explain import decided, summary
from shared.config.setups import Setups
from shared.io.envelope import Stored, trace_id
from shared.model.pairs import Pair
from shared.rules.searching import title_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which outcomes somebody wants to see; all where nothing is named."""

    sync: str = ""
    record: str = ""
    """A record's id in its app, or a pair's."""
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a pair stands after a step."""

    at: str
    sync: str
    pair: str
    label: str
    left: str
    right: str
    status: str
    reason: str
    decisions: tuple[str, ...]
    summary: str
    partition: int
    offset: int
    trace: str

    def row(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self)

    def line(self) -> str:
        """Return it for people."""
        why = title_of(self.status, self.reason) or self.reason
        stands = self.status.replace("_", " ") + (f" ({why})" if why and self.status != "in_sync" else "")
        ends = " and ".join(end for end in (self.left, self.right) if end)
        name = f"{self.label} ({ends})" if self.label else ends
        return "  ".join((self.at[11:23], self.sync, name, stands, " ".join(self.decisions))).rstrip()


def outcome_of(stored: Stored[Pair], setups: Setups, chosen: Chosen) -> Outcome | None:
    """Return what a step came to; None where it decided nothing and changed no status, or is not wanted."""
    pair = stored.message
    if pair is None or not (pair.log or pair.changed_ms == pair.seen_ms):
        return None
    left, right = (end.id if end is not None else "" for end in (pair.L, pair.R))
    wanted = (
        chosen.sync in ("", pair.sync)
        and chosen.record in ("", left, right, pair.pair)
        and chosen.status in ("", pair.status)
    )
    if not wanted:
        return None
    return Outcome(
        at=stored.at, sync=pair.sync, pair=pair.pair, label=pair.label, left=left, right=right,
        status=pair.status, reason=pair.reason, decisions=tuple(decided(pair.log, pair.sync, setups)),
        summary=summary(pair, setups), partition=stored.partition, offset=stored.offset,
        trace=trace_id(stored.headers),
    )  # fmt: skip

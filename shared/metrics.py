"""Every metric, in one table, with bounded labels; and the small server that shows them.

A label is bounded in one of two ways: its values are known (`Enumerated`), or the first so many that appear are kept,
and all others share the value ``other`` (`Capped`). So no stream of strange input can fill the memory of Prometheus.
"""

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from shared.model.words import By, Did, Status, Wait
from shared.rules.errors import ERRORS, EXCLUSIONS

OTHER: Final = "other"
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}")


@dataclass(frozen=True, slots=True)
class Enumerated:
    """A label with values that can be listed."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Capped:
    """A label that keeps the first *most* values beside the known ones."""

    most: int
    known: tuple[str, ...] = ()


Label: TypeAlias = Enumerated | Capped

OUTCOMES: Final = ("done", "drop", "later", "park")
LOOP_REASONS: Final = (
    *("done", "unknown_version", "malformed", "too_large", "unreadable_delayed", "republished"),
    *("newer_version", "not_run_here"),
)
"""Reasons that the loops themselves give; handlers add the codes of the error registry and a few of their own."""
REASONS: Final = (
    *LOOP_REASONS,
    *(row.code for row in ERRORS),
    *(row.reason for row in EXCLUSIONS),
    *Wait,
)

LABELS: Final[Mapping[str, Label]] = {
    "topic": Capped(60),
    "group": Capped(20),
    "partition": Capped(1024),
    "outcome": Enumerated(OUTCOMES),
    "reason": Capped(100, REASONS),
    "connection": Capped(200),
    "sync": Capped(200),
    "op": Enumerated(("create", "update", "archive")),
    "result": Enumerated(("written", "found", "stale", "refused", "held", "unknown")),
    "share": Enumerated(("live", "backfill")),
    "status": Enumerated(
        (
            *("2xx", "3xx", "4xx", "404", "412", "423", "429", "5xx", "refused", "timeout", "broken", "denied"),
            *(Status.IN_SYNC, Status.PENDING, Status.FAILING, Status.EXCLUDED),
        )
    ),
    "cause": Enumerated(("not_ready", "bus_unavailable", "rebalance", "too_large")),
    "feed": Capped(40),
    "did": Enumerated(tuple(Did)),
    "by": Enumerated(("", *By)),
}

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0)
_SIZES: Final = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0)

Name: TypeAlias = Literal[
    "messages_total",
    "handler_seconds",
    "batch_messages",
    "published_total",
    "retries_total",
    "consumer_lag",
    "consumer_committed_offset",
    "feed_age_seconds",
    "feed_polls_total",
    "webhook_calls_total",
    "change_delay_seconds",
    "writes_total",
    "decisions_total",
    "http_calls_total",
    "http_seconds",
    "own_429_total",
    "token_renewals_total",
    "budget_wait_seconds",
    "rebuilds_total",
    "parked_total",
    "records",
    "oldest_pending_seconds",
    "connection_age_seconds",
    "connection_paused",
    "parked_messages",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """One metric. Its name in Prometheus carries the prefix ``syncline_``."""

    name: Name
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    doc: str
    buckets: tuple[float, ...] = ()


METRICS: Final[tuple[MetricRow, ...]] = (
    MetricRow(
        name="messages_total",
        kind="counter",
        labels=("topic", "outcome", "reason"),
        doc="Messages handled, by what was decided about them.",
    ),
    MetricRow(
        name="handler_seconds",
        kind="histogram",
        labels=("topic",),
        doc="Seconds a handler took for one batch.",
        buckets=_SECONDS,
    ),
    MetricRow(name="batch_messages", kind="histogram", labels=("topic",), doc="Messages in one batch.", buckets=_SIZES),
    MetricRow(name="published_total", kind="counter", labels=("topic",), doc="Messages that Kafka acknowledged to us."),
    MetricRow(
        name="retries_total",
        kind="counter",
        labels=("topic", "cause"),
        doc="Batches that were put back whole, with nothing committed.",
    ),
    MetricRow(
        name="consumer_lag",
        kind="gauge",
        labels=("group", "topic", "partition"),
        doc="Messages of a partition that the group has not committed.",
    ),
    MetricRow(
        name="consumer_committed_offset",
        kind="gauge",
        labels=("group", "topic", "partition"),
        doc="Offset that the group has committed.",
    ),
    MetricRow(
        name="feed_age_seconds",
        kind="gauge",
        labels=("connection", "feed"),
        doc="Age of the oldest change that a feed may not have told us yet.",
    ),
    MetricRow(
        name="feed_polls_total",
        kind="counter",
        labels=("connection", "feed", "reason"),
        doc="Polls of feeds, by how they ended.",
    ),
    MetricRow(
        name="webhook_calls_total",
        kind="counter",
        labels=("connection", "reason"),
        doc="Calls of apps, by what became of them; `old_signature` is one refused for how it was signed, and "
        "`too_many` one that was not listened to. What nobody we know has signed counts for the connection `other`.",
    ),
    MetricRow(
        name="change_delay_seconds",
        kind="histogram",
        labels=("connection",),
        doc="Seconds from learning of a change to the other app's answer to its write: freshness.",
        buckets=_SECONDS,
    ),
    MetricRow(
        name="writes_total",
        kind="counter",
        labels=("connection", "op", "result"),
        doc="Writes to apps, by how the app answered.",
    ),
    MetricRow(
        name="decisions_total",
        kind="counter",
        labels=("sync", "did", "by"),
        doc="Decisions that were told to `history`, by what was decided and, where a value is written, by the rule "
        "that chose it: any but `edited`, `filled` and `members` settled a conflict.",
    ),
    MetricRow(
        name="http_calls_total",
        kind="counter",
        labels=("connection", "share", "status"),
        doc="Requests to apps, by class of answer.",
    ),
    MetricRow(
        name="http_seconds",
        kind="histogram",
        labels=("connection",),
        doc="Seconds that an app took to answer one request.",
        buckets=_SECONDS,
    ),
    MetricRow(
        name="own_429_total",
        kind="counter",
        labels=("connection",),
        doc="Times an app told us to slow down although our budget allowed the call.",
    ),
    MetricRow(
        name="token_renewals_total",
        kind="counter",
        labels=("connection", "reason"),
        doc="Renewals of access tokens, by how they ended; `auth_expired` is an app that refuses the sign-in.",
    ),
    MetricRow(
        name="budget_wait_seconds",
        kind="histogram",
        labels=("connection", "share"),
        doc="Seconds a request waited for its account's budget.",
        buckets=_SECONDS,
    ),
    MetricRow(
        name="rebuilds_total",
        kind="counter",
        labels=("sync",),
        doc="Times the links of a sync were rebuilt from Kafka.",
    ),
    MetricRow(name="parked_total", kind="counter", labels=("topic", "reason"), doc="Messages put aside for a person."),
    MetricRow(
        name="records",
        kind="gauge",
        labels=("sync", "status", "reason"),
        doc="Records of a sync by status and its reason, a pair counting once; the console's.",
    ),
    MetricRow(
        name="oldest_pending_seconds",
        kind="gauge",
        labels=("sync",),
        doc="For how long the oldest pending record of a sync has waited; 0 when none waits; the console's.",
    ),
    MetricRow(
        name="connection_age_seconds",
        kind="gauge",
        labels=("connection",),
        doc="Age of the oldest change that a connection may not have told us yet, over all its feeds; the console's.",
    ),
    MetricRow(
        name="connection_paused",
        kind="gauge",
        labels=("connection", "reason"),
        doc="1 for a connection that is paused, with the reason; no series for one that runs; the console's.",
    ),
    MetricRow(
        name="parked_messages",
        kind="gauge",
        labels=("reason",),
        doc="Messages that nobody could handle and that stand in `GET /api/v1/parked`; the console's.",
    ),
)


class Metrics:
    """The metrics of one process. Safe to use from several threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._made: dict[str, Any] = {}
        self._rows = {row.name: row for row in METRICS}
        self._seen: dict[str, set[str]] = {name: set() for name in LABELS}
        self._lock = threading.Lock()
        for row in METRICS:
            self._made[row.name] = self._make(row)

    def _make(self, row: MetricRow) -> Counter | Gauge | Histogram:
        name = f"syncline_{row.name}"
        if row.kind == "counter":
            return Counter(name, row.doc, row.labels, registry=self.registry)
        if row.kind == "gauge":
            return Gauge(name, row.doc, row.labels, registry=self.registry)
        return Histogram(name, row.doc, row.labels, registry=self.registry, buckets=row.buckets)

    def count(self, name: Name, by: float = 1, /, **labels: str) -> None:
        """Add to a counter."""
        self._child(name, "counter", labels).inc(by)

    def set(self, name: Name, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        self._child(name, "gauge", labels).set(value)

    def observe(self, name: Name, value: float, /, **labels: str) -> None:
        """Add an observation to a histogram."""
        self._child(name, "histogram", labels).observe(value)

    def forget(self, name: Name, /, **labels: str) -> None:
        """Remove one series of a gauge, such as the lag of a partition that went to another process."""
        values = self._values(name, "gauge", labels)
        with self._lock:
            self._made[name].remove(*values) if self._has(name, values) else None

    def value(self, name: Name, /, **labels: str) -> float:
        """Return a counter's or gauge's value; 0 when nothing was counted."""
        row = self._rows[name]
        sample = f"syncline_{name}"
        return self.registry.get_sample_value(sample, {key: labels[key] for key in row.labels}) or 0.0

    def text(self) -> bytes:
        """Write all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def _has(self, name: str, values: Iterable[str]) -> bool:
        return tuple(values) in self._made[name]._metrics  # noqa: SLF001 - `remove` warns about a series that is not there

    def _child(self, name: Name, kind: str, labels: Mapping[str, str]) -> Any:
        return self._made[name].labels(*self._values(name, kind, labels))

    def _values(self, name: Name, kind: str, labels: Mapping[str, str]) -> list[str]:
        row = self._rows[name]
        if row.kind != kind or set(labels) != set(row.labels):
            raise TypeError(f"{name} is a {row.kind} with the labels {row.labels}, not a {kind} with {sorted(labels)}")
        return [self._bounded(label, labels[label]) for label in row.labels]

    def _bounded(self, label: str, value: str) -> str:
        rule = LABELS[label]
        if isinstance(rule, Enumerated):
            return value if value in rule.values else OTHER
        seen = self._seen[label]
        if value in seen or value in rule.known:
            return value
        if not _WORD.fullmatch(value):
            return OTHER
        with self._lock:
            if len(seen) >= rule.most:
                return OTHER
            seen.add(value)
        return value


def table() -> str:
    """Write the catalogue as a Markdown table, for the reference."""
    rows = ["| metric | kind | labels | what it says |", "| --- | --- | --- | --- |"]
    rows += [
        f"| `syncline_{row.name}` | {row.kind} | {', '.join(f'`{label}`' for label in row.labels)} | {row.doc} |"
        for row in METRICS
    ]
    return "\n".join(rows) + "\n"

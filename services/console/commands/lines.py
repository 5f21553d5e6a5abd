"""What several commands print of one thing."""

from collections.abc import Mapping
from typing import Any


def job_line(row: Mapping[str, Any]) -> str:
    """Return one job as a line: its name and state, how far it is, and what holds it up."""
    if row.get("result") and not row.get("error"):
        return f"{row['id']}: {row['state']}; {row['result']}"
    read, totals, pairs = row.get("read", {}), row.get("totals", {}), row.get("pairs")
    touched = row.get("touched", 0)
    counts = [(read.get(side, 0), totals.get(side), "read") for side in sorted({*read, *totals})]
    counts += [(touched, pairs, "looked at")] if pairs is not None or touched else []
    shown = [f"{done:,} of {total:,} {what}" if total else f"{done:,} {what}" for done, total, what in counts]
    return "; ".join((f"{row['id']}: {row['state']}", *shown, *([row["error"]] if row.get("error") else [])))


def record_line(row: Mapping[str, Any]) -> str:
    """Return one record as a line: its name, its ids in both apps, and how it stands."""
    ends = " and ".join(end for end in (row["left"], row["right"]) if end)
    name = f"{row['label']} ({ends})" if row["label"] else ends
    why = f" ({row['reason']})" if row["reason"] and row["status"] != "in_sync" else ""
    return f"{name}  {row['status'].replace('_', ' ')}{why}"

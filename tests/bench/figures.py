"""Figures, and how they are written down."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

ROOT: Final = Path(__file__).parents[2]
RESULTS: Final = ROOT / "docs" / "benchmarks.json"
"""What was measured, each figure with its commit: measures are made one at a time, and each at another one."""
PAGE: Final = ROOT / "docs" / "benchmarks.md"
_BEGIN: Final = "<!-- figures: written by `make bench` -->"
_END: Final = "<!-- end of figures -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value, beside what it is compared with."""

    name: str
    value: float
    unit: str
    baseline: str
    baseline_value: float
    ratio: float
    """Value divided by the baseline's value."""
    goal: str
    met: bool | None
    """None where no goal is set."""


def figure(
    name: str, value: float, unit: str, *, baseline: str, baseline_value: float, goal: str = "", met: bool | None = None
) -> Figure:
    """Make a figure, rounded to what can be told apart."""
    return Figure(
        name=name,
        value=_round(value),
        unit=unit,
        baseline=baseline,
        baseline_value=_round(baseline_value),
        ratio=_round(value / baseline_value) if baseline_value else 0.0,
        goal=goal,
        met=met,
    )


def _round(value: float) -> float:
    return float(f"{value:.4g}")


def machine() -> str:
    """Describe this machine without naming it."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, {platform.system()}"


def commit() -> str:
    """Name the commit that is measured."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def write(figures: Sequence[Figure]) -> None:
    """Write the results, those of figures not measured this time kept, and the table in the docs."""
    known: dict[str, dict[str, object]] = {}
    if RESULTS.exists():
        known = {row["name"]: row for row in json.loads(RESULTS.read_text())["figures"]}
    here = commit()
    known |= {row.name: {**asdict(row), "commit": here} for row in figures}
    found: dict[str, object] = {"machine": machine(), "figures": list(known.values())}
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    PAGE.write_text(page(PAGE.read_text(), table(found)))


def page(text: str, figures: str) -> str:
    """Return the page with another table of figures."""
    head, _, rest = text.partition(_BEGIN)
    return f"{head}{_BEGIN}\n{figures}{_END}{rest.partition(_END)[2]}"


def table(found: dict[str, object]) -> str:
    """Write results as a Markdown table."""
    rows = [
        f"\nMeasured on {found['machine']}.\n",
        "| figure | value | beside it, in the same run | ratio | goal | met | commit |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    figures: list[dict[str, object]] = found["figures"]  # type: ignore[assignment]  # as `write` makes it
    for row in figures:
        met = {True: "yes", False: "no", None: ""}[row["met"]]  # type: ignore[index]  # a truth value or nothing
        rows.append(
            f"| {row['name']} | {row['value']} {row['unit']} | {row['baseline']}: "
            f"{row['baseline_value']} {row['unit']} | {row['ratio']} | {row['goal']} | {met} | {row['commit']} |"
        )
    return "\n".join(rows) + "\n"

"""The table: a figure, its target, and whether it holds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure. `target` is the most it may be, None when it is only told."""

    name: str
    value: float
    unit: str
    target: float | None = None
    note: str = ""


def show(rows: Sequence[Row]) -> None:
    """Print the rows as a Markdown table, ready for docs/performance.md."""
    print("| figure | measured | target | |")
    print("| --- | ---: | ---: | --- |")
    for row in rows:
        target = "" if row.target is None else f"{row.target:g} {row.unit}"
        verdict = "" if row.target is None else ("ok" if row.value <= row.target else "**over**")
        print(f"| {row.name} | {row.value:.3g} {row.unit} | {target} | {' '.join(filter(None, [verdict, row.note]))} |")


def median(values: Sequence[float]) -> float:
    """Return the middle value."""
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of all values lie."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]

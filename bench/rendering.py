"""The renderer alone: a 2 KB template with ten variables, and how the time grows with the size."""

from __future__ import annotations

import timeit
from collections.abc import Callable

from bench.report import Row
from promptside.template.compiler import compile_template
from promptside.template.renderer import render_text

VARIABLES = {f"variable {number}": f"value {number}" for number in range(10)}
_UNIT = "Some words around it. " * 9


def measure() -> list[Row]:
    """Return the rows."""
    template = compile_template("".join(f"{_UNIT}{{{{{name}}}}}" for name in VARIABLES))
    small = _microseconds(lambda: render_text(template, VARIABLES, {}), 2000)
    sizes = {kilobytes: _sized(kilobytes) for kilobytes in (64, 1024)}
    growth = (sizes[1024] / sizes[64]) / (1024 / 64)
    return [
        Row("render 2 KB with ten variables", small, "us", 50.0),
        Row("render 1 MB", sizes[1024] / 1000, "ms"),
        Row("growth from 64 KB to 1 MB, times linear", growth, "x", 1.6),
    ]


def _sized(kilobytes: int) -> float:
    unit = "".join(f"{_UNIT}{{{{{name}}}}}" for name in VARIABLES)
    template = compile_template(unit * max(1, kilobytes * 1024 // len(unit)))
    return _microseconds(lambda: render_text(template, VARIABLES, {}), 5)


def _microseconds(call: Callable[[], object], number: int) -> float:
    return min(timeit.repeat(call, number=number, repeat=5)) / number * 1e6

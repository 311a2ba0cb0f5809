"""Checks the size limits of the layer: files of at most 300 lines, functions of at most 60 (40 is the goal).

    python -m scripts.limits

Prints each function over the goal as a note and each broken limit as an error; ends with 1 when there is one.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("layers/shared/promptside", "functions")
FILE_LINES = 300
FUNCTION_LINES = 60
FUNCTION_GOAL = 40


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is too long. `broken` tells a limit from a goal."""

    place: str
    what: str
    lines: int
    allowed: int
    broken: bool

    def __str__(self) -> str:
        """Return one line in the form of a compiler's message."""
        kind = "error" if self.broken else "note"
        return f"{self.place}: {kind}: {self.what} has {self.lines} lines, {self.allowed} are the limit"


def main() -> int:
    """Check every file and return the exit status."""
    findings = [
        finding for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")) for finding in check(path)
    ]
    for finding in findings:
        print(finding)
    return int(any(finding.broken for finding in findings))


def check(path: Path) -> Iterator[Finding]:
    """Yield what is too long in one file."""
    text = path.read_text(encoding="utf-8")
    place = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    lines = len(text.splitlines())
    if lines > FILE_LINES:
        yield Finding(place, "the file", lines, FILE_LINES, broken=True)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_GOAL:
                broken = length > FUNCTION_LINES
                allowed = FUNCTION_LINES if broken else FUNCTION_GOAL
                yield Finding(f"{place}:{node.lineno}", node.name, length, allowed, broken=broken)


if __name__ == "__main__":
    sys.exit(main())

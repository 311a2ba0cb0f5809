"""The one spelling behind `virtual_key`, `virtualKey` and `virtual-key`."""

from __future__ import annotations

import re

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def snake(name: str) -> str:
    """Return a name in snake case."""
    return _HUMP.sub("_", name).replace("-", "_").lower()

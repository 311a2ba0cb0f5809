"""Bytes that are larger than an item, cut into items: compressed, and as many as one answer may take."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

LARGEST_PIECE = 350_000
"""Bytes of one item's share; DynamoDB takes 400 KB with everything else."""
MOST_PIECES = 12


def cut(data: bytes) -> list[bytes] | None:
    """Return the pieces in order, at least one; None for what is too large to be kept."""
    packed = zlib.compress(data, level=5)
    pieces = [packed[start : start + LARGEST_PIECE] for start in range(0, len(packed), LARGEST_PIECE)]
    return pieces if len(pieces) <= MOST_PIECES else None


def join(pieces: Sequence[bytes]) -> bytes:
    """Return what was cut."""
    return zlib.decompress(b"".join(pieces))

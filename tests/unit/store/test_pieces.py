"""Bytes that are cut into items, and what is too large for that."""

import random

import pytest

from promptside.store.pieces import LARGEST_PIECE, MOST_PIECES, cut, join

NOISE = random.Random(1).randbytes(LARGEST_PIECE * MOST_PIECES)


@pytest.mark.parametrize("data", [b"", b"a", b"a" * 10_000_000, NOISE[:LARGEST_PIECE], NOISE[: LARGEST_PIECE * 3]])
def test_what_was_cut_is_joined_again(data: bytes) -> None:
    pieces = cut(data)

    assert pieces is not None
    assert all(0 < len(piece) <= LARGEST_PIECE for piece in pieces)
    assert join(pieces) == data


def test_only_what_does_not_compress_takes_several_pieces() -> None:
    plain, noise = cut(b"a" * 10_000_000), cut(NOISE[: LARGEST_PIECE * 3])

    assert plain is not None
    assert len(plain) == 1
    assert noise is not None
    assert len(noise) == 4


def test_what_does_not_fit_into_the_most_pieces_is_not_cut() -> None:
    fits = cut(NOISE[: LARGEST_PIECE * (MOST_PIECES - 1)])

    assert fits is not None
    assert len(fits) == MOST_PIECES
    assert cut(NOISE) is None

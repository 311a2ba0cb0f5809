from __future__ import annotations

import pytest

from promptside.transport.http1 import Body, ChunkedBody, CutShort, Head, HeadReader, OpenBody, SizedBody, body_of

_CHUNKED = b"5\r\nhello\r\n7;name=value\r\n, world\r\n000\r\ntrailer: 1\r\n\r\n"


def _feed(body: Body, *pieces: bytes) -> bytes:
    return b"".join(body.feed(piece) for piece in pieces)


def test_chunks_are_joined_wherever_they_are_cut() -> None:
    for first in range(len(_CHUNKED)):
        for second in range(first, len(_CHUNKED)):
            body = ChunkedBody()
            payload = _feed(body, _CHUNKED[:first], _CHUNKED[first:second], _CHUNKED[second:])
            assert (payload, body.complete, body.excess) == (b"hello, world", True, False), (first, second)


def test_a_chunked_body_without_its_last_chunk_is_cut_short() -> None:
    for length in range(len(_CHUNKED)):
        body = ChunkedBody()
        body.feed(_CHUNKED[:length])
        with pytest.raises(CutShort):
            body.end()


@pytest.mark.parametrize(
    ("body", "data"), [(ChunkedBody(), _CHUNKED + b"HTTP/1.1"), (SizedBody(12), b"hello, worldHTTP/1.1")]
)
def test_what_follows_a_body_is_not_part_of_it(body: Body, data: bytes) -> None:
    assert (body.feed(data), body.complete, body.excess) == (b"hello, world", True, True)


def test_a_sized_body_is_complete_with_its_last_byte() -> None:
    body = SizedBody(4)

    assert (body.feed(b"ab"), body.complete, body.feed(b"cd"), body.complete) == (b"ab", False, b"cd", True)


def test_an_open_body_ends_with_the_connection() -> None:
    body = OpenBody()

    payload = body.feed(b"ab")
    body.end()

    assert (payload, body.complete) == (b"ab", True)


def test_a_head_is_read_wherever_it_is_cut() -> None:
    stream = b"HTTP/1.1 103 Early\r\nlink: a\r\n\r\nHTTP/1.1 200 OK\r\nX-A:  1 \r\nx-a: 2\r\n\r\nrest"
    expected = Head(200, {"x-a": "1, 2"}, keep_alive=True)

    for position in range(len(stream) - 4):
        reader = HeadReader()
        head = reader.feed(stream[:position]) or reader.feed(stream[position:])
        assert (head, reader.rest) == (expected, b"rest"), position


@pytest.mark.parametrize(
    ("head", "keep_alive"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 200\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\nx: y\n\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: Upgrade, Close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\n\r\n", True),
    ],
)
def test_the_head_says_whether_the_connection_stays(head: bytes, keep_alive: bool) -> None:
    read = HeadReader().feed(head)

    assert read is not None
    assert (read.status, read.keep_alive) == (200, keep_alive)


def test_chunks_count_more_than_a_length_and_a_repeated_length_counts_once() -> None:
    chunked = body_of(Head(200, {"transfer-encoding": "Chunked", "content-length": "3"}))
    sized = body_of(Head(200, {"content-length": "3, 3"}))

    assert isinstance(chunked, ChunkedBody)
    assert (sized.feed(b"abcd"), sized.complete) == (b"abc", True)

"""The provider that both sides of every comparison call: `python -m bench.upstream PORT`, fast enough not to matter.

The request's model decides: anything answers about 400 bytes whole; a streamed `burst` gives 200 events at once, a
streamed `paced` 40 events with 5 ms between them.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress

BURST_EVENTS = 200
PACED_EVENTS = 40
PACE_SECONDS = 0.005

_ANSWER = {
    "id": "chatcmpl-bench",
    "object": "chat.completion",
    "created": 1_795_300_000,
    "model": "bench",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "word " * 30}, "finish_reason": "stop"},
    ],
    "usage": {"prompt_tokens": 20, "completion_tokens": 30, "total_tokens": 50},
}


def _event(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    chunk = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1_795_300_000,
        "model": "bench",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    }
    data = b"data: " + json.dumps(chunk).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


_WHOLE = json.dumps(_ANSWER).encode()
_PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(_WHOLE), _WHOLE)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_FIRST = _event({"role": "assistant", "content": ""})
_WORD = _event({"content": "word "})
_LAST = _event({}, "stop") + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            await _answer(await reader.readexactly(length), writer)
    writer.close()


async def _answer(body: bytes, writer: asyncio.StreamWriter) -> None:
    request = json.loads(body)
    if not request.get("stream"):
        writer.write(_PLAIN)
    elif request["model"] == "burst":
        for part in [_HEAD, _FIRST, *[_WORD] * (BURST_EVENTS - 2), _LAST]:
            writer.write(part)
    else:
        writer.write(_HEAD + _FIRST)
        for _ in range(PACED_EVENTS - 2):
            await asyncio.sleep(PACE_SECONDS)
            writer.write(_WORD)
        writer.write(_LAST)
    await writer.drain()


async def main(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.start_server(_serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))

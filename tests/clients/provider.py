"""A provider on loopback that answers what it was asked, so that a test sees what a prompt became.

It speaks OpenAI's chat and text completions, whole and streamed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tests.upstream import Reply, Request, Responder, Step, Upstream, json_reply, sse_reply

CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"
KEY = "sk-provider-key-of-the-tests"
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}

_CREATED = 1_700_000_000
_PIECE = 4
"""Characters in one chunk of an echo."""


class EchoProvider(Upstream):
    """Answers with the text of the last message, or of the prompt, unless a test has scripted something else."""

    def __init__(self) -> None:
        super().__init__()
        self.default = echo

    def reset(self) -> None:
        """Forget what arrived and what was scripted."""
        self.requests.clear()
        self.routes.clear()

    def answer(self, reply: Responder) -> None:
        """Answer every request for a completion so, until the next reset."""
        self.routes.update({CHAT: reply, TEXT: reply})

    def sent(self) -> Any:
        """Return the body of the only request that arrived."""
        assert len(self.requests) == 1, [request.path for request in self.requests]
        return self.requests[0].json()


def echo(request: Request) -> Reply:
    """Answer in the form that was asked for."""
    body = request.json()
    chat = request.path == CHAT
    text = asked_text(body)
    if body.get("stream") is not True:
        return json_reply(completion(text, model=body["model"], chat=chat))
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    return sse_reply(list(events(pieces, chat=chat)))


def asked_text(body: Any) -> str:
    """Return the text of the last message, or the prompt."""
    if "messages" not in body:
        return str(body["prompt"])
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else json.dumps(content)


def completion(text: str, *, model: str = "m1", chat: bool = True) -> dict[str, Any]:
    """Return a whole answer."""
    content: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    return {
        "id": "chatcmpl-echo" if chat else "cmpl-echo",
        "object": "chat.completion" if chat else "text_completion",
        "created": _CREATED,
        "model": model,
        "choices": [{"index": 0, **content, "logprobs": None, "finish_reason": "stop"}],
        "usage": USAGE,
    }


def events(pieces: Sequence[str], *, chat: bool = True) -> Iterator[Step]:
    """Yield a whole stream with its end and its usage."""
    if chat:
        yield chunk({"delta": {"role": "assistant", "content": ""}})
    for piece in pieces:
        yield chunk({"delta": {"content": piece}} if chat else {"text": piece}, chat=chat)
    yield chunk({"delta": {}} if chat else {"text": ""}, chat=chat, finish_reason="stop")
    yield event({**_head(chat=chat), "choices": [], "usage": USAGE})
    yield b"data: [DONE]\n\n"


def chunk(choice: dict[str, Any], *, chat: bool = True, finish_reason: str | None = None) -> bytes:
    """Return one event with one choice."""
    return event({**_head(chat=chat), "choices": [{"index": 0, **choice, "finish_reason": finish_reason}]})


def event(data: dict[str, Any]) -> bytes:
    """Return one event as OpenAI writes it: with every character as it is."""
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


def failure(status: int, message: str, *, headers: dict[str, str] | None = None) -> Reply:
    """Return an error in OpenAI's form."""
    error = {"message": message, "type": "server_error", "param": None, "code": None}
    return json_reply({"error": error}, status=status, headers=headers)


def _head(*, chat: bool) -> dict[str, Any]:
    name = "chat.completion.chunk" if chat else "text_completion"
    return {"id": "chatcmpl-echo", "object": name, "created": _CREATED, "model": "m1"}

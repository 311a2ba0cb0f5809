"""The demo provider: answers in a provider's place while there is no key for it, over real HTTP, and says so.

It speaks OpenAI's chat and text completions, whole and streamed.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from promptside.api.http import HttpRequest, HttpResponse

JsonObject = dict[str, Any]

MODEL = "demo"
_LONGEST_ECHO = 160
_TOKEN = re.compile(r"\s*\S+")


@dataclass(frozen=True, slots=True)
class _Reply:
    """One answer before it takes its form. `choices` of them are sent, all alike."""

    text: str
    chat: bool
    id: str
    created: int
    choices: int
    prompt_tokens: int

    @property
    def tokens(self) -> list[str]:
        return _TOKEN.findall(self.text)

    @property
    def usage(self) -> JsonObject:
        completion = len(self.tokens) * self.choices
        total = self.prompt_tokens + completion
        return {"prompt_tokens": self.prompt_tokens, "completion_tokens": completion, "total_tokens": total}


class Demo:
    """Answers requests for completions; anything else is refused in OpenAI's form."""

    def __init__(self, *, token_seconds: float = 0.015) -> None:
        self._token_seconds = token_seconds

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; a streamed answer pauses before each word, so that one sees it stream."""
        chat = request.path.endswith("/chat/completions")
        if request.method != "POST" or not (chat or request.path.endswith("/completions")):
            return _error(404, f"The demo provider has no route {request.method} {request.path[:100]}")
        body = _parse(request.body)
        if body is None:
            return _error(400, "The demo provider needs a JSON object")
        reply = _reply(body, chat=chat)
        if body.get("stream") is True:
            events = _Events(reply, self._token_seconds, include_usage=_wants_usage(body))
            return HttpResponse(200, {"content-type": "text/event-stream"}, events)
        return HttpResponse(200, {"content-type": "application/json"}, json.dumps(_completion(reply)).encode())


class _Events:
    """The streamed form, a word at a time."""

    def __init__(self, reply: _Reply, token_seconds: float, *, include_usage: bool) -> None:
        self._reply = reply
        self._token_seconds = token_seconds
        self._include_usage = include_usage

    def __iter__(self) -> Iterator[bytes]:
        reply = self._reply
        for index in range(reply.choices) if reply.chat else ():
            yield _event(_chunk(reply, [{"index": index, "delta": {"role": "assistant", "content": ""}}]))
        for token in reply.tokens:
            time.sleep(self._token_seconds)
            yield _event(_chunk(reply, [_part(reply, index, token) for index in range(reply.choices)]))
        ends = [{"index": index, **_nothing(reply), "finish_reason": "stop"} for index in range(reply.choices)]
        yield _event(_chunk(reply, ends))
        if self._include_usage:
            yield _event({**_chunk(reply, []), "usage": reply.usage})
        yield b"data: [DONE]\n\n"

    def close(self) -> None:
        """Nothing is behind it."""


def _parse(data: bytes) -> JsonObject | None:
    try:
        body = json.loads(data)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _wants_usage(body: JsonObject) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def _reply(body: JsonObject, *, chat: bool) -> _Reply:
    texts = _texts(body.get("messages") if chat else body.get("prompt"))
    asked = texts[-1] if texts else ""
    count = body.get("n")
    return _Reply(
        text=_text(asked, wants_json=_wants_json(body)),
        chat=chat,
        id=f"{'chatcmpl' if chat else 'cmpl'}-demo-{uuid.uuid4().hex[:16]}",
        created=int(time.time()),
        choices=count if isinstance(count, int) and 1 <= count <= 8 else 1,
        prompt_tokens=sum(len(text.split()) for text in texts),
    )


def _text(asked: str, *, wants_json: bool) -> str:
    shown = " ".join(asked.split())
    if len(shown) > _LONGEST_ECHO:
        shown = shown[: _LONGEST_ECHO - 1].rstrip() + "…"
    notice = (
        "This is the demo provider of promptside, not a language model: no key is set for the provider of this prompt. "
        "Set its key in the environment, such as OPENAI_API_KEY, ANTHROPIC_API_KEY or AWS_PROFILE, "
        "and start again to make it live."
    )
    if wants_json:
        return json.dumps({"demo": notice, "received": shown})
    return f"{notice} Your prompt arrived with its variables filled in. It ends: {shown}"


def _wants_json(body: JsonObject) -> bool:
    wanted = body.get("response_format")
    return isinstance(wanted, dict) and wanted.get("type") in {"json_object", "json_schema"}


def _texts(source: Any) -> list[str]:
    """Return the texts of a message list, of a prompt, or of a list of prompts."""
    if isinstance(source, str):
        return [source]
    if not isinstance(source, list):
        return []
    texts: list[str] = []
    for entry in source:
        content = entry.get("content") if isinstance(entry, dict) else entry
        if isinstance(content, str):
            texts.append(content)
        elif isinstance(content, list):
            texts.append(" ".join(str(part.get("text", "")) for part in content if isinstance(part, dict)))
    return texts


def _completion(reply: _Reply) -> JsonObject:
    content: JsonObject = (
        {"message": {"role": "assistant", "content": reply.text, "refusal": None}}
        if reply.chat
        else {"text": reply.text}
    )
    return {
        "id": reply.id,
        "object": "chat.completion" if reply.chat else "text_completion",
        "created": reply.created,
        "model": MODEL,
        "choices": [
            {"index": index, **content, "logprobs": None, "finish_reason": "stop"} for index in range(reply.choices)
        ],
        "usage": reply.usage,
    }


def _chunk(reply: _Reply, choices: list[JsonObject]) -> JsonObject:
    return {
        "id": reply.id,
        "object": "chat.completion.chunk" if reply.chat else "text_completion",
        "created": reply.created,
        "model": MODEL,
        "choices": [{"finish_reason": None, **choice} for choice in choices],
    }


def _part(reply: _Reply, index: int, token: str) -> JsonObject:
    return {"index": index, "delta": {"content": token}} if reply.chat else {"index": index, "text": token}


def _nothing(reply: _Reply) -> JsonObject:
    return {"delta": {}} if reply.chat else {"text": ""}


def _event(data: JsonObject) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def _error(status: int, message: str) -> HttpResponse:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps({"error": error}).encode())

import json
from typing import Any

import pytest

from local.demo import Demo
from promptside.api.http import HttpRequest

CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"


def ask(path: str, body: Any, *, method: str = "POST") -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = Demo(token_seconds=0)(HttpRequest(method, path, body=data))
    raw = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    if answer.headers["content-type"] == "text/event-stream":
        return answer.status, [line[6:] for line in raw.decode().split("\n\n") if line]
    return answer.status, json.loads(raw)


def user(text: Any) -> list[dict[str, Any]]:
    return [{"role": "system", "content": "one two"}, {"role": "user", "content": text}]


def test_a_chat_answer_says_what_it_is_and_shows_the_last_message() -> None:
    status, answer = ask(CHAT, {"messages": user("Greet\n Ada.")})

    text = answer["choices"][0]["message"]["content"]
    words = len(text.split())
    assert status == 200
    assert text.startswith("This is the demo provider of promptside, not a language model")
    assert "OPENAI_API_KEY" in text
    assert text.endswith("It ends: Greet Ada.")
    assert (answer["object"], answer["model"]) == ("chat.completion", "demo")
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"] == {"prompt_tokens": 4, "completion_tokens": words, "total_tokens": 4 + words}


def test_a_long_message_is_shortened() -> None:
    _, answer = ask(CHAT, {"messages": user("x" * 1000)})

    assert answer["choices"][0]["message"]["content"].endswith("x" * 159 + "…")


def test_the_text_parts_of_a_message_are_shown() -> None:
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:x"}}]

    _, answer = ask(CHAT, {"messages": user(parts)})

    assert "It ends: look" in answer["choices"][0]["message"]["content"]


@pytest.mark.parametrize("prompt", ["Tagline:", ["first", "Tagline:"]])
def test_a_text_answer_has_the_legacy_form(prompt: Any) -> None:
    _, answer = ask(TEXT, {"prompt": prompt})

    assert answer["object"] == "text_completion"
    assert answer["choices"][0]["text"].endswith("It ends: Tagline:")


@pytest.mark.parametrize(("path", "body"), [(CHAT, {"messages": user("hello")}), (TEXT, {"prompt": "hello"})])
def test_the_streamed_words_are_the_whole_answer(path: str, body: dict[str, Any]) -> None:
    _, whole = ask(path, body)

    _, events = ask(path, {**body, "stream": True, "stream_options": {"include_usage": True}})

    chunks = [json.loads(event) for event in events[:-1]]
    choices = [chunk["choices"][0] for chunk in chunks[:-1]]
    text = "".join(choice.get("delta", choice).get("content") or choice.get("text") or "" for choice in choices)
    expected = whole["choices"][0].get("message", {}).get("content") or whole["choices"][0].get("text")
    assert events[-1] == "[DONE]"
    assert text == expected
    assert [choice["finish_reason"] for choice in choices[-2:]] == [None, "stop"]
    assert (chunks[-1]["choices"], chunks[-1]["usage"]) == ([], whole["usage"])
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_usage_is_streamed_only_when_asked_for() -> None:
    _, events = ask(CHAT, {"messages": user("hello"), "stream": True})

    assert not any("usage" in event for event in events)


def test_an_answer_in_json_is_json_when_that_was_asked_for() -> None:
    _, answer = ask(CHAT, {"messages": user('say "hi"'), "response_format": {"type": "json_object"}})

    assert json.loads(answer["choices"][0]["message"]["content"])["received"] == 'say "hi"'


def test_several_choices_are_given() -> None:
    _, answer = ask(CHAT, {"messages": user("hello"), "n": 3})

    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [("GET", CHAT, b"", 404), ("POST", "/v1/other", b"{}", 404), ("POST", CHAT, b"{", 400), ("POST", TEXT, b"[]", 400)],
)
def test_anything_else_is_refused_in_openais_form(method: str, path: str, body: bytes, status: int) -> None:
    code, answer = ask(path, body, method=method)

    assert (code, answer["error"]["type"]) == (status, "invalid_request_error")

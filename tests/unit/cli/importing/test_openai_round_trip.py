from __future__ import annotations

from typing import Any

import pytest

from cli.importing.base import Document, Options
from cli.importing.openai import read
from promptside.providers.base import ProviderCall
from promptside.providers.openai_format.responses import ResponsesRules, build_responses_body
from promptside.template.prompt import compile_prompt, render_prompt

MINIMAL = {
    "model": "gpt-5.4",
    "input": [{"type": "message", "role": "user", "content": "Hello"}],
    "store": False,
}
FULL = {
    "model": "gpt-5.4",
    "input": [
        {"type": "message", "role": "developer", "content": "Be brief."},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is this?"},
                {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "low"},
            ],
        },
        {"type": "message", "role": "assistant", "content": "I look."},
        {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"at":"it"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "A lamp"},
    ],
    "tools": [
        {
            "type": "function",
            "name": "look",
            "description": "Look at it",
            "parameters": {"type": "object", "properties": {}},
            "strict": True,
        },
        {"type": "custom", "name": "sql", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
    ],
    "tool_choice": {"type": "function", "name": "look"},
    "parallel_tool_calls": False,
    "max_output_tokens": 200,
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {
        "format": {"type": "json_schema", "name": "lamp", "schema": {"type": "object"}, "strict": True},
        "verbosity": "low",
    },
    "metadata": {"team": "x"},
    "store": False,
}


@pytest.mark.parametrize("request_body", [MINIMAL, FULL], ids=["minimal", "full"])
def test_an_imported_request_is_sent_as_it_was(request_body: dict[str, Any]) -> None:
    version = read([Document("request.json", request_body)], Options()).prompts[0].current

    rendered = render_prompt(compile_prompt(version.string, kind="chat"), {}, {})
    call = ProviderCall(
        kind="chat",
        model=str(version.model),
        messages=rendered.messages,
        prompt=None,
        parameters={
            **version.parameters,
            **({"tools": version.tools} if version.tools else {}),
            **({"tool_choice": version.tool_choice} if version.tool_choice else {}),
        },
        completion_id="c",
        created=0,
        settings={},
    )
    body, dropped = build_responses_body(call, ResponsesRules(), "openai")

    assert (body, dropped) == (request_body, [])

"""The merge order of the contract, key by key."""

from typing import Any

import pytest

from promptside.errors import InvalidRequest
from promptside.merging import merge_parameters, strict_params
from promptside.schema.prompt import PromptVersion
from promptside.template.prompt import RenderedPrompt

MESSAGES = [{"role": "user", "content": "Hi"}]


def version(**fields: Any) -> PromptVersion:
    defaults: dict[str, Any] = {
        "slug": "p", "prompt_id": "i", "version": 1, "version_id": "v", "kind": "chat", "string": "", "model": "m1",
    }  # fmt: skip
    return PromptVersion(**{**defaults, **fields})


def merge(stored: PromptVersion, overrides: dict[str, Any] | None = None) -> dict[str, Any]:
    rendered = (
        RenderedPrompt(messages=MESSAGES, text=None) if stored.kind == "chat" else RenderedPrompt(None, "Once upon")
    )
    return merge_parameters(stored, rendered, overrides or {})


def test_stored_parameters_model_and_messages_make_the_body() -> None:
    stored = version(parameters={"temperature": 0.5, "max_tokens": 100}, tools=[{"type": "function"}])

    assert merge(stored) == {
        "temperature": 0.5, "max_tokens": 100, "model": "m1", "tools": [{"type": "function"}], "messages": MESSAGES,
    }  # fmt: skip


def test_the_stored_stream_flag_has_no_effect() -> None:
    assert "stream" not in merge(version(parameters={"stream": True}))


def test_overrides_win_and_zero_is_a_value() -> None:
    assert merge(version(parameters={"temperature": 0.5}), {"temperature": 0, "model": "m2"}) == {
        "temperature": 0, "model": "m2", "messages": MESSAGES,
    }  # fmt: skip


def test_a_null_override_removes_the_stored_value() -> None:
    assert "max_tokens" not in merge(version(parameters={"max_tokens": 100}), {"max_tokens": None})


@pytest.mark.parametrize(
    ("stored", "sent"), [("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens")]
)
def test_either_token_limit_replaces_the_stored_other(stored: str, sent: str) -> None:
    merged = merge(version(parameters={stored: 100}), {sent: 9})

    assert (merged.get(stored), merged[sent]) == (None, 9)


def test_messages_of_the_request_replace_the_rendered_ones_and_are_not_rendered() -> None:
    sent = [{"role": "user", "content": "{{name}}"}]

    assert merge(version(), {"messages": sent})["messages"] == sent


def test_a_text_prompt_sends_prompt_and_ignores_messages() -> None:
    merged = merge(version(kind="text"), {"messages": MESSAGES})

    assert merged == {"model": "m1", "prompt": "Once upon"}


@pytest.mark.parametrize("messages", [[], "text", [1], [{}], {"role": "user"}])
def test_messages_of_another_shape_are_refused(messages: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        merge(version(), {"messages": messages})

    assert caught.value.param == "messages"


@pytest.mark.parametrize("model", [None, "", 3, []])
def test_a_run_without_a_model_is_refused(model: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        merge(version(model=None), {"model": model})

    assert caught.value.code == "model_missing"


def test_strict_params_steers_us_and_is_never_sent() -> None:
    stored = version(parameters={"strict_params": True})

    assert strict_params(stored, {}) is True
    assert strict_params(stored, {"strict_params": False}) is False
    assert "strict_params" not in merge(stored)

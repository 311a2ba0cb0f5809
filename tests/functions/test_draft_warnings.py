"""Warnings in the answers of creating and updating a prompt; the draft is stored all the same."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines import Engine
from tests.management_function import ManagementFunction, management_function

CHAT = '[{"role":"user","content":"Hi {{name}}"}]'


@pytest.fixture(scope="module")
def function(engine: Engine) -> Iterator[ManagementFunction]:
    with management_function(engine) as running:
        yield running


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"model": "gpt-5.1", "virtual_key": "openai", "parameters": {"max_tokens": 5}}, None),
        ({"parameters": {"temperature": 1}}, None),
        (
            {"model": "m", "virtual_key": "nobody"},
            ["There is no virtual key and no provider 'nobody': calls fail until it is created"],
        ),
        (
            {"model": "@nobody/m"},
            ["There is no virtual key and no provider 'nobody': calls fail until it is created"],
        ),
        (
            {"model": "@openai/o1", "parameters": {"temprature": 1}},
            [
                "openai has shut down the model 'o1' on 2026-10-23: choose its successor",
                "The parameter 'temprature' is not a known one and is sent as it is; did you mean 'temperature'?",
            ],
        ),
        (
            {"model": "claude-haiku-5-5", "virtual_key": "team", "parameters": {"logit_bias": {"1": 1}}},
            ["anthropic does not take 'logit_bias' with this model: it is left out"],
        ),
    ],
)
def test_a_new_prompt_is_stored_with_its_warnings(
    function: ManagementFunction, fields: dict[str, Any], expected: list[str] | None
) -> None:
    function.call("POST", "/v1/virtual-keys", {"name": "t", "slug": "team", "provider": "anthropic", "key": "sk"})

    created = function.create("/v1/prompts", {"name": "n", "string": CHAT, **fields})
    updated = function.call("PUT", f"/v1/prompts/{created['slug']}", {"string": CHAT}).body

    assert created.get("warnings") == updated.get("warnings") == expected
    assert function.call("GET", f"/v1/prompts/{created['slug']}").status == 200


def test_every_unknown_partial_is_named(function: ManagementFunction) -> None:
    function.create("/v1/prompts/partials", {"slug": "known", "string": "x"})

    string = "{{>known}}{{>gone}}{{>known@7}}{{>lost@latest}}"

    answers = [
        function.call("POST", "/v1/prompts", {"name": "n", "string": string}),
        function.call("PUT", "/v1/prompts/partials/known", {"string": "{{>gone}}"}),
    ]

    assert [answer.body["message"] for answer in answers] == [
        "Unknown partial 'gone', 'known@7', 'lost@latest': create it first",
        "Unknown partial 'gone': create it first",
    ]

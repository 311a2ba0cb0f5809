"""A prompt's schema for variables: stored with its version, checked by completions and rendering alike."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines import Engine
from tests.functions.test_completions import ANSWER
from tests.product import json_of
from tests.upstream import Upstream, json_reply
from tests.whole_stack import WholeStack, whole_stack

SCHEMA = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}


@pytest.fixture
def stack(engine: Engine) -> Iterator[WholeStack]:
    with whole_stack(engine) as running, Upstream(*[json_reply(ANSWER)] * 9) as upstream:
        fields = {"name": "a", "slug": "a", "provider": "custom", "custom_host": f"{upstream.url}/v1"}
        running.manage.create("/v1/virtual-keys", fields)
        yield running
        assert all(request.path == "/v1/chat/completions" for request in upstream.requests)


def prompt(stack: WholeStack, **fields: Any) -> Any:
    chat = '[{"role":"user","content":"Hi {{name}}"}]'
    return stack.manage.create(
        "/v1/prompts", {"slug": "typed", "string": chat, "model": "m", "virtual_key": "a", **fields}
    )


def test_wrong_variables_are_one_400_and_no_call(stack: WholeStack) -> None:
    prompt(stack, variables_schema=SCHEMA)

    wrong = stack.run("typed", {"variables": {"name": 7}})
    right = stack.run("typed", {"variables": {"name": "Ann"}})
    rendered = stack.post("/v1/prompts/typed/render", {})

    assert (wrong.status, right.status, rendered.status) == (400, 200, 400)
    assert wrong.body["error"] == {
        "message": "The variables do not fit the prompt's schema: $.name must be string",
        "type": "invalid_request_error",
        "param": "variables",
        "code": "invalid_variables",
        "problems": [{"path": "$.name", "rule": "type", "message": "must be string"}],
        "schema": "https://json-schema.org/draft/2020-12/schema",
    }
    assert json_of(rendered)["error"]["problems"] == [{"path": "$.name", "rule": "required", "message": "is missing"}]


def test_without_a_schema_missing_variables_render_empty(stack: WholeStack) -> None:
    prompt(stack)

    assert stack.run("typed").status == 200


def test_a_schema_belongs_to_its_version_and_is_carried_on_until_it_is_removed(stack: WholeStack) -> None:
    prompt(stack, variables_schema=SCHEMA)
    for body in ({"model": "m2"}, {"variables_schema": None}):
        stack.manage.call("PUT", "/v1/prompts/typed", body)

    schemas = [
        stack.manage.call("GET", f"/v1/prompts/typed?version={number}").body["variables_schema"] for number in (1, 2, 3)
    ]

    assert schemas == [SCHEMA, SCHEMA, None]
    assert [stack.run(f"typed@{number}").status for number in (1, 2, 3)] == [400, 400, 200]


def test_a_schema_that_cannot_be_used_is_not_stored(stack: WholeStack) -> None:
    prompt(stack)

    answers = [
        stack.manage.call("PUT", "/v1/prompts/typed", {"variables_schema": schema})
        for schema in ({"$ref": "https://example.com"}, {"type": "nothing"}, [1])
    ]

    assert [(answer.status, answer.body["error"]["param"]) for answer in answers] == [(400, "variables_schema")] * 3
    assert stack.manage.call("GET", "/v1/prompts/typed/versions").body["total"] == 1


def test_the_variables_of_a_prompt_include_those_of_its_partials(stack: WholeStack) -> None:
    stack.manage.create("/v1/prompts/partials", {"slug": "inner", "string": "{{deep}} {{name}}"})
    stack.manage.create("/v1/prompts/partials", {"slug": "outer", "string": "{{tone}}{{>inner}}"})
    prompt(stack, string='[{"role":"user","content":"Hi {{name}} {{>outer}}"}]')

    assert stack.manage.call("GET", "/v1/prompts/typed").body["variables"] == ["name", "tone", "deep"]

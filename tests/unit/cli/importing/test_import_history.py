from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cli.importing.base import ImportedPartial, ImportedPrompt, ImportResult, Version
from cli.importing.history import send_history
from tests.engines import Engine
from tests.management_function import ManagementFunction, management_function


@dataclass
class Calls:
    """The stack's own management, and how many writes it still takes before the connection breaks."""

    function: ManagementFunction
    writes_left: int = 1000
    writes: list[str] = field(default_factory=list)

    def find(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        answer = self.function.call("GET", f"/v1{path}")
        return answer.body if answer.status == 200 else None

    def send(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if self.writes_left == 0:
            raise ConnectionError
        self.writes_left -= 1
        self.writes.append(f"{method} {path}")
        answer = self.function.call(method, f"/v1{path}", body)
        assert answer.status == 200, answer
        return dict(answer.body)

    def all(self, path: str) -> list[dict[str, Any]]:
        return list(self.function.call("GET", f"/v1{path}").body["data"])


def text(words: str, **fields: Any) -> Version:
    return Version(f'[{{"role":"user","content":"{words}"}}]', model="gpt-5.4", virtual_key="openai", **fields)


TOOL = {"type": "function", "function": {"name": "f"}}
RESULT = ImportResult(
    prompts=(
        ImportedPrompt(
            "hello",
            "Hello",
            (
                text("one {{>tone}}", tools=[TOOL], labels=("staging",)),
                text("two", labels=("production", "mine")),
                text("three", parameters={"temperature": 0}),
            ),
            published=1,
        ),
    ),
    partials=(ImportedPartial("tone", "Tone", "Be kind"),),
)
LINES = [
    ("created", "partials/tone", ""),
    ("created", "hello", "3 versions, 2 is published"),
    ("kept", "hello", "version 2 has no label 'mine': the stack does not know it"),
]


@pytest.fixture
def calls(engine: Engine) -> Iterator[Calls]:
    with management_function(engine) as function:
        yield Calls(function)


def stored(calls: Calls) -> list[tuple[int, Any, Any, str]]:
    views = [calls.function.call("GET", f"/v1/prompts/hello?version={number}").body for number in (1, 2, 3)]
    return [
        (view["prompt_version"], view["tools"], view["parameters"], view["prompt_version_status"]) for view in views
    ]


EXPECTED = [(1, [TOOL], {}, "archived"), (2, None, {}, "active"), (3, None, {"temperature": 0}, "archived")]


def test_all_versions_are_sent_and_the_right_one_is_published(calls: Calls) -> None:
    lines = list(send_history(calls, RESULT))

    assert lines == LINES
    assert stored(calls) == EXPECTED
    labels = {item["name"]: item["id"] for item in calls.all("/labels")}
    versions = {item["prompt_version"]: item["label_id"] for item in calls.all("/prompts/hello/versions")}
    assert versions == {1: labels["staging"], 2: labels["production"], 3: None}


@pytest.mark.parametrize("writes", range(7))
def test_an_interrupted_import_is_finished_by_running_it_again(calls: Calls, writes: int) -> None:
    calls.writes_left = writes
    with pytest.raises(ConnectionError):
        list(send_history(calls, RESULT))
    calls.writes_left = 1000

    list(send_history(calls, RESULT))

    assert stored(calls) == EXPECTED
    assert len(calls.all("/prompts/hello/versions")) == 3


def test_a_prompt_that_is_another_one_is_kept(calls: Calls) -> None:
    calls.function.create("/v1/prompts", {"slug": "hello", "string": "other", "model": "m"})
    calls.function.create("/v1/prompts/partials", {"slug": "tone", "name": "Tone", "string": "Be harsh"})

    lines = list(send_history(calls, RESULT))

    assert lines == [
        ("kept", "partials/tone", "the stack has another text under this name"),
        ("kept", "hello", "the stack has another prompt under this slug"),
    ]


def test_a_prompt_with_more_versions_than_the_import_is_kept(calls: Calls) -> None:
    list(send_history(calls, RESULT))
    (prompt,) = RESULT.prompts
    fewer = replace(prompt, versions=prompt.versions[:2])

    lines = list(send_history(calls, ImportResult((fewer,), RESULT.partials)))

    assert lines == [
        ("same", "partials/tone", ""),
        ("kept", "hello", "the stack has another prompt under this slug"),
    ]
    assert stored(calls) == EXPECTED

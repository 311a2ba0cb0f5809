"""What the wire fixtures of Perplexity do not show: tables, pasted hosts and what a closing event may repeat."""

from __future__ import annotations

from typing import Any

import pytest

from promptside.providers.base import ProviderCall, StreamEvent
from promptside.providers.perplexity.models import AgentModel, agent_model
from promptside.providers.perplexity.search import with_search_tool
from promptside.providers.perplexity_ai import PROVIDER


def call(**settings: str) -> ProviderCall:
    return ProviderCall(
        kind="chat",
        model="sonar",
        parameters={},
        completion_id="c",
        created=1,
        messages=[{"role": "user", "content": "Hi"}],
        settings=settings,
    )


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("sonar", AgentModel(model="perplexity/sonar", searches=True)),
        ("perplexity/sonar", AgentModel(model="perplexity/sonar")),
        ("perplexity/sonar-pro", AgentModel(preset="low")),
        ("sonar-deep-research", AgentModel(preset="medium")),
        ("high", AgentModel(preset="high")),
        ("pro-search", AgentModel(preset="pro-search")),
        ("openai/gpt-6-luna", AgentModel(model="openai/gpt-6-luna")),
    ],
)
def test_a_models_name_says_which_model_or_preset_is_sent(name: str, sent: AgentModel) -> None:
    assert agent_model(name) == sent


@pytest.mark.parametrize("pasted", ["", "/", "/v1", "/v1/agent", "/v1/responses", "/chat/completions"])
@pytest.mark.parametrize(("api", "path"), [("agent", "/v1/agent"), ("sonar", "/chat/completions")])
def test_both_apis_hang_on_the_bare_origin(pasted: str, api: str, path: str) -> None:
    credentials = {"api_key": "k", "custom_host": f"https://gateway.example/p{pasted}", "perplexity_api": api}

    built = PROVIDER.build_request(call(perplexity_api=api), credentials)

    assert built.url == f"https://gateway.example/p{path}"


def test_what_a_declared_search_says_itself_wins() -> None:
    declared = {"type": "web_search", "search_context_size": "high"}

    assert with_search_tool([declared], {"search_context_size": "low", "max_results": 3}) == [
        {"type": "web_search", "search_context_size": "high", "max_results": 3}
    ]


def text_of(output: list[dict[str, Any]], *deltas: StreamEvent) -> str:
    mapper = PROVIDER.stream_mapper(call())
    chunks = [chunk for event in deltas for chunk in mapper.feed(event)]
    chunks += mapper.feed(StreamEvent("", {"type": "response.completed", "response": {"output": output}}))
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)


def delta(text: str, index: int, item_id: str) -> StreamEvent:
    data = {"type": "response.output_text.delta", "output_index": index, "content_index": 0, "delta": text}
    return StreamEvent("", {**data, "item_id": item_id})


def message(text: str, item_id: str) -> dict[str, Any]:
    return {"type": "message", "id": item_id, "content": [{"type": "output_text", "text": text}]}


@pytest.mark.parametrize(
    ("output", "streamed"),
    [
        ([message("One.", "m1")], [delta("One.", 0, "m1")]),
        ([message("One.", "other-id")], [delta("One.", 0, "m1")]),
        ([{"type": "search_results", "results": []}, message("One.", "m1")], [delta("One.", 0, "m1")]),
        ([{"type": "search_results", "results": []}, message("One.", "other-id")], [delta("One.", 0, "m1")]),
        ([message("One.", "m1")], [delta("One.", 3, "m1")]),
        ([message("One.", "m1")], [delta("On", 0, "m1")]),
        ([message("One.", "m1")], []),
        ([message("One.", "m1"), message("", "m2")], [delta("One.", 0, "m1")]),
    ],
)
def test_a_closing_event_never_repeats_text_and_never_loses_any(
    output: list[dict[str, Any]], streamed: list[StreamEvent]
) -> None:
    assert text_of(output, *streamed) == "One."


def test_two_messages_are_told_apart() -> None:
    output = [message("One.", "m1"), message("Two.", "m2")]

    assert text_of(output, delta("One.", 0, "m1"), delta("Tw", 1, "m2")) == "One.Two."

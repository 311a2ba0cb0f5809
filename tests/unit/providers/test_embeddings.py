"""The request for one text's vector and its answer, held to what the vendors' own SDKs send and read."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from google import genai
from google.genai import types
from mistralai.client.models import EmbeddingRequest, EmbeddingResponse
from openai import AzureOpenAI, OpenAI
from openai.types import CreateEmbeddingResponse
from openai.types.embedding_create_params import EmbeddingCreateParams
from pydantic import TypeAdapter
from together.types import Embedding as TogetherEmbedding
from together.types import EmbeddingCreateParams as TogetherParams

from promptside.errors import InvalidRequest, ProviderUnusable
from promptside.providers.base import GoogleToken, ProviderRequest, SigV4
from promptside.providers.embeddings import (
    DEFAULT_MODELS,
    WIRES,
    EmbeddingCall,
    build_embedding,
    parse_embedding,
    usual_model,
)
from promptside.providers.registry import MODULES, get_provider
from tests.upstream import Upstream, json_reply

TEXT = "How do I reset my password?"
OPENAI_ANSWER = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.6, -0.8]}],
    "model": "text-embedding-3-small",
    "usage": {"prompt_tokens": 7, "total_tokens": 7},
}
VERTEX = {"vertex_project_id": "project-a", "vertex_region": "europe-west4", "vertex_access_token": "ya29.token"}


def built(provider: str, model: str, **credentials: str) -> ProviderRequest:
    settings = {name: value for name, value in credentials.items() if name not in ("api_key", "vertex_access_token")}
    return build_embedding(get_provider(provider), EmbeddingCall(model, TEXT, settings), credentials)


def body_of(request: ProviderRequest) -> Any:
    return json.loads(request.body)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as made:
        made.default = json_reply(OPENAI_ANSWER)
        yield made


def same_place(request: ProviderRequest, upstream: Upstream, names: Mapping[str, str]) -> bool:
    """Tell whether a request goes where the SDK's last one went, with the same proof of who calls."""
    sent = upstream.requests[-1]
    assert request.url == upstream.url + sent.path
    assert {name: request.headers[name] for name in names} == names
    return {name: sent.headers[name] for name in names} == dict(names)


def test_openais_request_is_the_one_of_its_sdk(upstream: Upstream) -> None:
    client = OpenAI(api_key="sk-1", base_url=f"{upstream.url}/v1", organization="org-1", max_retries=0)
    client.embeddings.create(model="text-embedding-3-small", input=TEXT, dimensions=256, encoding_format="float")
    request = built(
        "openai", "text-embedding-3-small", api_key="sk-1", custom_host=f"{upstream.url}/v1", organization="org-1"
    )

    assert same_place(request, upstream, {"authorization": "Bearer sk-1", "openai-organization": "org-1"})
    # Without a format it is numbers.
    assert {**body_of(request), "encoding_format": "float"} == upstream.requests[-1].json()


@pytest.mark.parametrize(
    ("version", "pasted"),
    [("2024-10-21", ""), ("2024-10-21", "/openai/deployments/chat-a/chat/completions?api-version=2024-10-21")],
)
def test_azures_request_is_the_one_of_its_sdk(upstream: Upstream, version: str, pasted: str) -> None:
    client = AzureOpenAI(api_key="k", azure_endpoint=upstream.url, api_version=version, max_retries=0)
    client.embeddings.create(model="vectors-a", input=TEXT, encoding_format="float")
    # The deployment in the configuration is the one that completes.
    request = built(
        "azure-openai",
        "vectors-a",
        api_key="k",
        custom_host=upstream.url + pasted,
        api_version=version,
        deployment_id="chat-a",
    )

    assert same_place(request, upstream, {"api-key": "k"})
    assert body_of(request) == {"model": "vectors-a", "input": TEXT}


def test_azures_version_less_surface_takes_the_deployment_as_model() -> None:
    request = built("azure-openai", "text-embedding-3-large", api_key="k", resource_name="res-a")

    assert request.url == "https://res-a.openai.azure.com/openai/v1/embeddings"
    assert body_of(request) == {"model": "text-embedding-3-large", "input": TEXT, "dimensions": 256}


@pytest.mark.parametrize(
    ("provider", "model", "url", "shortened"),
    [
        ("openai", "text-embedding-ada-002", "https://api.openai.com/v1/embeddings", {}),
        ("mistral-ai", "mistral-embed", "https://api.mistral.ai/v1/embeddings", {}),
        ("mistral-ai", "codestral-embed", "https://api.mistral.ai/v1/embeddings", {"output_dimension": 256}),
        ("together-ai", "BAAI/bge-base-en-v1.5", "https://api.together.ai/v1/embeddings", {}),
        (
            "fireworks-ai",
            "fireworks/qwen3-embedding-8b",
            "https://api.fireworks.ai/inference/v1/embeddings",
            {"dimensions": 256},
        ),
    ],
)
def test_only_models_that_can_are_asked_for_short_vectors(
    provider: str, model: str, url: str, shortened: dict[str, int]
) -> None:
    request = built(provider, model, api_key="k")

    assert (request.url, request.headers["authorization"]) == (url, "Bearer k")
    assert body_of(request) == {"model": model, "input": TEXT, **shortened}


def test_a_host_of_ones_own_needs_no_key_and_may_be_pasted_with_its_path() -> None:
    request = built("custom", "nomic-embed-text", custom_host="http://localhost:11434/v1/chat/completions")

    assert request.url == "http://localhost:11434/v1/embeddings"
    assert "authorization" not in request.headers
    assert body_of(request) == {"model": "nomic-embed-text", "input": TEXT}


def test_requests_of_the_family_are_what_the_vendors_types_say() -> None:
    TypeAdapter(EmbeddingCreateParams).validate_python(
        body_of(built("openai", "text-embedding-3-small", api_key="k")), strict=True, extra="forbid"
    )
    TypeAdapter(TogetherParams).validate_python(
        body_of(built("together-ai", "BAAI/bge-base-en-v1.5", api_key="k")), strict=True, extra="forbid"
    )
    mistral = body_of(built("mistral-ai", "codestral-embed", api_key="k"))
    assert EmbeddingRequest.model_validate(mistral).model_dump(by_alias=True) == mistral


@pytest.mark.parametrize("model", ["gemini-embedding-001", "gemini-embedding-2"])
def test_geminis_request_is_one_of_those_that_its_sdk_sends_at_once(upstream: Upstream, model: str) -> None:
    upstream.default = json_reply({"embeddings": [{"values": [0.6, -0.8]}]})
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=upstream.url, api_version="v1beta"))
    task = "SEMANTIC_SIMILARITY" if model == "gemini-embedding-001" else None
    client.models.embed_content(
        model=model, contents=TEXT, config=types.EmbedContentConfig(task_type=task, output_dimensionality=256)
    )
    request = built("google", model, api_key="k", custom_host=upstream.url)
    sent = upstream.requests[-1]

    assert request.url == upstream.url + sent.path.replace(":batchEmbedContents", ":embedContent")
    assert request.headers["x-goog-api-key"] == sent.headers["x-goog-api-key"]
    (only,) = sent.json()["requests"]
    only["content"].pop("role")
    assert body_of(request) == only


@pytest.mark.parametrize(
    ("model", "task"),
    [
        ("gemini-embedding-001", "SEMANTIC_SIMILARITY"),
        ("gemini-embedding-2", None),
        ("text-embedding-005", "SEMANTIC_SIMILARITY"),
    ],
)
def test_vertex_ais_request_is_the_one_of_its_sdk(upstream: Upstream, model: str, task: str | None) -> None:
    client = genai.Client(vertexai=True, api_key="k", http_options=types.HttpOptions(base_url=upstream.url))
    client.models.embed_content(
        model=model, contents=TEXT, config=types.EmbedContentConfig(task_type=task, output_dimensionality=256)
    )
    request = built("vertex-ai", model, api_key="k", custom_host=upstream.url)

    assert same_place(request, upstream, {"x-goog-api-key": "k"})
    assert body_of(request) == upstream.requests[-1].json()


def test_vertex_ai_has_a_place_for_each_project_and_signs_for_an_account() -> None:
    path = "v1beta1/projects/project-a/locations/europe-west4/publishers/google/models/gemini-embedding-001"
    request = built("vertex-ai", "gemini-embedding-001", **VERTEX)
    signed = built("vertex-ai", "gemini-embedding-001", vertex_service_account_json='{"project_id": "project-a"}')

    assert request.url == f"https://europe-west4-aiplatform.googleapis.com/{path}:embedContent"
    assert request.headers["authorization"] == "Bearer ya29.token"
    assert isinstance(signed.signing, GoogleToken)


def test_bedrocks_request_goes_where_boto3_sends_it(upstream: Upstream) -> None:
    client = boto3.client(
        "bedrock-runtime",
        region_name="eu-central-1",
        endpoint_url=upstream.url,
        aws_access_key_id="AK",
        aws_secret_access_key="secret",
    )
    client.invoke_model(modelId="amazon.titan-embed-text-v2:0", body=b"{}")
    request = built(
        "bedrock",
        "amazon.titan-embed-text-v2:0",
        aws_region="eu-central-1",
        aws_access_key_id="AK",
        aws_secret_access_key="secret",
        custom_host=upstream.url,
    )

    assert request.url == upstream.url + upstream.requests[-1].path
    assert request.signing == SigV4("bedrock", "eu-central-1", "AK", "secret")
    assert body_of(request) == {"inputText": TEXT, "dimensions": 256, "normalize": True}


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("amazon.titan-embed-text-v1", {"inputText": TEXT}),
        (
            "eu.cohere.embed-v4:0",
            {"texts": [TEXT], "input_type": "clustering", "embedding_types": ["float"], "output_dimension": 256},
        ),
        (
            "cohere.embed-multilingual-v3",
            {"texts": [TEXT], "input_type": "clustering", "embedding_types": ["float"]},
        ),
    ],
)
def test_each_family_on_bedrock_has_a_body_of_its_own(model: str, body: Any) -> None:
    assert body_of(built("bedrock", model, aws_region="us-east-1", api_key="k")) == body


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("bedrock", "anthropic.claude-sonnet-5"),
        ("vertex-ai", "meta/llama-4"),
        ("vertex-ai", "1234567890"),
        ("google", "a/b"),
        ("azure-openai", "no deployment"),
    ],
)
def test_a_model_that_makes_no_vectors_is_refused(provider: str, model: str) -> None:
    with pytest.raises(InvalidRequest):
        built(provider, model, aws_region="us-east-1", api_key="k", resource_name="res-a")


@pytest.mark.parametrize(
    ("provider", "answer"),
    [
        ("openai", OPENAI_ANSWER),
        ("google", {"embedding": {"values": [0.6, -0.8]}}),
        ("vertex-ai", {"embedding": {"values": [0.6, -0.8]}, "usageMetadata": {"promptTokenCount": 7}}),
        ("vertex-ai", {"predictions": [{"embeddings": {"values": [0.6, -0.8], "statistics": {"token_count": 7}}}]}),
        ("bedrock", {"embedding": [0.6, -0.8], "inputTextTokenCount": 7, "embeddingsByType": {"float": [0.6, -0.8]}}),
        ("bedrock", {"id": "a", "embeddings": {"float": [[0.6, -0.8]]}, "response_type": "embeddings_by_type"}),
    ],
)
def test_the_vector_is_found_in_each_answer(provider: str, answer: Any) -> None:
    assert parse_embedding(get_provider(provider), answer) == [0.6, -0.8]


def test_the_answers_are_what_the_vendors_types_say() -> None:
    CreateEmbeddingResponse.model_validate(OPENAI_ANSWER, strict=True)
    EmbeddingResponse.model_validate({**OPENAI_ANSWER, "id": "a"})
    TogetherEmbedding.model_validate(OPENAI_ANSWER, strict=True)
    types.ContentEmbedding.model_validate({"values": [0.6, -0.8]}, strict=True)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"data": []},
        {"data": ["a"]},
        {"data": [{"embedding": []}]},
        {"data": [{"embedding": "QUFB"}]},
        {"data": [{"embedding": [0.1, None]}]},
        {"data": [{"embedding": [0.1, True]}]},
        {"data": [{"embedding": [0.1, float("nan")]}]},
        {"data": [{"embedding": [0.1] * 4097}]},
    ],
)
def test_what_is_no_vector_is_unusable(answer: Any) -> None:
    with pytest.raises(ProviderUnusable):
        parse_embedding(get_provider("openai"), answer)


@pytest.mark.parametrize("provider", sorted(set(MODULES) - set(WIRES)))
def test_a_provider_without_embeddings_says_who_has_them(provider: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        usual_model(get_provider(provider))

    assert refused.value.message.startswith(f"{provider} has no embeddings here: use one of azure-openai, bedrock")


@pytest.mark.parametrize("provider", sorted(WIRES))
def test_the_usual_model_of_a_provider_can_be_asked(provider: str) -> None:
    adapter = get_provider(provider)
    model = usual_model(adapter)
    assert model == DEFAULT_MODELS.get(provider)

    if model is not None:
        assert built(provider, model, aws_region="us-east-1", **{**VERTEX, "api_key": "k"}).url.startswith("https://")

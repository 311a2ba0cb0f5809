from __future__ import annotations

import pytest

from promptside.errors import InvalidRequest
from promptside.providers.base import GoogleToken, ProviderCall, ProviderRequest
from promptside.providers.fields import check_credentials, public_settings
from promptside.providers.vertex.routes import Route, route_of
from promptside.providers.vertex_ai import PROVIDER

TOKEN = {"vertex_project_id": "harbour-1234", "vertex_access_token": "token-for-tests"}


def build(model: str = "gemini-3.8-flash", **credentials: str) -> ProviderRequest:
    checked = check_credentials(PROVIDER, credentials, from_caller=True)
    call = ProviderCall(
        "chat",
        model,
        {},
        "c0ffee",
        1,
        messages=[{"role": "user", "content": "Hello"}],
        settings=public_settings(PROVIDER, checked),
    )
    return PROVIDER.build_request(call, checked)


@pytest.mark.parametrize(
    ("model", "route"),
    [
        ("gemini-3.8-flash", Route("gemini", "google", "gemini-3.8-flash")),
        ("models/gemini-3.8-flash", Route("gemini", "google", "gemini-3.8-flash")),
        ("google.gemini-3.8-flash", Route("gemini", "google", "gemini-3.8-flash")),
        ("google/gemma-4-26b-it-maas", Route("openai", "google", "gemma-4-26b-it-maas")),
        ("1234567890", Route("gemini", "google", "1234567890", endpoint=True)),
        ("anthropic/claude-haiku-4-5@20251001", Route("claude", "anthropic", "claude-haiku-4-5@20251001")),
        ("publishers/anthropic/models/claude-opus-4-6", Route("claude", "anthropic", "claude-opus-4-6")),
        ("claude-opus-4-6@default", Route("claude", "anthropic", "claude-opus-4-6@default")),
        ("mistralai.codestral-2", Route("mistral", "mistralai", "codestral-2")),
        ("meta.llama-3.3-70b-instruct-maas", Route("openai", "meta", "llama-3.3-70b-instruct-maas")),
        ("deepseek-ai/deepseek-v3.2-maas", Route("openai", "deepseek-ai", "deepseek-v3.2-maas")),
        ("endpoints.mg-endpoint-1a", Route("endpoint", "endpoints", "mg-endpoint-1a")),
    ],
)
def test_the_wire_follows_from_the_name(model: str, route: Route) -> None:
    assert route_of(model) == route


@pytest.mark.parametrize(
    "model",
    [
        "",
        "anthropic.",
        "meta/",
        "/x",
        "a/b/c",
        "endpoints.1/../2",
        "gemini..",
        "gemini?x",
        "gemini#",
        "gemini%2f",
        "x\r\ny",
        "Meta/x",
        "publishers/a/b/models/x",
    ],
)
def test_a_name_that_would_change_the_path_is_refused(model: str) -> None:
    with pytest.raises(InvalidRequest):
        route_of(model)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("global", "https://aiplatform.googleapis.com/"),
        ("us", "https://aiplatform.us.rep.googleapis.com/"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com/"),
        ("us-central1", "https://us-central1-aiplatform.googleapis.com/"),
    ],
)
def test_the_host_follows_from_the_region(region: str, host: str) -> None:
    assert build(**TOKEN, vertex_region=region).url.startswith(host)


@pytest.mark.parametrize(
    "region", ["evil.com/#", "a@b", "../x", "x%2f", "US", "a b", "-a", "a-", "europe-west4.evil.com", "x" * 60, "é1"]
)
def test_a_region_that_would_change_the_host_is_refused(region: str) -> None:
    with pytest.raises(InvalidRequest):
        build(**TOKEN, vertex_region=region)


@pytest.mark.parametrize("project", ["../x", "a/b", "evil.com:x", "A-project", "x", "a" * 31, "p%2fq-1", "a?b=cde"])
def test_a_project_that_would_change_the_path_is_refused(project: str) -> None:
    with pytest.raises(InvalidRequest):
        build(**{**TOKEN, "vertex_project_id": project})


@pytest.mark.parametrize("version", ["../v1", "v1/x", "1", "v1beta1x"])
def test_a_version_that_would_change_the_path_is_refused(version: str) -> None:
    with pytest.raises(InvalidRequest):
        build(**TOKEN, api_version=version)


def test_a_project_inside_the_service_account_must_fit_too() -> None:
    with pytest.raises(InvalidRequest) as caught:
        build(vertex_service_account_json='{"project_id": "../../evil"}')

    assert caught.value.param == "vertex_project_id"


@pytest.mark.parametrize("info", ["{", "[]", '{"project_id": 7}', "{}"])
def test_a_broken_service_account_has_no_project(info: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        build(vertex_service_account_json=info)

    assert caught.value.param == "vertex_project_id"


def test_a_given_token_outranks_the_making_of_one() -> None:
    request = build(**TOKEN, vertex_service_account_json='{"type": "service_account"}')

    assert request.signing is None
    assert request.headers["authorization"] == "Bearer token-for-tests"


def test_a_service_account_outranks_an_api_key() -> None:
    request = build(vertex_project_id="harbour-1234", vertex_service_account_json="{}", api_key="AIza-key")

    assert request.signing == GoogleToken("{}")
    assert "x-goog-api-key" not in request.headers


def test_an_api_key_alone_does_for_gemini_only() -> None:
    with pytest.raises(InvalidRequest) as caught:
        build("anthropic.claude-haiku-4-5", api_key="AIza-key")

    assert caught.value.param == "vertex_project_id"


@pytest.mark.parametrize("model", ["gemini-3.8-flash", "anthropic.claude-haiku-4-5", "meta.llama-4", "endpoints.12"])
def test_no_credential_is_part_of_url_or_body(model: str) -> None:
    request = build(model, **TOKEN)

    assert "token-for-tests" not in request.url + request.body.decode() + repr(request)


def test_the_same_service_account_serves_every_wire() -> None:
    info = '{"type": "service_account"}'
    models = ("gemini-3.8-flash", "anthropic.claude-haiku-4-5", "meta.llama-4", "mistralai.codestral-2", "endpoints.12")
    requests = [build(model, vertex_project_id="harbour-1234", vertex_service_account_json=info) for model in models]

    assert {request.signing for request in requests} == {GoogleToken(info)}
    assert all("authorization" not in request.headers for request in requests)


def test_host_and_region_are_no_callers_to_choose_for_stored_credentials() -> None:
    assert {field.name for field in PROVIDER.fields if field.host} == {"custom_host", "vertex_region"}


def test_a_caller_cannot_send_a_federation_that_the_functions_role_would_sign_for() -> None:
    assert [field.name for field in PROVIDER.fields if field.secret and field.header] == []

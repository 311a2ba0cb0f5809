from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cli.importing import bedrock, bedrock_api, langfuse, langfuse_api, portkey, portkey_api
from cli.importing.base import Access, FetchFailed, Options
from cli.importing.json_api import JsonApi
from tests.upstream import Reply, Request, Upstream, json_reply

LISTED = {"object": "list", "total": 1, "data": [{"slug": "pp-a-1", "name": "A", "object": "prompt"}]}


def by_query(name: str, answers: dict[str, Reply]) -> Any:
    """Answer by one field of the query; 404 for what is not listed."""

    def answer(request: Request) -> Reply:
        values = parse_qs(urlsplit(request.path).query).get(name, [""])
        return answers.get(values[0], json_reply({"message": "not found"}, status=404))

    return answer


def prompt(version: int, string: str = '[{"role":"user","content":"Hi"}]', **fields: Any) -> dict[str, Any]:
    return {"slug": "pp-a-1", "name": "A", "string": string, "model": "m", "virtual_key": "v",
            "prompt_version": version, "parameters": {}, **fields}  # fmt: skip


def portkey_routes(upstream: Upstream) -> None:
    version_list = [
        {"id": "v2", "prompt_version": 2, "prompt_template": "x", "label_id": "l1"},
        {"id": "v1", "prompt_version": 1, "prompt_template": "y", "label_id": None},
    ]
    upstream.routes = {
        "/v1/prompts": json_reply(LISTED),
        "/v1/prompts/pp-a-1": by_query(
            "version",
            {
                "": json_reply(prompt(2)),
                "1": json_reply(prompt(1, prompt_version_status="archived")),
                "2": json_reply(prompt(2)),
            },
        ),
        "/v1/prompts/pp-a-1/versions": json_reply({"object": "list", "total": 2, "data": version_list}),
        "/v1/prompts/partials": json_reply({"data": [{"slug": "tone"}]}),
        "/v1/prompts/partials/tone": json_reply({"slug": "tone", "name": "Tone", "string": "Kind", "version": 1}),
        "/v1/prompts/partials/tone/versions": json_reply({"data": [{"slug": "tone", "version": 1, "string": "Kind"}]}),
        "/v1/labels": json_reply({"data": [{"id": "l1", "name": "production"}]}),
    }


def test_portkey_gives_prompts_partials_and_labels() -> None:
    lines: list[str] = []
    with Upstream() as upstream:
        portkey_routes(upstream)
        access = Access({"api_key": "PK"}, upstream.url + "/v1", lines.append)
        result = portkey.IMPORTER.read(portkey_api.fetch(access, Options()), Options())

    (imported,) = result.prompts
    assert (imported.slug, [version.origin for version in imported.versions]) == ("pp-a-1", ["2"])
    assert imported.current.labels == ("production",)
    assert [(partial.slug, partial.string) for partial in result.partials] == [("tone", "Kind")]
    assert {request.headers["x-portkey-api-key"] for request in upstream.requests} == {"PK"}
    assert lines == ["1 of 1 prompts"]


def test_portkey_gives_all_versions_when_asked() -> None:
    options = Options(all_versions=True)
    with Upstream() as upstream:
        portkey_routes(upstream)
        result = portkey.IMPORTER.read(
            portkey_api.fetch(Access({"api_key": "PK"}, upstream.url + "/v1"), options), options
        )

    (imported,) = result.prompts
    assert ([version.origin for version in imported.versions], imported.published) == (["1", "2"], 1)


def test_portkey_pages_are_read_to_the_end() -> None:
    full = {"data": [{"slug": f"s{number}"} for number in range(100)]}
    with Upstream() as upstream:
        upstream.routes["/v1/prompts"] = by_query("current_page", {"0": json_reply(full), "1": json_reply(LISTED)})
        upstream.default = json_reply({"slug": "s", "string": "x", "data": []})
        (document,) = portkey_api.fetch(Access({"api_key": "PK"}, upstream.url + "/v1"), Options())

    assert len(document.content["prompts"]) == 101


def test_portkey_without_the_scope_for_labels_gives_prompts_all_the_same() -> None:
    lines: list[str] = []
    with Upstream() as upstream:
        portkey_routes(upstream)
        upstream.routes["/v1/labels"] = json_reply({}, status=403)
        (document,) = portkey_api.fetch(Access({"api_key": "PK"}, upstream.url + "/v1", lines.append), Options())

    assert (len(document.content["prompts"]), document.content["labels"]) == (1, [])
    assert lines[-1].startswith("labels are left out: Portkey: GET /labels was answered with 403")


def langfuse_prompt(name: str, version: int, text: str, *labels: str) -> Reply:
    return json_reply({"name": name, "version": version, "type": "text", "prompt": text, "labels": labels,
                       "config": {"model": "gpt-5.4"}, "tags": []})  # fmt: skip


def langfuse_routes(upstream: Upstream) -> None:
    listed = [
        {"name": "team/hello", "versions": [1], "labels": ["production"], "tags": [], "lastUpdatedAt": "x"},
        {"name": "draft", "versions": [1, 2], "labels": [], "tags": [], "lastUpdatedAt": "x"},
    ]
    meta = {"limit": 100, "totalItems": 2, "totalPages": 2}
    hello = langfuse_prompt("team/hello", 1, "@@@langfusePrompt:name=tone|version=4@@@", "production")
    draft = langfuse_prompt("draft", 2, "Two", "latest")
    path = "/api/public/v2/prompts"
    upstream.routes = {
        path: by_query(
            "page",
            {
                "1": json_reply({"data": listed[:1], "meta": {**meta, "page": 1}}),
                "2": json_reply({"data": listed[1:], "meta": {**meta, "page": 2}}),
            },
        ),
        f"{path}/team%2Fhello": by_query("label", {"production": hello}),
        f"{path}/draft": by_query("label", {"latest": draft}),
        f"{path}/tone": by_query("version", {"4": langfuse_prompt("tone", 4, "Kind")}),
    }


def test_langfuse_gives_the_production_or_newest_version_and_what_it_refers_to() -> None:
    with Upstream() as upstream:
        langfuse_routes(upstream)
        access = Access({"public_key": "pk-1", "secret_key": "sk-1"}, upstream.url)
        result = langfuse.IMPORTER.read(langfuse_api.fetch(access, Options()), Options())

    assert [prompt.slug for prompt in result.prompts] == ["team-hello", "draft", "tone"]
    assert [(partial.slug, partial.string) for partial in result.partials] == [("tone-v4", "Kind")]
    expected = "Basic " + base64.b64encode(b"pk-1:sk-1").decode()
    assert {request.headers["authorization"] for request in upstream.requests} == {expected}
    assert all("resolve=false" in request.path for request in upstream.requests if "/prompts/" in request.path)


def bedrock_routes(upstream: Upstream) -> None:
    times = {"createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-02T00:00:00Z"}

    def summary(version: str) -> dict[str, Any]:
        return {"name": "Desk", "id": "P1", "arn": "arn:x", "version": version, **times}

    def answer(version: str) -> Reply:
        text = {"text": {"text": f"{version} {{{{x}}}}", "inputVariables": [{"name": "x"}]}}
        variant = {"name": "v", "templateType": "TEXT", "templateConfiguration": text, "modelId": "amazon.nova-2"}
        return json_reply({**summary(version), "variants": [variant], "defaultVariant": "v"})

    versions = [summary("DRAFT"), summary("1"), summary("2")]
    upstream.routes = {
        "/prompts/": by_query(
            "promptIdentifier",
            {"": json_reply({"promptSummaries": versions[:1]}), "P1": json_reply({"promptSummaries": versions})},
        ),
        "/prompts/P1/": by_query("promptVersion", {"": answer("DRAFT"), "1": answer("1"), "2": answer("2")}),
    }


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")


@pytest.mark.parametrize(("all_versions", "origins"), [(False, ["2"]), (True, ["1", "2", "DRAFT"])])
def test_bedrock_gives_the_newest_version_or_all(aws: None, all_versions: bool, origins: list[str]) -> None:
    options = Options(all_versions=all_versions)
    with Upstream() as upstream:
        bedrock_routes(upstream)
        documents = bedrock_api.fetch(Access({"region": "us-east-1"}, upstream.url), options)
        result = bedrock.IMPORTER.read(documents, options)

    (imported,) = result.prompts
    assert [version.origin for version in imported.versions] == origins
    assert imported.current.string == '[\n  {"role": "user", "content": "2 {{x}}"}\n]'
    # What was fetched can be saved as JSON and read again.
    assert json.loads(json.dumps([document.content for document in documents]))


def test_bedrock_says_which_call_was_refused(aws: None) -> None:
    refusal = json_reply({"message": "no"}, status=403, headers={"x-amzn-errortype": "AccessDeniedException"})
    with (
        Upstream(refusal) as upstream,
        pytest.raises(FetchFailed, match=r"^Bedrock: ListPrompts failed with AccessDeniedException$"),
    ):
        bedrock_api.fetch(Access({"region": "us-east-1"}, upstream.url), Options())


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (json_reply({}, status=401), "Shop: GET /x was answered with 401: it does not know these credentials"),
        (json_reply({}, status=404), "Shop: GET /x was answered with 404: it has nothing at this address"),
        (json_reply({}, status=302, headers={"location": "/y"}), "Shop: GET /x was answered with 302: try again later"),
        (Reply(steps=[b"<html>"]), "Shop: GET /x was not answered with JSON: check the address"),
    ],
)
def test_an_api_that_does_not_answer_well_is_named(reply: Reply, message: str) -> None:
    with Upstream(reply) as upstream, pytest.raises(FetchFailed) as raised:
        JsonApi("Shop", upstream.url, {"x-key": "secret"}).get("/x")

    assert str(raised.value) == message


def test_a_limit_is_waited_for() -> None:
    limit = json_reply({}, status=429, headers={"retry-after": "0"})
    with Upstream(limit, json_reply({"a": 1})) as upstream:
        assert JsonApi("Shop", upstream.url, {}).get("/x") == {"a": 1}


def test_a_key_is_never_sent_in_the_clear() -> None:
    with pytest.raises(FetchFailed, match="must start with https://"):
        JsonApi("Shop", "http://example.com", {"x-key": "secret"})

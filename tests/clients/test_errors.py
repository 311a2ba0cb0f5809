"""What Portkey's SDKs raise. The names begin with the rows of the contract's conformance cases."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from local.server import LocalServer
from promptside.api.answering import answered
from promptside.api.http import HttpRequest, HttpResponse
from tests.clients.outcome import Sdk, run
from tests.clients.prompts import Conformance
from tests.clients.provider import EchoProvider, failure
from tests.clients.raw import call
from tests.clients.running import Running
from tests.upstream import Fault, Reply, Upstream, json_reply, raw_reply

UNAUTHENTICATED = "Invalid API key: send a valid key in the x-portkey-api-key header"


@pytest.mark.parametrize("selector", ["99", "nolabel"])
@pytest.mark.parametrize("action", ["completions.create", "render"])
def test_row_28_an_unknown_version_or_label_is_not_found(
    *, sdk: Sdk, prompt: Conformance, provider: EchoProvider, action: str, selector: str
) -> None:
    outcome = sdk.call(f"prompts.{action}", prompt_id=f"{prompt.slug}@{selector}", variables={})

    message = f"Prompt '{prompt.slug}' has no version or label '{selector}'"
    assert outcome.failure().brief == ("NotFoundError", 404, message)
    assert provider.requests == []


@pytest.mark.parametrize("action", ["completions.create", "render"], ids=["28-completion", "49-render"])
def test_an_unknown_prompt_is_not_found(sdk: Sdk, action: str) -> None:
    outcome = sdk.call(f"prompts.{action}", prompt_id="pp-nowhere-000000", variables={})

    assert outcome.failure().brief == ("NotFoundError", 404, "Prompt 'pp-nowhere-000000' not found")


@pytest.mark.parametrize("key", ["ps-not-a-key-of-this-product", "x" * 5000])
def test_row_33_a_wrong_key_is_refused(sdk: Sdk, prompt: Conformance, key: str) -> None:
    client = sdk.using(api_key=key)

    for outcome in (
        run(client, prompt.slug),
        run(client, prompt.slug, stream=True),
        client.call("prompts.render", prompt_id=prompt.slug, variables={}),
        client.call("prompts.list"),
    ):
        assert outcome.failure().brief == ("AuthenticationError", 401, UNAUTHENTICATED)


def test_row_33_no_key_is_refused(sdk: Sdk, prompt: Conformance) -> None:
    error = run(sdk.using(api_key=""), prompt.slug).failure()

    assert error.brief == ("AuthenticationError", 401, "No API key: send yours in the x-portkey-api-key header")


@pytest.mark.parametrize(
    ("status", "kind", "answered"),
    [
        (400, "BadRequestError", 400),
        (403, "PermissionDeniedError", 403),
        (404, "NotFoundError", 404),
        (409, "ConflictError", 409),
        (412, None, 412),
        (422, "UnprocessableEntityError", 422),
        (429, "RateLimitError", 429),
        pytest.param(500, "InternalServerError", 500, id="38-500"),
        pytest.param(503, "InternalServerError", 503, id="38-503"),
        pytest.param(504, "InternalServerError", 504, id="38-504"),
        pytest.param(529, "InternalServerError", 503, id="38-529"),
    ],
)
def test_an_error_of_the_provider_has_its_class_and_is_asked_for_once(
    sdk: Sdk,
    prompt: Conformance,
    provider: EchoProvider,
    recorder: Upstream,
    *,
    status: int,
    kind: str | None,
    answered: int,
) -> None:
    provider.answer(failure(status, "Not today"))

    error = run(sdk.using(base_url=f"{recorder.url}/v1"), prompt.slug).failure()

    other = "APIError" if sdk.name == "node" else "APIStatusError"
    assert error.brief == (kind or other, answered, "openai error: Not today")
    assert (error.headers["x-portkey-provider"], error.headers["x-portkey-retry-attempt-count"]) == ("openai", "0")
    assert (len(recorder.requests), len(provider.requests)) == (1, 1)


def test_a_key_that_the_provider_refuses_is_not_mistaken_for_the_callers(
    sdk: Sdk, prompt: Conformance, provider: EchoProvider
) -> None:
    provider.answer(failure(401, "Incorrect API key"))

    error = run(sdk, prompt.slug).failure()

    assert (error.kind, error.status) == ("AuthenticationError", 401)
    assert "openai" in error.text
    assert error.text != UNAUTHENTICATED


def test_row_40_a_rate_limit_keeps_when_to_come_back(sdk: Sdk, prompt: Conformance, provider: EchoProvider) -> None:
    provider.answer(failure(429, "Slow down", headers={"retry-after": "7"}))

    error = run(sdk, prompt.slug).failure()

    assert error.brief == ("RateLimitError", 429, "openai error: Slow down")
    assert (error.headers["retry-after"], error.headers["x-portkey-provider"]) == ("7", "openai")


def test_row_40_the_body_of_a_rate_limit_names_the_provider(
    running: Running, provider: EchoProvider, prompt_slug: str
) -> None:
    provider.answer(failure(429, "Slow down"))

    status, body = call(running, "POST", f"/v1/prompts/{prompt_slug}/completions", b"{}")

    error = {
        "message": "openai error: Slow down",
        "type": "rate_limit_error",
        "param": None,
        "code": "rate_limit_exceeded",
        "native_type": "server_error",
    }
    assert (status, body) == (
        429,
        {"status": "failure", "message": "openai error: Slow down", "error": error, "provider": "openai"},
    )


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(200, {"content-type": "text/html"}, [b"<html>busy</html>"]), id="html"),
        pytest.param(Reply(200, {"content-type": "application/json"}, []), id="empty"),
        pytest.param(json_reply(["no", "object"]), id="list"),
        pytest.param(Reply(307, {"location": "http://127.0.0.1:9/"}, []), id="redirect"),
        pytest.param(Reply(200, {"content-length": "100"}, [b"{", Fault.CUT]), id="cut"),
        pytest.param(Reply(502, {"content-type": "text/html"}, [b"<html>bad gateway</html>"]), id="html-502"),
    ],
)
def test_row_38_a_bad_gateway_of_ours_is_asked_for_once(
    *, sdk: Sdk, prompt: Conformance, provider: EchoProvider, recorder: Upstream, reply: Reply
) -> None:
    provider.answer(reply)

    error = run(sdk.using(base_url=f"{recorder.url}/v1"), prompt.slug).failure()

    assert (error.kind, error.status) == ("InternalServerError", 502)
    assert "<" not in error.text
    assert len(recorder.requests) == 1


class Crashing:
    """A product that crashes at every request, behind its own server and its own edge."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []
        self.server = LocalServer("127.0.0.1", 0, self.answer)

    def answer(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        return answered(request, self.crash)

    def crash(self, trace_id: str) -> HttpResponse:
        raise ZeroDivisionError(trace_id)


@pytest.fixture(scope="module")
def crashing() -> Iterator[Crashing]:
    product = Crashing()
    product.server.prepare()
    serving = threading.Thread(target=product.server.serve)
    serving.start()
    yield product
    product.server.stop()
    serving.join()


@pytest.mark.parametrize("stream", [False, True])
def test_row_37_a_crash_of_ours_is_asked_for_once(sdk: Sdk, crashing: Crashing, stream: bool) -> None:
    crashing.requests.clear()

    error = run(sdk.using(base_url=f"{crashing.server.url}/v1"), "any", stream=stream).failure()

    assert error.brief == (
        "InternalServerError",
        500,
        "Something went wrong; the log has the details under this trace id",
    )
    assert (error.headers["x-portkey-gateway-exception"], len(crashing.requests)) == ("true", 1)


@pytest.mark.parametrize("stream", [False, True])
def test_the_callers_own_timeout_is_told_apart(
    sdk: Sdk, prompt: Conformance, provider: EchoProvider, stream: bool
) -> None:
    provider.answer(raw_reply(Fault.HANG))

    error = run(sdk.using(request_timeout=200), prompt.slug, stream=stream).failure()

    other = "APIError" if sdk.name == "node" else "APIStatusError"
    assert error.brief == (other, 408, "openai did not answer within the request_timeout of 200 ms")
    assert len(provider.requests) == 1


@pytest.mark.parametrize("variables", [["a"], "text", 7], ids=["list", "text", "number"])
@pytest.mark.parametrize("action", ["completions.create", "render"])
def test_row_41_variables_must_be_an_object(sdk: Sdk, prompt: Conformance, action: str, variables: Any) -> None:
    error = sdk.call(f"prompts.{action}", prompt_id=prompt.slug, variables=variables).failure()

    assert error.brief == ("BadRequestError", 400, "'variables' must be a JSON object")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"variables": {', "The request body is not JSON"),
        (b"[1]", "The request body must be a JSON object"),
        (b'"text"', "The request body must be a JSON object"),
        (b"\xff", "The request body is not UTF-8"),
        (b"[" * 10_000, "The request body is nested deeper than 100 levels"),
    ],
    ids=["cut", "list", "text", "bytes", "deep"],
)
@pytest.mark.parametrize("path", ["prompts/{}/completions", "prompts/{}/render", "prompts", "labels"])
def test_row_41_a_malformed_body_has_the_common_error_body(
    *, running: Running, prompt_slug: str, path: str, body: bytes, message: str
) -> None:
    status, answer = call(running, "POST", f"/v1/{path.format(prompt_slug)}", body)

    assert status == 400
    assert answer["message"].startswith(message)
    assert answer == {
        "status": "failure",
        "message": answer["message"],
        "error": {
            "message": answer["message"],
            "type": "invalid_request_error",
            "param": "body",
            "code": "invalid_json",
        },
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nowhere", 404, "route_not_found"),
        ("POST", "/v1/prompts/x/generate", 404, "route_not_found"),
        ("GET", "/v1/prompts/x/completions", 405, "method_not_allowed"),
        ("PATCH", "/v1/prompts/x", 405, "method_not_allowed"),
    ],
)
def test_unknown_routes_and_methods_have_the_common_error_body(
    *, running: Running, method: str, path: str, status: int, code: str
) -> None:
    found, answer = call(running, method, path, b"{}")

    assert (found, answer["status"], answer["error"]["code"]) == (status, "failure", code)
    assert answer["message"] == answer["error"]["message"]


def test_a_template_that_cannot_be_rendered_says_where(sdk: Sdk) -> None:
    error = sdk.call(
        "prompts.create", name="bad", collection_id="", string="Hello\n {{#open}}", parameters={}, model="m1"
    ).failure()

    assert (error.kind, error.status) == ("BadRequestError", 400)
    assert "line 2, column 2" in error.text

"""How an HTTP request becomes a run: body keys, headers of both SDKs, who the caller is."""

import hashlib
import json
from typing import Any

import pytest

from promptside.api.http import HttpRequest
from promptside.api.runs import parse_run
from promptside.errors import InvalidRequest, Unauthenticated
from promptside.schema.prompt import Reference
from promptside.schema.request import RunRequest

KEY = "ps-test-key"


def run(body: dict[str, Any] | None = None, **headers: str) -> RunRequest:
    named = {"x-portkey-api-key": KEY} | {name.replace("_", "-"): value for name, value in headers.items()}
    request = HttpRequest("POST", "/v1/prompts/p/completions", headers=named, body=json.dumps(body or {}).encode())
    return parse_run(request, Reference("p"), trace_id="t", trusted=False)


def test_our_own_keys_never_become_overrides() -> None:
    body = {
        "variables": {"a": 1}, "prompt_id": "p", "promptID": "p", "promptId": "p", "hyperparameters": {"top_p": 0.5},
        "config": "pc-x", "timeout": 3, "stream": True, "temperature": 0,
    }  # fmt: skip

    parsed = run(body)

    assert parsed.overrides == {"top_p": 0.5, "temperature": 0}
    assert parsed.variables == {"a": 1}
    assert parsed.stream is True


def test_root_keys_win_over_nested_hyperparameters() -> None:
    assert run({"hyperparameters": {"temperature": 1}, "temperature": 0}).overrides == {"temperature": 0}


def test_stream_is_false_unless_the_request_says_so() -> None:
    assert run({}).stream is False
    assert run({"stream": None}).stream is False


@pytest.mark.parametrize("value", ["true", 1, [], {}])
def test_a_stream_that_is_no_boolean_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        run({"stream": value})

    assert caught.value.param == "stream"


def test_the_caller_is_known_by_the_digest_of_the_key_only() -> None:
    assert run().key_digest == hashlib.sha256(KEY.encode()).hexdigest()
    assert KEY not in repr(run())


def test_a_bearer_token_is_the_callers_key_when_there_is_no_portkey_header() -> None:
    parsed = run(x_portkey_api_key="", authorization=f"Bearer {KEY}")

    assert parsed.key_digest == hashlib.sha256(KEY.encode()).hexdigest()
    assert parsed.provider_key is None


@pytest.mark.parametrize("authorization", ["", "Bearer OPENAI_API_KEY", "Bearer "])
def test_no_key_at_all_is_refused(authorization: str) -> None:
    with pytest.raises(Unauthenticated):
        run(x_portkey_api_key=" ", authorization=authorization)


@pytest.mark.parametrize("authorization", ["Bearer OPENAI_API_KEY", "OPENAI_API_KEY"])
def test_the_placeholder_of_the_python_sdk_is_no_provider_key(authorization: str) -> None:
    assert run(authorization=authorization).provider_key is None


@pytest.mark.parametrize("authorization", ["Bearer sk-1", "bearer sk-1", "sk-1"])
def test_a_provider_key_is_read_with_and_without_bearer(authorization: str) -> None:
    assert run(authorization=authorization).provider_key == "sk-1"


def test_the_timeout_is_given_in_milliseconds() -> None:
    assert run(x_portkey_request_timeout="1500").timeout_seconds == 1.5


@pytest.mark.parametrize("text", ["0", "-5", "1.5", "soon", "900001", "00000000011999999", "9" * 5000, "\u0663"])
def test_a_timeout_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        run(x_portkey_request_timeout=text)

    assert caught.value.param == "x-portkey-request-timeout"


@pytest.mark.parametrize("text", ["{", "[]", '"a"', "[" * 5000])
def test_metadata_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        run(x_portkey_metadata=text)

    assert caught.value.param == "x-portkey-metadata"


@pytest.mark.parametrize("names", ["X-One,x-two", '["X-One", "x-two"]', "[X-One,x-two]"])
def test_forwarded_headers_are_listed_in_both_documented_forms(names: str) -> None:
    parsed = run(x_portkey_forward_headers=names, x_one="1", x_two="2", x_three="3")

    assert parsed.forwarded_headers == {"x-one": "1", "x-two": "2"}


@pytest.mark.parametrize(
    "name", ["authorization", "host", "cookie", "x-portkey-api-key", "x-api-key", "content-length"]
)
def test_credentials_and_connection_headers_are_never_forwarded(name: str) -> None:
    parsed = run(None, **{"x_portkey_forward_headers": name, name: "secret"} | {"x_portkey_api_key": KEY})

    assert parsed.forwarded_headers == {}


def test_a_callers_aws_signature_is_never_a_providers_key() -> None:
    headers = {"x-portkey-api-key": "k", "authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20261122, Signature=00"}
    request = HttpRequest("POST", "/", {**headers, "x-portkey-provider": "openai"})

    run = parse_run(request, Reference("p"), trace_id="t", trusted=True)

    assert (run.key_digest, run.provider_key) == (None, None)

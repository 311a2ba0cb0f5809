"""What callers may write into settings, models, messages and images never changes where a request goes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import SplitResult, urlsplit

import pytest

from promptside.errors import ConfigurationError, InvalidRequest, PromptsideError
from promptside.providers.base import Field, Provider, ProviderRequest
from promptside.providers.fields import all_fields, check_credentials
from promptside.providers.registry import MODULES, get_provider
from tests.product import MemorySecrets, Product, json_of, prompt, whole
from tests.provider_cases import Case, cases_with
from tests.provider_wire import call_with, is_refused, reply_of, run_body, serve
from tests.upstream import Reply, Upstream, json_reply

NAMES = sorted(MODULES)
CASES = [case for case in cases_with("request.json") if not is_refused(case)]
CHATS = {
    name: min(
        (case for case in cases_with("response.json", "expected.json") if case.provider == name),
        key=lambda case: (case.name != "chat", str(case)),
    )
    for name in NAMES
}

HOSTILE = (
    "evil.com/#",
    "evil.com#",
    "a@b",
    "..",
    "../x",
    "x/../../y",
    "/x",
    "//evil.com",
    "\\\\evil.com",
    "x\r\ny",
    "x\ty",
    "x\x00",
    "x\u2028y",
    "a b",
    "%2f",
    "%2e%2e",
    "x%0d%0ay",
    "x?y=1",
    "x&y=1",
    "x;y",
    "x:y",
    "[::1]",
    "{x}",
    "us.evil.com",
    "\u00fcn\u0131c\u00f6de",
    "\uff45vil",
    "x" * 5000,
)
HOSTILE_HOSTS = (
    "llm.example.com",
    "//llm.example.com",
    "ftp://llm.example.com",
    "file:///etc/passwd",
    "https://",
    "https://evil.com",
    "https://evil.com/llm.example.com",
    "https://evil.com#llm.example.com",
    "https://evil.com?llm.example.com",
    "https://llm.example.com@evil.com",
    "https://a@llm.example.com",
    "https://a:b@llm.example.com",
    "https://llm.example.com.evil.com",
    "https://evil.com\\.llm.example.com",
    "https://llm.example.com/#",
    "https://llm.example.com:evil",
    "https://llm.example.com\r\nx: y",
    "http://llm.example.com",
    "http://127.0.0.1",
    "https://169.254.169.254/latest",
    "https://[::1]",
)


def credentials_of(case: Case) -> dict[str, str]:
    return dict(case.json("call.json").get("credentials", {}))


def build(case: Case, credentials: dict[str, str]) -> ProviderRequest:
    return call_with(case.adapter(), case.call(), credentials)


def attempt(build: Callable[[], ProviderRequest]) -> ProviderRequest | PromptsideError:
    """Return the request, or the error in its place."""
    try:
        return build()
    except PromptsideError as error:
        return error


def fields_of(*, secret: bool) -> list[Any]:
    return [
        pytest.param(name, field, id=f"{name}-{field.name}")
        for name in NAMES
        for field in all_fields(get_provider(name))
        if field.secret is secret and field.name != "custom_host"
    ]


def named(provider: Provider, error: PromptsideError) -> bool:
    """Tell whether an error's message and param name one field of the provider."""
    words = {word for field in all_fields(provider) for word in (field.name, field.header)}
    return error.param in words and str(error.param) in error.message and provider.name in error.message


def check_same_place(seen: SplitResult, usual: SplitResult) -> None:
    """Check that a URL differs from the usual one in the words of its path only."""
    assert (seen.scheme, seen.netloc, seen.query, seen.fragment) == (usual.scheme, usual.netloc, usual.query, "")
    segments, usual_segments = seen.path.split("/"), usual.path.split("/")
    assert len(segments) == len(usual_segments)
    assert not {".", "..", "%2e%2e", "%2e"} & set(segments)
    assert seen.path.isascii()
    assert seen.path.isprintable()
    assert not set('\\ "<>{}|^`') & set(seen.path)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        pytest.param(name, field, id=f"{name}-{field.name}")
        for name in NAMES
        for field in all_fields(get_provider(name))
        if field.required
    ],
)
def test_a_required_field_that_is_missing_is_named(name: str, field: Field) -> None:
    provider = get_provider(name)
    rest = {given: value for given, value in credentials_of(CHATS[name]).items() if given != field.name}

    with pytest.raises(InvalidRequest) as callers:
        check_credentials(provider, rest, from_caller=True)
    with pytest.raises(ConfigurationError) as stored:
        check_credentials(provider, rest, from_caller=False)

    assert (callers.value.status, callers.value.param) == (400, field.header or field.name)
    assert (stored.value.status, stored.value.param) == (500, field.name)
    assert named(provider, callers.value)
    assert named(provider, stored.value)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_credentials_that_are_not_enough_name_a_field(case: Case) -> None:
    given = credentials_of(case)
    for left_out in [*itertools.combinations(given, 1), tuple(given)]:
        rest = {name: value for name, value in given.items() if name not in left_out}
        built = attempt(partial(build, case, rest))
        if isinstance(built, PromptsideError):
            assert built.status == 400
            # Without the setting that chooses the wire, a parameter may be what does not fit.
            assert named(case.adapter(), built) or built.code == "unsupported_parameter", built.message


@pytest.mark.parametrize(("name", "field"), fields_of(secret=False))
@pytest.mark.parametrize("value", HOSTILE, ids=repr)
def test_a_setting_is_refused_or_stays_out_of_host_and_path(name: str, field: Field, value: str) -> None:
    case = CHATS[name]
    given = credentials_of(case)
    built = attempt(partial(build, case, {**given, field.name: value}))
    if isinstance(built, PromptsideError):
        assert built.status == 400
        assert built.param in {field.header, field.name, *field.aliases}
        assert value not in built.message
    else:
        check_same_place(urlsplit(built.url), urlsplit(build(case, given).url))
        assert all(text.isprintable() and text.isascii() for text in built.headers.values())


@pytest.mark.parametrize(
    ("name", "field"), [param for param in fields_of(secret=False) if param.values[1].pattern and param.values[1].host]
)
@pytest.mark.parametrize("value", [value for value in HOSTILE if value != "us.evil.com"], ids=repr)
def test_what_decides_the_host_is_refused_unless_it_is_a_name(name: str, field: Field, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_credentials(get_provider(name), {**credentials_of(CHATS[name]), field.name: value}, from_caller=True)

    assert (caught.value.param, caught.value.code) == (field.header, "invalid_provider_configuration")


@pytest.mark.parametrize(("name", "field"), fields_of(secret=True))
@pytest.mark.parametrize("value", ["x\r\ny: z", "{\r\ny: z", "{\n}", "x\x00", "x\x7f"], ids=repr)
def test_a_secret_never_breaks_out_of_its_header(name: str, field: Field, value: str) -> None:
    case = CHATS[name]
    built = attempt(partial(build, case, {**credentials_of(case), field.name: value}))
    if isinstance(built, PromptsideError):
        assert built.status == 400
        assert built.param == (field.header or field.name) or (field.multiline and named(case.adapter(), built))
    else:
        assert field.multiline
        assert all(text.isprintable() for text in built.headers.values())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("host", HOSTILE_HOSTS)
def test_a_custom_host_that_is_not_allowed_is_refused(name: str, host: str) -> None:
    product = Product("", allow_private_hosts=False, allowed_custom_hosts=("llm.example.com",))
    given = credentials_of(CHATS[name])
    headers = {
        field.header: given[field.name]
        for field in all_fields(get_provider(name))
        if field.header and field.name in given
    }

    response = product.post(
        run_body(CHATS[name]),
        headers={
            **headers,
            "x-portkey-provider": name,
            "authorization": "Bearer key-of-the-caller",
            "x-portkey-custom-host": host,
        },
    )

    error = json_of(response)["error"]
    assert response.status == 400
    assert error["param"] in {"custom_host", "x-portkey-custom-host"}
    assert error["code"] in {"custom_host_refused", "invalid_provider_configuration"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_model_is_refused_or_stays_one_word_of_the_path(case: Case) -> None:
    call = case.call()
    usual = urlsplit(build(case, credentials_of(case)).url)
    prefixes = ("", *(call.model[: at + 1] for at, character in enumerate(call.model) if character in "/."))
    for model in (f"{prefix}{value}" for prefix in prefixes for value in HOSTILE):
        named_model = replace(call, model=model)
        built = attempt(partial(case.adapter().build_request, named_model, case.credentials()))
        if isinstance(built, PromptsideError):
            assert built.status == 400
            assert built.param in {"model", "deployment_id"} or built.code == "unsupported_parameter", built.message
            continue
        # A model may choose another wire of the same host; what it is called stays inside the words of the path.
        seen = urlsplit(built.url)
        assert (seen.scheme, seen.netloc) == (usual.scheme, usual.netloc)
        assert seen.query in {usual.query, "", "alt=sse"}
        check_same_place(seen, seen)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("model", HOSTILE, ids=repr)
def test_a_hostile_model_calls_nobody_or_the_usual_path(name: str, model: str) -> None:
    with serve(CHATS[name]) as running:
        response = running.post(model=model)

        seen = running.upstream.requests
        if response.status == 400:
            assert json_of(response)["error"]["param"] in {"model", "deployment_id", "virtual_key"}
            assert seen == []
        else:
            assert response.status == 200
            usual = urlsplit(build(CHATS[name], dict(running.credentials)).url)
            check_same_place(urlsplit(f"{running.upstream.url}{running.sent().path}"), usual)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("arguments", ["{not json", "[1]", "7", "{} {}", "NaN"])
def test_arguments_that_are_no_json_object_are_refused_or_passed_on_as_text(name: str, arguments: str) -> None:
    call = {"id": "call_00001", "type": "function", "function": {"name": "get_wind", "arguments": arguments}}
    messages = [
        {"role": "user", "content": "Wind in Kiel?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_00001", "content": "5 m/s"},
    ]
    tool = {"type": "function", "function": {"name": "get_wind", "parameters": {"type": "object", "properties": {}}}}
    with serve(CHATS[name], json_reply({"error": {"message": "no"}}, status=400)) as running:
        response = running.product.post(
            {"model": run_body(CHATS[name])["model"], "messages": messages, "tools": [tool]}
        )

        error = json_of(response)["error"]
        assert response.status == 400
        if running.upstream.requests:
            assert json.dumps(arguments) in json.dumps(running.sent().json())
        else:
            assert error["param"] == "messages[1].tool_calls[0].function.arguments"


DOWNLOADERS = [name for name in NAMES if not get_provider(name).capabilities.fetches_images]
WHERE = "messages[0].content[1].image_url.url"


def message_with_image(url: str) -> list[dict[str, Any]]:
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]
    return [{"role": "user", "content": parts}]


@pytest.mark.parametrize("name", DOWNLOADERS)
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/x.png",
        "https://127.0.0.1:{port}/x.png",
        "https://localhost:{port}/x.png",
        "https://[::1]:{port}/x.png",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:127.0.0.1]:{port}/x.png",
        "https://0x7f000001:{port}/x.png",
        "https://user@127.0.0.1:{port}/x.png",
        "https:///x.png",
    ],
)
def test_an_image_on_a_private_host_is_never_fetched(name: str, url: str) -> None:
    with Upstream() as upstream:
        product = Product(
            upstream.url,
            version=prompt(virtual_key=name),
            secrets=MemorySecrets([credentials_of(CHATS[name])]),
            allow_private_hosts=False,
        )

        messages = message_with_image(url.format(port=upstream.port))
        response = product.post({"model": run_body(CHATS[name])["model"], "messages": messages})

        error = json_of(response)["error"]
        assert (response.status, error["param"], error["code"]) == (400, WHERE, "invalid_image")
        assert upstream.connections == 0


@pytest.mark.parametrize("name", DOWNLOADERS)
@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {"content-type": "text/html"}, [b"<html>"]),
        Reply(200, {"content-type": "image/png"}, [b"<html>"]),
        Reply(200, {"content-type": "image/svg+xml"}, [b"<svg/>"]),
        Reply(200, {"content-type": "image/png"}, [b""]),
        Reply(404, {"content-type": "image/png"}, [b"\x89PNG\r\n\x1a\n"]),
        Reply(302, {"location": "ftp://example.com/x.png"}, [b""]),
        Reply(200, {"content-type": "image/png", "content-length": "99000000"}, [b""]),
    ],
    ids=["html", "html as png", "svg", "empty", "404", "redirect to ftp", "too large"],
)
def test_what_is_no_image_is_refused_before_the_provider_is_called(name: str, reply: Reply) -> None:
    with serve(CHATS[name], reply_of(CHATS[name])) as running:
        running.upstream.routes["/x.png"] = reply
        messages = message_with_image(f"{running.upstream.url}/x.png")

        response = running.product.post({"model": run_body(CHATS[name])["model"], "messages": messages})

        error = json_of(response)["error"]
        assert (response.status, error["param"], error["code"]) == (400, WHERE, "invalid_image")
        assert [seen.path for seen in running.upstream.requests] == ["/x.png"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "url",
    [
        "data:text/html;base64,PGI+",
        "data:image/png;base64,!!!",
        "data:,",
        "data:image/png",
        "x.png",
        "",
        "javascript:1",
    ],
)
def test_an_image_that_is_none_is_refused_or_passed_on_as_it_is(name: str, url: str) -> None:
    with serve(CHATS[name], json_reply({"error": {"message": "no"}}, status=400)) as running:
        response = running.product.post({"model": run_body(CHATS[name])["model"], "messages": message_with_image(url)})

        error = json.loads(whole(response))["error"]
        assert response.status == 400
        if running.upstream.requests:
            assert get_provider(name).capabilities.fetches_images
            assert json.dumps(url) in json.dumps(running.sent().json())
        else:
            assert error["param"].startswith("messages")


@pytest.mark.parametrize("headers", [{"x-portkey-provider": "nobody"}, {"x-portkey-virtual-key": "nobody"}])
def test_an_unknown_provider_or_virtual_key_is_named(headers: dict[str, str]) -> None:
    response = Product("http://127.0.0.1:9").post({}, headers=headers)

    error = json_of(response)["error"]
    assert response.status == 400
    assert error["code"] in {"unknown_provider", "unknown_virtual_key"}
    assert "'nobody'" in error["message"]

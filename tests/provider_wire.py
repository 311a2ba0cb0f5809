"""Sends the wire fixtures through the running product: what a local upstream answers, and how it gets called.

    with serve(case) as running:
        response = running.post()

The upstream plays the provider, and Google's and Microsoft's token endpoints beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from promptside.api.http import HttpResponse
from promptside.errors import PromptsideError
from promptside.providers.base import Provider, ProviderCall, ProviderRequest, SigV4
from promptside.providers.fields import check_credentials, public_settings
from promptside.transport.client import HttpClient
from promptside.transport.http import HttpTransport
from tests.authorizers import Clock, make_authorizer
from tests.eventstream import encode_events
from tests.product import MemorySecrets, Product, prompt
from tests.provider_cases import Case
from tests.upstream import Reply, Request, Step, Upstream, json_reply

AWS_KEYS = {"aws_access_key_id": "AKIDOFTHETESTS", "aws_secret_access_key": "secret-of-the-tests"}
TOKEN = "ya29.token-of-the-tests"
_TOKENS = json_reply(
    {
        "access_token": TOKEN,
        "token_type": "Bearer",
        "expires_in": 3599,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    }
)
_FEDERATION = {
    "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/aws",
    "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
    "token_url": "https://sts.googleapis.com/v1/token",
    "credential_source": {
        "environment_id": "aws1",
        "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
    },
}
_AFTER_EVENT = re.compile(rb"(?<=\n\n)|(?<=\r\n\r\n)")
_PRELUDE_BYTES = 4


@dataclass(frozen=True)
class Running:
    """One case against its upstream. `credentials` are what is stored, `path` is where the call has to go."""

    case: Case
    upstream: Upstream
    product: Product
    credentials: Mapping[str, str]

    def post(self, **changes: Any) -> HttpResponse:
        """Run the case's call; `changes` replace keys of the body."""
        return self.product.post({**run_body(self.case), **changes})

    def sent(self) -> Request:
        """Return the one request that reached the provider itself."""
        found = [seen for seen in self.upstream.requests if not _asks_for_token(seen.path)]
        assert len(found) == 1, [seen.path for seen in found]
        return found[0]


@contextmanager
def serve(case: Case, reply: Reply | None = None) -> Iterator[Running]:
    """Start an upstream that answers as the case says, or with `reply`."""
    with Upstream() as upstream:
        credentials = local_credentials(case, upstream.url)
        upstream.default = lambda seen: _TOKENS if _asks_for_token(seen.path) else reply or reply_of(case)
        tokens = HttpClient(allow_private_hosts=True)
        transport = HttpTransport(allow_private_hosts=True, authorizer=make_authorizer(tokens, upstream, Clock()))
        try:
            yield Running(case, upstream, _product(case, upstream.url, credentials, transport), credentials)
        finally:
            transport.close()
            tokens.close()


def reply_of(case: Case) -> Reply:
    """Return the provider's answer of a case."""
    if case.has("error.json"):
        given = case.json("error.json")
        body = given["text"].encode() if "text" in given else json.dumps(given["body"]).encode()
        return Reply(given["status"], given.get("headers", {}), [body])
    if case.has("response.json"):
        return json_reply(case.json("response.json"))
    return stream_reply(case, [wire(case)])


def stream_reply(case: Case, steps: Sequence[Step]) -> Reply:
    """Return a streamed answer with the content type of the case's framing."""
    kind = "text/event-stream" if case.has("stream.sse") else "application/vnd.amazon.eventstream"
    return Reply(200, {"content-type": kind}, steps, "chunked")


def wire(case: Case) -> bytes:
    """Return the bytes of a streamed answer."""
    return case.bytes("stream.sse") if case.has("stream.sse") else encode_events(case.json("stream.json"))


def frames(case: Case) -> list[bytes]:
    """Return the same bytes, cut after each event."""
    data = wire(case)
    if case.has("stream.sse"):
        return [piece for piece in _AFTER_EVENT.split(data) if piece]
    found = []
    while data:
        size = int.from_bytes(data[:_PRELUDE_BYTES], "big")
        found.append(data[:size])
        data = data[size:]
    return found


def run_body(case: Case) -> dict[str, Any]:
    """Return what a caller sends to have exactly the call of a case made."""
    given = case.json("call.json")
    body = {"model": given["model"], **given.get("parameters", {}), "stream": given.get("stream", False)}
    body["messages" if "messages" in given else "prompt"] = given.get("messages", given.get("prompt"))
    if given.get("strict_params"):
        body["strict_params"] = True
    options = {name: value for name, value in _object(body.get("stream_options")).items() if name != "include_usage"}
    if given.get("include_usage"):
        options["include_usage"] = True
    body["stream_options"] = options or None
    return body


def local_credentials(case: Case, origin: str) -> dict[str, str]:
    """Return the case's credentials with the host replaced by `origin`, its path kept, and keys that can sign.

    Those of a case that is refused stay as they are: nobody is called with them.
    """
    given: dict[str, str] = {**case.json("call.json").get("credentials", {})}
    if is_refused(case):
        return given
    wanted = _split(_built(case, given))
    given |= _signing_keys(_built(case, given), given)
    own = given.get("custom_host")
    if own is not None:
        parts = urlsplit(own)
        return {**given, "custom_host": own.replace(f"{parts.scheme}://{parts.netloc}", origin, 1)}
    found = _split(_built(case, {**given, "custom_host": origin}))
    prefix = wanted.path.removesuffix(found.path)
    return {**given, "custom_host": f"{origin}{prefix}"}


def target_of(case: Case) -> str:
    """Return path and query that the fixture's request goes to."""
    parts = urlsplit(case.json("request.json")["url"])
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def call_with(provider: Provider, call: ProviderCall, credentials: Mapping[str, str]) -> ProviderRequest:
    """Build a request as the service does, the settings taken from the credentials. Raises PromptsideError."""
    checked = check_credentials(provider, credentials, from_caller=True)
    return provider.build_request(replace(call, settings=public_settings(provider, checked)), checked)


def is_refused(case: Case) -> bool:
    """Tell whether the case cannot even be built into a request."""
    try:
        _built(case, case.json("call.json").get("credentials", {}))
    except PromptsideError:
        return True
    return False


def is_whole_stream(case: Case) -> bool:
    """Tell whether the case is a stream that ends well."""
    lines = case.lines("expected.jsonl")
    return (
        (case.has("stream.sse") or case.has("stream.json"))
        and len(lines) > 2
        and not any("raises" in line for line in lines)
        and not is_refused(case)
    )


def _built(case: Case, credentials: Mapping[str, str]) -> ProviderRequest:
    return call_with(case.adapter(), case.call(), credentials)


def _split(request: ProviderRequest) -> Any:
    return urlsplit(request.url)


def _signing_keys(request: ProviderRequest, given: Mapping[str, str]) -> dict[str, str]:
    """Return what the signing needs beyond the fixture: no role of this machine, and a key that is one."""
    if isinstance(request.signing, SigV4) and request.signing.access_key_id is None:
        return AWS_KEYS
    if "vertex_service_account_json" in given:
        info = json.loads(given["vertex_service_account_json"])
        real = _FEDERATION if info["type"] == "external_account" else {"private_key": _private_key()}
        return {"vertex_service_account_json": json.dumps({**info, **real})}
    return {}


@cache
def _private_key() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _product(case: Case, base_url: str, credentials: Mapping[str, str], transport: HttpTransport) -> Product:
    given = case.json("call.json")
    is_chat = "messages" in given
    version = prompt(
        kind="chat" if is_chat else "text",
        string='[{"role": "user", "content": "Hi"}]' if is_chat else "Hi",
        virtual_key=case.provider,
    )
    product = Product(base_url, version=version, secrets=MemorySecrets([dict(credentials)]))
    product.services = replace(
        product.services,
        transport=transport,
        clock=lambda: float(given.get("created", 1795300000)),
        new_id=lambda: str(given.get("completion_id", "c0ffee")),
    )
    return product


def _asks_for_token(path: str) -> bool:
    return path in ("/oauth", "/sts") or path.endswith("/oauth2/v2.0/token")


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

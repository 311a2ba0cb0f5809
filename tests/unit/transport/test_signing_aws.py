from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from promptside.errors import ProviderError
from promptside.providers.base import SigV4
from promptside.transport.auth import Authorizer
from promptside.transport.client import HttpClient
from promptside.transport.http import HttpTransport
from tests.authorizers import headers_for, signed_request, soon
from tests.upstream import Upstream, json_reply

_MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"
_KEYS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "made-up-secret"}


def _signed_by_botocore(token: str | None) -> Any:
    """Return the Converse request as botocore's own client signs it; nothing is sent."""
    sent: list[Any] = []

    def catch(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, {"content-type": "application/json"}, _Empty())

    session = botocore.session.Session()
    bedrock = session.create_client(
        "bedrock-runtime",
        region_name="eu-west-1",
        aws_access_key_id=_KEYS["access_key_id"],
        aws_secret_access_key=_KEYS["secret_access_key"],
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}),
    )
    bedrock.meta.events.register("before-send.bedrock-runtime.Converse", catch)
    bedrock.converse(modelId=_MODEL, messages=[{"role": "user", "content": [{"text": "ahoi ☃"}]}])
    return sent[0]


class _Empty:
    def stream(self) -> Iterator[bytes]:
        yield b"{}"


@pytest.mark.usefixtures("no_aws_account")
@pytest.mark.parametrize("token", [None, "made-up-token"])
def test_a_signature_equals_that_of_botocores_own_client_for_a_model_with_a_colon(
    client: HttpClient, token: str | None
) -> None:
    for _ in range(5):
        theirs = _signed_by_botocore(token)
        signing = SigV4("bedrock", "eu-west-1", **_KEYS, session_token=token)
        ours = Authorizer(client).headers(signed_request(signing, theirs.url, theirs.body), signing, soon())
        expected = {name.lower(): _text(value) for name, value in theirs.headers.items()}
        if ours["x-amz-date"] == expected["x-amz-date"]:
            break

    assert "%3A0/converse" in theirs.url
    names = {"authorization", "x-amz-date", "content-type"} | ({"x-amz-security-token"} if token else set())
    assert dict(ours) == {name: expected[name] for name in names}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@pytest.mark.usefixtures("aws_role")
def test_without_given_keys_the_environments_role_signs(client: HttpClient) -> None:
    headers = headers_for(Authorizer(client), SigV4("bedrock", "us-east-1"))

    assert headers["x-amz-security-token"] == "role-token"
    assert re.match(
        r"AWS4-HMAC-SHA256 Credential=ASIAROLE/\d{8}/us-east-1/bedrock/aws4_request", headers["authorization"]
    )


@pytest.mark.parametrize(
    "signing", [SigV4("bedrock", "us-east-1"), SigV4("bedrock", "us-east-1", access_key_id="AKID")]
)
def test_missing_aws_credentials_are_named_as_the_providers(client: HttpClient, signing: SigV4) -> None:
    with pytest.raises(ProviderError) as caught:
        headers_for(Authorizer(client), signing)

    error = caught.value
    assert (error.status, error.type, error.code) == (401, "authentication_error", "provider_auth")
    assert error.message.startswith("AWS does not accept the configured credentials: ")


def test_a_signed_request_reaches_the_provider_with_its_headers(client: HttpClient) -> None:
    signing = SigV4("bedrock", "us-east-1", **_KEYS)

    with Upstream(json_reply({})) as upstream:
        transport = HttpTransport()
        transport.send(signed_request(signing, f"{upstream.url}/model/a%3A0/converse"), soon())
        transport.close()

    seen = upstream.requests[0]
    assert seen.path == "/model/a%3A0/converse"
    assert "SignedHeaders=content-type;host;x-amz-date" in seen.headers["authorization"]

from __future__ import annotations

import datetime
import json
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from promptside.errors import ProviderError, ProviderUnreachable
from promptside.providers.base import GoogleToken
from promptside.transport.client import HttpClient
from tests.authorizers import Clock, headers_for, make_authorizer
from tests.upstream import Upstream, json_reply


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _service_account(private_key: str, **changes: str) -> GoogleToken:
    info = {
        "type": "service_account",
        "client_email": "ann@project.iam.gserviceaccount.com",
        "private_key": private_key,
        "private_key_id": "key-1",
        "token_uri": "https://evil.example/token",
        "universe_domain": "evil.example",
        **changes,
    }
    return GoogleToken(json.dumps(info))


def test_a_service_accounts_token_comes_from_google_whatever_its_json_says(
    client: HttpClient, clock: Clock, private_key: str
) -> None:
    with Upstream(json_reply({"access_token": "g1", "expires_in": 3599})) as upstream:
        authorizer = make_authorizer(client, upstream, clock)
        headers = [headers_for(authorizer, _service_account(private_key)) for _ in range(2)]

    assert headers == [{"authorization": "Bearer g1"}] * 2
    assert [seen.path for seen in upstream.requests] == ["/oauth"]
    form = parse_qs(upstream.requests[0].body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert form["assertion"][0].count(".") == 2


def test_a_refusal_by_google_says_so_without_its_words(client: HttpClient, clock: Clock, private_key: str) -> None:
    refusal = json_reply({"error": "invalid_grant", "error_description": "ann is unknown"}, status=400)

    with Upstream(refusal) as upstream, pytest.raises(ProviderError) as caught:
        headers_for(make_authorizer(client, upstream, clock), _service_account(private_key))

    error = caught.value
    assert (error.status, error.type, error.code) == (401, "authentication_error", "provider_auth")
    assert error.message == (
        "Google does not accept the configured credentials: its token endpoint refused them, or they are incomplete"
    )


def test_a_failing_google_endpoint_is_asked_once(client: HttpClient, clock: Clock, private_key: str) -> None:
    with Upstream(json_reply({}, status=503)) as upstream, pytest.raises(ProviderUnreachable):
        headers_for(make_authorizer(client, upstream, clock), _service_account(private_key))

    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    "info",
    [
        "not json",
        "[]",
        "{}",
        '{"type": "authorized_user"}',
        '{"type": "service_account"}',
        '{"type": "service_account", "client_email": "a@b", "private_key": "nonsense"}',
        '{"type": "service_account", "client_email": 1, "private_key": 2}',
    ],
)
def test_unusable_google_credentials_are_named_as_such(client: HttpClient, clock: Clock, info: str) -> None:
    with Upstream() as upstream, pytest.raises(ProviderError) as caught:
        headers_for(make_authorizer(client, upstream, clock), GoogleToken(info))

    assert (caught.value.status, caught.value.code) == (401, "provider_auth")
    assert upstream.requests == []


def _federation(**changes: Any) -> GoogleToken:
    info = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/aws",
        "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {
            "environment_id": "aws1",
            "region_url": "http://evil.example/region",
            "url": "http://evil.example/credentials",
            "regional_cred_verification_url": "https://evil.example/?Action=GetCallerIdentity",
        },
        **changes,
    }
    return GoogleToken(json.dumps(info))


@pytest.mark.usefixtures("aws_role")
def test_an_aws_role_becomes_a_google_token_without_any_url_of_the_json(client: HttpClient, clock: Clock) -> None:
    with Upstream() as upstream:
        upstream.routes["/sts"] = json_reply(
            {
                "access_token": "federated",
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
                "token_type": "Bearer",
                "expires_in": 3600,
            }
        )
        headers = headers_for(make_authorizer(client, upstream, clock), _federation())

    assert headers == {"authorization": "Bearer federated"}
    subject = parse_qs(upstream.requests[0].body.decode())["subject_token"][0]
    proof = json.loads(unquote(subject))
    assert proof["url"] == "https://sts.eu-north-1.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
    assert proof["method"] == "POST"


@pytest.mark.usefixtures("aws_role")
def test_a_federated_role_can_stand_for_a_service_account(client: HttpClient, clock: Clock) -> None:
    account = "ann@project.iam.gserviceaccount.com"
    url = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{account}:generateAccessToken"
    expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)

    with Upstream() as upstream:
        upstream.routes["/sts"] = json_reply(
            {"access_token": "federated", "issued_token_type": "x", "token_type": "Bearer", "expires_in": 3600}
        )
        upstream.routes[f"/accounts/{account}:generateAccessToken"] = json_reply(
            {"accessToken": "impersonated", "expireTime": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}
        )
        signing = _federation(service_account_impersonation_url=url)
        headers = headers_for(make_authorizer(client, upstream, clock), signing)

    assert headers == {"authorization": "Bearer impersonated"}
    assert upstream.requests[-1].headers["authorization"] == "Bearer federated"


@pytest.mark.usefixtures("aws_role")
@pytest.mark.parametrize(
    "changes",
    [
        {"token_url": "https://evil.example/v1/token"},
        {"token_url": "https://sts.googleapis.com.evil.example/v1/token"},
        {"token_url": "http://sts.googleapis.com/v1/token"},
        {"token_url": None},
        {"service_account_impersonation_url": "https://evil.example/x:generateAccessToken"},
        {"service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"},
        {"credential_source": {"file": "/etc/passwd"}},
        {"credential_source": {"executable": {"command": "true"}}},
        {"credential_source": {"url": "http://169.254.169.254/"}},
        {"credential_source": None},
    ],
)
def test_a_federation_that_is_not_aws_to_google_is_refused(
    client: HttpClient, clock: Clock, changes: dict[str, Any]
) -> None:
    with Upstream() as upstream, pytest.raises(ProviderError) as caught:
        headers_for(make_authorizer(client, upstream, clock), _federation(**changes))

    assert (caught.value.status, caught.value.code) == (401, "provider_auth")
    assert upstream.requests == []

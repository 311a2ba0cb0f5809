from __future__ import annotations

import json
import threading
from urllib.parse import parse_qs

import pytest

from promptside.errors import ProviderError, ProviderUnreachable
from promptside.providers.base import EntraToken
from promptside.transport.client import HttpClient
from promptside.transport.http import HttpTransport
from tests.authorizers import Clock, headers_for, make_authorizer, signed_request, soon
from tests.upstream import Reply, Upstream, json_reply

_ENTRA = EntraToken("contoso.example", "client-1", "made-up-secret")


def test_an_entra_token_is_fetched_once_and_again_before_it_expires(client: HttpClient, clock: Clock) -> None:
    with Upstream() as upstream:
        upstream.enqueue(*(json_reply({"access_token": f"t{n}", "expires_in": 3600}) for n in (1, 2)))
        authorizer = make_authorizer(client, upstream, clock)
        first = [headers_for(authorizer, _ENTRA) for _ in range(2)]
        clock.now += 3299
        still = headers_for(authorizer, _ENTRA)
        clock.now += 2
        renewed = headers_for(authorizer, _ENTRA)

    assert first == [{"authorization": "Bearer t1"}] * 2
    assert (still, renewed) == ({"authorization": "Bearer t1"}, {"authorization": "Bearer t2"})
    asked = upstream.requests[0]
    assert asked.path == "/contoso.example/oauth2/v2.0/token"
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["client-1"],
        "client_secret": ["made-up-secret"],
        "scope": ["https://cognitiveservices.azure.com/.default"],
    }


def test_identities_do_not_share_tokens(client: HttpClient, clock: Clock) -> None:
    others = [
        EntraToken("other.example", "client-1", "made-up-secret"),
        EntraToken("contoso.example", "client-2", "made-up-secret"),
        EntraToken("contoso.example", "client-1", "another-secret"),
        EntraToken("contoso.example", "client-1", "made-up-secret", "https://ai.azure.com/.default"),
    ]

    with Upstream() as upstream:
        upstream.enqueue(*(json_reply({"access_token": f"t{n}", "expires_in": 3600}) for n in range(5)))
        authorizer = make_authorizer(client, upstream, clock)
        tokens = [headers_for(authorizer, signing)["authorization"] for signing in (_ENTRA, *others)]

    assert tokens == [f"Bearer t{n}" for n in range(5)]


def test_threads_that_need_the_same_token_fetch_it_once(client: HttpClient, clock: Clock) -> None:
    gate = threading.Event()
    body = json.dumps({"access_token": "t1", "expires_in": 3600}).encode()
    seen: list[str] = []

    with Upstream(Reply(200, {}, [gate, body])) as upstream:
        authorizer = make_authorizer(client, upstream, clock)
        threads = [
            threading.Thread(target=lambda: seen.append(headers_for(authorizer, _ENTRA)["authorization"]))
            for _ in range(5)
        ]
        for thread in threads:
            thread.start()
        upstream.wait_for_requests(1)
        gate.set()
        for thread in threads:
            thread.join(5)

    assert (seen, len(upstream.requests)) == (["Bearer t1"] * 5, 1)


@pytest.mark.parametrize(
    "tenant", ["", "../common", "a/b", "evil.com/#", "a@b", "a%2fb", "a\r\nb", "a..b", "a?b", ".a"]
)
def test_a_tenant_that_could_change_the_url_is_refused(client: HttpClient, clock: Clock, tenant: str) -> None:
    with Upstream() as upstream, pytest.raises(ProviderError) as caught:
        headers_for(make_authorizer(client, upstream, clock), EntraToken(tenant, "client-1", "made-up-secret"))

    assert (caught.value.status, caught.value.code) == (401, "provider_auth")
    assert upstream.requests == []


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_by_entra_says_so_without_the_secret_and_is_not_kept(
    client: HttpClient, clock: Clock, status: int
) -> None:
    refusal = json_reply({"error": "invalid_client", "error_description": "made-up-secret is wrong"}, status=status)

    with Upstream(refusal, json_reply({"access_token": "t2", "expires_in": "3600"})) as upstream:
        authorizer = make_authorizer(client, upstream, clock)
        with pytest.raises(ProviderError) as caught:
            headers_for(authorizer, _ENTRA)
        again = headers_for(authorizer, _ENTRA)

    error = caught.value
    assert (error.status, error.type, error.code) == (401, "authentication_error", "provider_auth")
    assert error.message == (
        f"Microsoft Entra does not accept the configured credentials: its token endpoint answered with status {status}"
    )
    assert again == {"authorization": "Bearer t2"}


@pytest.mark.parametrize(
    "reply",
    [
        json_reply({}, status=503),
        json_reply({}, status=429),
        Reply(302, {"location": "http://evil.example/"}),
        json_reply({"token": "x"}),
        Reply(200, {}, [b"<html>"]),
    ],
)
def test_a_token_endpoint_that_fails_is_unreachable(client: HttpClient, clock: Clock, reply: Reply) -> None:
    with Upstream(reply) as upstream, pytest.raises(ProviderUnreachable):
        headers_for(make_authorizer(client, upstream, clock), _ENTRA)

    assert len(upstream.requests) == 1


def test_a_token_that_the_provider_refuses_is_fetched_again_next_time(client: HttpClient, clock: Clock) -> None:
    tokens = [json_reply({"access_token": f"t{n}", "expires_in": 3600}) for n in (1, 2)]

    with Upstream(tokens[0], json_reply({}, status=401), tokens[1], json_reply({})) as upstream:
        transport = HttpTransport(authorizer=make_authorizer(client, upstream, clock))
        statuses = [transport.send(signed_request(_ENTRA, upstream.url + "/v1"), soon()).status for _ in range(2)]
        transport.close()

    assert statuses == [401, 200]
    assert [seen.headers.get("authorization") for seen in upstream.requests] == [None, "Bearer t1", None, "Bearer t2"]

from __future__ import annotations

import pytest

from promptside.errors import InvalidRequest
from promptside.providers.azure.auth import authorize, sign
from promptside.providers.base import EntraToken

CLIENT = {"tenant_id": "t", "client_id": "c", "client_secret": "s"}
TOKEN = "eyJ0est.eyJ0est.s1-g_"


@pytest.mark.parametrize(
    ("credentials", "headers"),
    [
        ({"api_key": "k"}, {"api-key": "k"}),
        ({"api_key": "Bearer k"}, {"api-key": "k"}),
        ({"api_key": TOKEN}, {"authorization": f"Bearer {TOKEN}"}),
        ({"azure_ad_token": "opaque"}, {"authorization": "Bearer opaque"}),
        ({"azure_ad_token": "opaque", "api_key": "k", **CLIENT}, {"authorization": "Bearer opaque"}),
        ({"api_key": "k", **CLIENT}, {"api-key": "k"}),
        (CLIENT, {}),
    ],
)
def test_exactly_one_proof_is_sent(credentials: dict[str, str], headers: dict[str, str]) -> None:
    assert authorize(credentials) == headers
    assert (sign(credentials) is None) is bool(headers)


def test_client_credentials_ask_for_the_scope_that_is_configured() -> None:
    assert sign(CLIENT) == EntraToken("t", "c", "s")
    assert sign({**CLIENT, "token_scope": "https://ai.azure.com/.default"}) == EntraToken(
        "t", "c", "s", "https://ai.azure.com/.default"
    )


@pytest.mark.parametrize(
    ("credentials", "param"),
    [({}, "api_key"), ({"tenant_id": "t"}, "client_id"), ({"client_id": "c", "client_secret": "s"}, "tenant_id")],
)
def test_what_is_missing_is_named(credentials: dict[str, str], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        authorize(credentials)

    assert caught.value.param == param

from __future__ import annotations

import json

import pytest

from promptside.management.credentials import given_fields
from promptside.providers.registry import get_provider

DEPLOYMENTS = [{"apiVersion": "2024-10-21", "deploymentName": "chat-a", "alias": "gpt-6-luna", "is_default": True}]


@pytest.mark.parametrize("spelling", ["deploymentConfig", "deployment_config"])
def test_azures_list_of_deployments_is_kept_whole(spelling: str) -> None:
    body = {"key": "k", "resourceName": "ours", spelling: DEPLOYMENTS}

    given = given_fields(get_provider("azure-openai"), body, frozenset())

    assert given.values == {
        "api_key": "k",
        "resource_name": "ours",
        "deployment_config": json.dumps(DEPLOYMENTS),
    }
    assert given.ignored == ()


def test_azures_single_deployment_is_known_in_portkeys_spelling() -> None:
    body = {"apiVersion": "v1", "resourceName": "ours", "deploymentName": "chat-a"}

    given = given_fields(get_provider("azure"), body, frozenset())

    assert given.values == {"api_version": "v1", "resource_name": "ours", "deployment_id": "chat-a"}

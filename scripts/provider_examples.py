"""What people store to reach each provider: the least that works, for the commands in docs/providers.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from promptside.providers.base import Provider
from promptside.providers.fields import all_fields

_KEY = "YOUR-KEY"
_ACCOUNT_FILE = "$(cat service-account.json)"


@dataclass(frozen=True, slots=True)
class Example:
    """Fields of the SSM secret, and variables of a local run; a value of `$(cat FILE)` is what the file holds."""

    stored: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


# Where the required fields do not tell: alternatives, and hosts that only their owner knows.
_EXAMPLES: Mapping[str, Example] = {
    "ai21": Example(
        {"custom_host": "https://jamba.example.com", "api_key": _KEY},
        {"AI21_BASE_URL": "https://jamba.example.com", "AI21_API_KEY": _KEY},
    ),
    "anyscale": Example(
        {"custom_host": "https://SERVICE.anyscaleuserdata.com/v1", "api_key": _KEY},
        {"ANYSCALE_BASE_URL": "https://SERVICE.anyscaleuserdata.com/v1", "ANYSCALE_API_KEY": _KEY},
    ),
    "azure-openai": Example(
        {"resource_name": "YOUR-RESOURCE", "api_key": _KEY},
        {"AZURE_OPENAI_ENDPOINT": "https://YOUR-RESOURCE.openai.azure.com", "AZURE_OPENAI_API_KEY": _KEY},
        "With Microsoft Entra, store `tenant_id`, `client_id` and `client_secret` in place of `api_key`.",
    ),
    "bedrock": Example(
        {"aws_region": "eu-central-1"},
        {"AWS_PROFILE": "YOUR-PROFILE"},
        "Nothing has to be stored: the function's own role signs, for the stack's region. A secret is for another "
        "region or another account.",
    ),
    "custom": Example(
        {"custom_host": "https://llm.example.com/v1", "api_key": _KEY},
        {"CUSTOM_BASE_URL": "http://localhost:11434/v1"},
    ),
    "vertex-ai": Example(
        {"vertex_service_account_json": _ACCOUNT_FILE},
        {"GOOGLE_APPLICATION_CREDENTIALS_JSON": _ACCOUNT_FILE},
        "Without any key: store the credential configuration of a workload identity federation with AWS the same way, "
        "and `vertex_project_id` beside it.",
    ),
}


def example_of(provider: Provider) -> Example:
    """Return the example of a provider; one whose only required field is its key needs none of its own."""
    if provider.name in _EXAMPLES:
        return _EXAMPLES[provider.name]
    required = [entry for entry in all_fields(provider) if entry.required]
    if [entry.name for entry in required] != ["api_key"]:
        raise ValueError(f"{provider.name} needs an example: its required fields are not just a key")
    return Example({"api_key": _KEY}, {required[0].environment[0]: _KEY})

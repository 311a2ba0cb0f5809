"""Azure OpenAI: OpenAI's wires behind a resource of one's own, by deployment or through the version-less v1 surface.

https://learn.microsoft.com/azure/foundry/openai/reference, read 2026-11-23. The prompt's model says which model's rules
apply; the deployment that runs it comes from the configuration. Content-filter results stay where Azure puts them.
"""

from __future__ import annotations

from collections.abc import Mapping

from promptside.errors import JsonObject
from promptside.providers.azure.auth import authorize, sign
from promptside.providers.azure.endpoint import DEPLOYMENT_PATTERN, VERSION_PATTERN, azure_target
from promptside.providers.base import Capabilities, Field, ProviderCall
from promptside.providers.openai_format.compatible import OpenAICompatible
from promptside.providers.openai_format.model_rules import choose_wire, rewrite_for_model, rewrite_responses_for_model
from promptside.providers.openai_format.responses import ResponsesRules
from promptside.providers.openai_format.rules import MessageRules
from promptside.schema.chat import Completion

_VISIBLE = r"[\x21-\x7e]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_AZURE_DOMAINS = r"(openai\.azure|cognitiveservices\.azure|services\.ai\.azure)\.(com|us|cn)"
_TENANT = r"[A-Za-z0-9]([A-Za-z0-9-]|\.(?!\.)){0,251}[A-Za-z0-9]"

ADDRESS_FIELDS = (
    Field(
        "resource_name",
        "The name of the resource, the first part of <name>.openai.azure.com",
        header="x-portkey-azure-resource-name",
        pattern=_LABEL,
        aliases=("resourceName", "azure_resource_name", "azureResourceName"),
        host=True,
    ),
    Field(
        "endpoint_name",
        "The host name of the resource in another of Azure's domains, such as <name>.cognitiveservices.azure.com",
        header="x-portkey-azure-endpoint-name",
        pattern=rf"{_LABEL}\.{_AZURE_DOMAINS}",
        aliases=("endpointName", "azure_endpoint_name", "azureEndpointName"),
        host=True,
    ),
    Field(
        "custom_host",
        "The whole endpoint instead, for private hosts: https://<host>, with a path prefix if it has one",
        environment=("AZURE_OPENAI_ENDPOINT",),
        header="x-portkey-custom-host",
        pattern=r"https?://[^\s?#@\\]+(\?[^\s#]*)?",
        aliases=("customHost", "base_url", "endpoint", "azure_endpoint"),
        host=True,
    ),
    Field(
        "deployment_id",
        "The deployment to call; without it, the prompt's model is taken for its name",
        environment=("AZURE_OPENAI_DEPLOYMENT",),
        header="x-portkey-azure-deployment-id",
        pattern=DEPLOYMENT_PATTERN,
        aliases=("deploymentId", "deployment_name", "deploymentName", "azure_deployment_id", "azureDeploymentId"),
    ),
    Field(
        "deployment_config",
        'Deployments by model, as JSON: [{"alias": "gpt-6-luna", "deploymentName": "chat-a", "is_default": true}]',
        aliases=("deploymentConfig",),
    ),
    Field(
        "api_version",
        "v1 (also when it is not given), preview, or a dated version such as 2024-10-21 for the deployments surface",
        environment=("OPENAI_API_VERSION",),
        header="x-portkey-azure-api-version",
        pattern=VERSION_PATTERN,
        aliases=("apiVersion", "azure_api_version", "azureApiVersion"),
    ),
)

CREDENTIAL_FIELDS = (
    Field(
        "api_key",
        "A key of the resource; or use a token or client credentials",
        secret=True,
        environment=("AZURE_OPENAI_API_KEY",),
        pattern=_VISIBLE + r"( [\x21-\x7e]+)?",
        aliases=("apiKey", "key"),
    ),
    Field(
        "azure_ad_token",
        "A Microsoft Entra token, used as it is",
        secret=True,
        environment=("AZURE_OPENAI_AD_TOKEN",),
        header="x-portkey-azure-ad-token",
        aliases=("azureAdToken",),
    ),
    Field(
        "tenant_id",
        "The Entra tenant that gives out tokens: a GUID or a domain name",
        environment=("AZURE_TENANT_ID",),
        header="x-portkey-azure-entra-tenant-id",
        pattern=_TENANT,
        aliases=("azure_entra_tenant_id", "azureEntraTenantId"),
        host=True,
    ),
    Field(
        "client_id",
        "The application that asks for tokens",
        environment=("AZURE_CLIENT_ID",),
        header="x-portkey-azure-entra-client-id",
        pattern=_VISIBLE,
        aliases=("azure_entra_client_id", "azureEntraClientId"),
    ),
    Field(
        "client_secret",
        "The secret of the application",
        secret=True,
        environment=("AZURE_CLIENT_SECRET",),
        header="x-portkey-azure-entra-client-secret",
        aliases=("azure_entra_client_secret", "azureEntraClientSecret"),
    ),
    Field(
        "token_scope",
        "What tokens are asked for; https://cognitiveservices.azure.com/.default unless given",
        header="x-portkey-azure-entra-scope",
        pattern=r"https://[A-Za-z0-9.-]+/\.default",
        aliases=("azure_entra_scope", "azureEntraScope"),
        host=True,
    ),
)

MODEL_FIELDS = (
    Field(
        "wire",
        "chat or responses: the endpoint to call, whatever the model; without it the model and its tools decide",
        header="x-portkey-openai-wire",
        pattern="chat|responses",
    ),
    Field(
        "base_model",
        "The model behind the deployment, where the prompt's model does not tell",
        header="x-portkey-openai-base-model",
        pattern=_VISIBLE,
    ),
)


def _build_url(call: ProviderCall, _: Mapping[str, str], path: str) -> str:
    return azure_target(call).url(path)


def _rewrite(body: JsonObject, call: ProviderCall, dropped: list[str]) -> JsonObject:
    """Name the deployment where the URL does not, and leave out what an old API version refuses."""
    target = azure_target(call)
    if target.version_less:
        body["model"] = target.deployment
    if not target.takes_stream_options:
        body.pop("stream_options", None)
    return rewrite_for_model(body, call, dropped)


def _rewrite_responses(body: JsonObject, call: ProviderCall, dropped: list[str]) -> JsonObject:
    return {**rewrite_responses_for_model(body, call, dropped), "model": azure_target(call).deployment}


def _keep_filters(response: JsonObject, completion: Completion) -> None:
    if response.get("content_filters"):
        completion["content_filters"] = response["content_filters"]


PROVIDER = OpenAICompatible(
    name="azure-openai",
    fields=(*ADDRESS_FIELDS, *CREDENTIAL_FIELDS, *MODEL_FIELDS),
    base_url=None,
    text_path="/completions",
    messages=MessageRules(developer_as_system=False),
    authorize=authorize,
    sign=sign,
    build_url=_build_url,
    rewrite=_rewrite,
    choose_wire=choose_wire,
    responses=ResponsesRules(rewrite=_rewrite_responses, answer=_keep_filters),
    capabilities=Capabilities(
        text=True,
        documents=True,
        reasoning=True,
        note="By deployment or through the v1 surface; with a key or Microsoft Entra; content-filter results are kept",
    ),
)

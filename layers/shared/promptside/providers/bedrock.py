"""AWS Bedrock, by Converse and ConverseStream: one wire for all families of models.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html (read 2026-11-22).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from promptside.errors import InvalidRequest, JsonObject, PromptsideError
from promptside.providers.base import Capabilities, Field, ProviderCall, ProviderRequest, SigV4, StreamMapper
from promptside.providers.bedrock_format.request import PROVIDER_NAME, build_converse_body
from promptside.providers.bedrock_format.response import parse_converse, parse_converse_error
from promptside.providers.bedrock_format.stream import ConverseStream
from promptside.providers.draft import encode_body
from promptside.schema.chat import Completion

# Model ids and ARNs become one path segment; a slash in an ARN is quoted.
_MODEL_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._:-]{0,255}")
_MODEL_ARN = re.compile(
    r"arn:aws(-[a-z]+){0,3}:(bedrock|sagemaker):[a-z0-9-]{1,30}:(\d{12})?:[a-z-]{1,40}/[a-zA-Z0-9][a-zA-Z0-9._:/-]{0,1900}"
)

_DOMAINS = {"cn": "amazonaws.com.cn", "eusc": "amazonaws.eu"}
"""The domains of AWS's other partitions, by the first word of their regions."""


class Bedrock:
    """The adapter; it holds nothing."""

    name = PROVIDER_NAME
    fields: tuple[Field, ...] = (
        Field(
            "aws_region",
            "The AWS region whose models are used, such as eu-central-1",
            required=True,
            environment=("AWS_REGION", "AWS_DEFAULT_REGION"),
            header="x-portkey-aws-region",
            pattern=r"[a-z]{2,4}(-[a-z]{2,10}){1,3}-\d{1,2}",
            aliases=("awsRegion", "region"),
        ),
        Field(
            "aws_access_key_id",
            "An access key; without one the function's own role signs",
            environment=("AWS_ACCESS_KEY_ID",),
            header="x-portkey-aws-access-key-id",
            pattern=r"[A-Za-z0-9_]{1,128}",
            aliases=("awsAccessKeyId",),
        ),
        Field(
            "aws_secret_access_key",
            "The secret of the access key",
            secret=True,
            environment=("AWS_SECRET_ACCESS_KEY",),
            header="x-portkey-aws-secret-access-key",
            aliases=("awsSecretAccessKey",),
        ),
        Field(
            "aws_session_token",
            "The session token of temporary keys",
            secret=True,
            environment=("AWS_SESSION_TOKEN",),
            header="x-portkey-aws-session-token",
            aliases=("awsSessionToken",),
        ),
        Field(
            "api_key",
            "A Bedrock API key, sent instead of a signature",
            secret=True,
            environment=("AWS_BEARER_TOKEN_BEDROCK",),
            aliases=("apiKey",),
        ),
        Field(
            "custom_host",
            "Another origin than the region's own, with an optional path prefix",
            environment=("AWS_ENDPOINT_URL_BEDROCK_RUNTIME",),
            header="x-portkey-custom-host",
            pattern=r"https?://[A-Za-z0-9.:_\[\]-]+(/[A-Za-z0-9._~/-]*)?",
            aliases=("customHost", "base_url"),
            host=True,
        ),
        Field(
            "aws_bedrock_model",
            "The base model whose capabilities count, when the prompt's model is an opaque inference profile",
            header="x-portkey-aws-bedrock-model",
            pattern=r"[A-Za-z0-9._:/-]{1,512}",
            aliases=("awsBedrockModel", "base_model"),
        ),
        Field(
            "guardrail_identifier",
            "A guardrail that every request of this configuration passes through: its id or ARN",
            pattern=r"[a-z0-9]+|arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:\d{12}:guardrail/[a-z0-9]+",
            aliases=("guardrailIdentifier",),
        ),
        Field(
            "guardrail_version",
            "The guardrail's version, a number or DRAFT",
            pattern=r"[1-9]\d{0,7}|DRAFT",
            aliases=("guardrailVersion",),
        ),
        Field(
            "guardrail_trace",
            "Whether answers tell what the guardrail found",
            pattern=r"enabled|disabled|enabled_full",
            aliases=("guardrailTrace",),
        ),
    )
    capabilities = Capabilities(
        fetches_images=False,
        documents=True,
        reasoning=True,
        note="What a model takes depends on its family; images may also be s3:// addresses",
    )

    def build_request(self, call: ProviderCall, credentials: Mapping[str, str]) -> ProviderRequest:
        """Build the Converse request; see `Provider.build_request`."""
        draft = build_converse_body(call)
        dropped = tuple(draft.dropped)
        if call.stream:
            built = request_to(call.model, "converse-stream", draft.body, credentials)
            return replace(built, framing="aws-eventstream", dropped=dropped)
        return replace(request_to(call.model, "converse", draft.body, credentials), dropped=dropped)

    def parse_response(self, body: JsonObject, call: ProviderCall) -> Completion:
        """Turn an answer into a completion; see `Provider.parse_response`."""
        return parse_converse(body, call)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> PromptsideError:
        """Return the error of a refused request; see `Provider.parse_error`."""
        return parse_converse_error(status, headers, body)

    def stream_mapper(self, call: ProviderCall) -> StreamMapper:
        """Return the mapper of one stream."""
        return ConverseStream(call)


def request_to(model: str, operation: str, body: JsonObject, credentials: Mapping[str, str]) -> ProviderRequest:
    """Build a request to an operation of a model, signed or with an API key.

    Raises InvalidRequest for what is no model, or for half a pair of keys.
    """
    region = credentials["aws_region"]
    url = f"{_origin(credentials, region)}/model/{_quoted(model)}/{operation}"
    headers = {"content-type": "application/json"}
    signing = None
    if credentials.get("api_key"):
        headers["authorization"] = f"Bearer {credentials['api_key']}"
    else:
        signing = _signing(credentials, region)
    return ProviderRequest(url, encode_body(body), headers, signing=signing)


def _origin(credentials: Mapping[str, str], region: str) -> str:
    custom = credentials.get("custom_host")
    if custom:
        return custom.rstrip("/")
    domain = _DOMAINS.get(region.partition("-")[0], "amazonaws.com")
    return f"https://bedrock-runtime.{region}.{domain}"


def _quoted(model: str) -> str:
    """Return the model as one path segment. Raises InvalidRequest for what is neither an id nor an ARN."""
    if ".." in model or not (_MODEL_ID.fullmatch(model) or _MODEL_ARN.fullmatch(model)):
        raise InvalidRequest(
            "'model' must be a Bedrock model id, inference profile or ARN", param="model", code="invalid_model"
        )
    return quote(model, safe="")


def _signing(credentials: Mapping[str, str], region: str) -> SigV4:
    key, secret = credentials.get("aws_access_key_id"), credentials.get("aws_secret_access_key")
    if bool(key) != bool(secret):
        missing = "aws_secret_access_key" if key else "aws_access_key_id"
        raise InvalidRequest(
            f"bedrock: the field '{missing}' is missing; give both keys, or none to sign with the function's role",
            param=missing,
            code="invalid_provider_configuration",
        )
    if key is None:
        return SigV4("bedrock", region)
    return SigV4("bedrock", region, key, secret, credentials.get("aws_session_token"))


PROVIDER = Bedrock()

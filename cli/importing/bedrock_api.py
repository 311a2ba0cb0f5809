"""Gets prompts from Bedrock Prompt Management through boto3, with the credentials that the AWS tools find.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_ListPrompts.html, read 2026-11-23; the caller needs
`bedrock:ListPrompts` and `bedrock:GetPrompt`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from cli.importing.base import Access, Credential, Document, FetchFailed, Options
from promptside.schema.prompt import JsonObject

CREDENTIALS = (
    Credential("region", "AWS_REGION", required=False, secret=False),
    Credential("profile", "AWS_PROFILE", required=False, secret=False),
)
_DRAFT = "DRAFT"


def fetch(access: Access, options: Options) -> list[Document]:
    """Return one document for each version that is wanted: the newest, or all and the draft. Raises FetchFailed."""
    from boto3 import Session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        session = Session(
            region_name=access.values.get("region") or None, profile_name=access.values.get("profile") or None
        )
        client = session.client(
            "bedrock-agent",
            endpoint_url=access.base_url,
            config=Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=10, read_timeout=60),
        )
        return [
            Document(f"{answer['name']}, version {answer['version']}", answer)
            for answer in _answers(client, access, options)
        ]
    except ClientError as exc:
        error = exc.response.get("Error", {})
        raise FetchFailed(f"Bedrock: {exc.operation_name} failed with {error.get('Code')}") from exc
    except BotoCoreError as exc:
        raise FetchFailed(f"Bedrock: {str(exc).rstrip('.')}; check AWS_REGION, AWS_PROFILE and the network") from exc


def _answers(client: Any, access: Access, options: Options) -> Iterator[JsonObject]:
    prompts = list(_summaries(client))
    for number, prompt in enumerate(prompts, start=1):
        access.report(f"{number} of {len(prompts)} prompts")
        versions = [str(item["version"]) for item in _summaries(client, promptIdentifier=prompt["id"])]
        numbers = sorted((version for version in versions if version.isdecimal()), key=int)
        wanted = [*numbers, _DRAFT] if options.all_versions else [*numbers[-1:]] or [_DRAFT]
        for version in wanted:
            query = {} if version == _DRAFT else {"promptVersion": version}
            answer = client.get_prompt(promptIdentifier=prompt["id"], **query)
            del answer["ResponseMetadata"]
            yield _as_json(answer)


def _summaries(client: Any, **query: str) -> Iterator[JsonObject]:
    for page in client.get_paginator("list_prompts").paginate(**query):
        yield from page["promptSummaries"]


def _as_json(value: Any) -> Any:
    """Return the answer as `aws --output json` prints it: times as text."""
    if isinstance(value, dict):
        return {name: _as_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value

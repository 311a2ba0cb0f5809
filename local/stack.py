"""Builds the product over the local store: the same wiring as deployed, with other addresses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from cli.prompt_files import PromptFile
from local.environment import BotocoreChain, EnvironmentSecretStore
from local.front import Front, ManagementFunction
from local.options import Options
from local.seed import seed
from local.store import StoreFailed
from promptside.config import Settings
from promptside.errors import PromptsideError
from promptside.store.keys import ApiKeyStore
from promptside.store.tables import create_tables
from promptside.wiring import build_services, dynamodb_client, ssm_secrets

_EXAMPLE = "welcome"
_TABLE = "promptside"
_RUN_TABLE = "promptside-runs"


@dataclass(frozen=True, slots=True)
class Stack:
    """What the run needs of it. `example` is the prompt to show, if its file is there."""

    front: Front
    management: ManagementFunction
    secrets: EnvironmentSecretStore
    example: PromptFile | None
    notices: list[str]


def build_stack(options: Options, environment: Mapping[str, str], *, store_url: str, demo_url: str) -> Stack:
    """Create what is missing in the store and wire everything. Raises StoreFailed."""
    variables = function_environment(environment, store_url=store_url, demo_url=demo_url)
    # The management function reads its settings when it is imported, as it does on Lambda.
    os.environ.update(variables)  # noqa: TID251 - the local run plays Lambda's part
    settings = Settings.from_env({**environment, **variables})
    client = dynamodb_client(settings)
    try:
        create_tables(client, settings.table)
        create_tables(client, _RUN_TABLE)
        keys = ApiKeyStore(client, table=settings.table, workspace=settings.workspace)
        record = keys.ensure(options.api_key, "local", {"*"})
        seeded = seed(client, settings.table, options.examples)
    except PromptsideError as error:
        raise StoreFailed(f"The local store cannot be prepared: {error.message}") from error
    if record.status != "active":
        seeded.notices.append("The API key has been revoked: set PROMPTSIDE_API_KEY to another one")
    secrets = EnvironmentSecretStore(environment, ssm_secrets(settings), BotocoreChain())
    management = ManagementFunction()
    services = build_services(settings, secrets=secrets)
    return Stack(
        front=Front(services, management),
        management=management,
        secrets=secrets,
        example=seeded.prompts.get(_EXAMPLE),
        notices=seeded.notices,
    )


def function_environment(environment: Mapping[str, str], *, store_url: str, demo_url: str) -> dict[str, str]:
    """Return the variables that the functions get here; a user's own log level stays."""
    variables = {
        "PROMPTSIDE_TABLE": _TABLE,
        "PROMPTSIDE_RUN_TABLE": _RUN_TABLE,
        "PROMPTSIDE_SECRETS_PREFIX": "/promptside",
        "PROMPTSIDE_STORE_ENDPOINT": store_url,
        "PROMPTSIDE_DEMO_BASE_URL": f"{demo_url}/v1",
        "PROMPTSIDE_ALLOW_PRIVATE_HOSTS": "true",
        "PROMPTSIDE_ALLOWED_CUSTOM_HOSTS": "*",
        "PROMPTSIDE_LOG_LEVEL": environment.get("PROMPTSIDE_LOG_LEVEL") or "WARNING",
    }
    if not environment.keys() & {"AWS_EC2_METADATA_DISABLED", "AWS_PROFILE", "AWS_ROLE_ARN"}:
        # Without it, botocore spends seconds on looking for a machine's role that a laptop does not have.
        variables["AWS_EC2_METADATA_DISABLED"] = "true"
    return variables

"""Builds the product over the local store: the same wiring as deployed, with other addresses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.prompt_files import PromptFile
from local.containers import write_container_environment
from local.environment import BotocoreChain, EnvironmentSecretStore
from local.events import LocalEvents
from local.executions import MACHINE_ARN
from local.front import Front
from local.lazy import LazyFunction
from local.options import Options
from local.resources import BUCKET, BUS, DEAD_LETTERS, MAX_RECEIVE_COUNT, RESULTS, RUNS, QueueUrls
from local.seed import seed
from local.store import StoreFailed
from promptside.config import Settings
from promptside.errors import PromptsideError
from promptside.store.keys import ApiKeyStore
from promptside.store.tables import create_tables
from promptside.wiring import build_events, build_services, dynamodb_client, ssm_secrets

_EXAMPLE = "welcome"
_STATE_MACHINE = Path(__file__).resolve().parent.parent / "statemachines" / "batch.asl.json"
_TABLE = "promptside"
_RUN_TABLE = "promptside-runs"


@dataclass(frozen=True, slots=True)
class Stack:
    """What the run needs of it. `example` is the prompt to show, if its file is there."""

    front: Front
    functions: tuple[LazyFunction, ...]
    events: LocalEvents
    secrets: EnvironmentSecretStore
    example: PromptFile | None
    notices: list[str]


def build_stack(options: Options, environment: Mapping[str, str], *, store_url: str, demo_url: str) -> Stack:
    """Create what is missing in the store and wire everything. Raises StoreFailed."""
    variables = function_environment(environment, store_url=store_url, demo_url=demo_url)
    # The management function reads its settings when it is imported, as it does on Lambda.
    os.environ.update(variables)  # noqa: TID251 - the local run plays Lambda's part
    write_container_environment(options.state_directory, variables)
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

    def use_environment(module: Any) -> None:
        # On Lambda, provider secrets are in SSM only.
        module.events = build_events(settings, secrets=secrets)

    management, records = LazyFunction("functions.prompts.app"), LazyFunction("functions.runs.app")
    orders = LazyFunction("functions.events.app", use_environment)
    events = LocalEvents(store_url, options.state_directory, orders, _STATE_MACHINE)
    services = build_services(settings, secrets=secrets)
    return Stack(
        front=Front(services, management, records, events.wait),
        functions=(management, records, orders),
        events=events,
        secrets=secrets,
        example=seeded.prompts.get(_EXAMPLE),
        notices=seeded.notices,
    )


def function_environment(environment: Mapping[str, str], *, store_url: str, demo_url: str) -> dict[str, str]:
    """Return the variables that the functions get here; a user's own log level stays."""
    queues = QueueUrls(store_url)
    variables = {
        "PROMPTSIDE_TABLE": _TABLE,
        "PROMPTSIDE_RUN_TABLE": _RUN_TABLE,
        "PROMPTSIDE_SECRETS_PREFIX": "/promptside",
        "PROMPTSIDE_STORE_ENDPOINT": store_url,
        "PROMPTSIDE_DEMO_BASE_URL": f"{demo_url}/v1",
        "PROMPTSIDE_ALLOW_PRIVATE_HOSTS": "true",
        "PROMPTSIDE_ALLOWED_CUSTOM_HOSTS": "*",
        "PROMPTSIDE_BUCKET": BUCKET,
        "PROMPTSIDE_QUEUE_URL": queues.of(RUNS),
        "PROMPTSIDE_DEAD_LETTER_QUEUE_URL": queues.of(DEAD_LETTERS),
        "PROMPTSIDE_MAX_RECEIVE_COUNT": str(MAX_RECEIVE_COUNT),
        "PROMPTSIDE_EVENT_BUS": BUS,
        "PROMPTSIDE_RESULT_TARGETS": "eventbridge",
        "PROMPTSIDE_RESULT_QUEUES": queues.of(RESULTS),
        "PROMPTSIDE_WEBHOOK_HOSTS": "127.0.0.1,localhost",
        "PROMPTSIDE_STATE_MACHINE": MACHINE_ARN,
        # Metrics are lines for CloudWatch; people have the run records.
        "POWERTOOLS_METRICS_DISABLED": "true",
        "PROMPTSIDE_LOG_LEVEL": environment.get("PROMPTSIDE_LOG_LEVEL") or "WARNING",
    }
    if not environment.keys() & {"AWS_EC2_METADATA_DISABLED", "AWS_PROFILE", "AWS_ROLE_ARN"}:
        # Without it, botocore spends seconds on looking for a machine's role that a laptop does not have.
        variables["AWS_EC2_METADATA_DISABLED"] = "true"
    return variables

"""Every environment variable of the functions, typed and read once at start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from promptside.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Settings:
    """What the stack tells its functions. Times are seconds."""

    table: str
    secrets_prefix: str
    workspace: str = "default"
    run_table: str | None = None
    """Where claims of runs are kept; without it, calls with an Idempotency-Key are refused."""
    region: str = "us-east-1"
    allowed_custom_hosts: tuple[str, ...] = ()
    allow_private_hosts: bool = False
    iam_callers: bool = False
    """Whether callers that IAM has let in need no API key."""
    log_level: str = "INFO"
    secret_ttl_seconds: float = 300.0
    keep_alive_seconds: float = 15.0
    request_seconds: float = 840.0
    connect_seconds: float = 5.0
    first_byte_seconds: float = 280.0
    idle_seconds: float = 120.0
    demo_base_url: str | None = None
    """Where the demo provider listens; set by the local run only."""
    bucket: str | None = None
    """The bucket of files, batches and large results."""
    queue_url: str | None = None
    """The queue of run requests."""
    dead_letter_queue_url: str | None = None
    """Where messages go that cannot be run. Those of FIFO queues go to the FIFO queue of the same name and `.fifo`."""
    max_receive_count: int = 5
    """Deliveries of a message before it is given up: that of the queue's own redrive policy."""
    event_bus: str | None = None
    """The bus that completed and failed runs are announced on."""
    result_targets: tuple[str, ...] = ()
    """Where results go that say nothing of it themselves: `eventbridge`, `s3`, `s3:prefix`, `sqs:url`, or a URL."""
    result_queues: tuple[str, ...] = ()
    """URLs of the queues that an order may name as its target."""
    webhook_hosts: tuple[str, ...] = ()
    """Hosts that an order may name as its target."""
    state_machine: str | None = None
    """ARN of the state machine that runs batches."""
    event_concurrency: int = 10
    """Runs at the same time in one environment of the events function."""
    batch_concurrency: int = 10
    """Parts of a batch that run at the same time, each in an environment of its own."""
    record_days: int = 30
    """How long run records and batches are kept."""
    store_endpoint: str | None = None
    """Where DynamoDB and SSM are answered instead of AWS; set by the local run only."""

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings. Raises ConfigurationError that names a missing or malformed variable."""
        env = os.environ if environment is None else environment  # noqa: TID251 - this is the one place that reads it
        return cls(
            table=_required(env, "PROMPTSIDE_TABLE"),
            secrets_prefix=_required(env, "PROMPTSIDE_SECRETS_PREFIX").rstrip("/"),
            workspace=env.get("PROMPTSIDE_WORKSPACE", "default"),
            run_table=env.get("PROMPTSIDE_RUN_TABLE") or None,
            region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "us-east-1",
            allowed_custom_hosts=_list(env.get("PROMPTSIDE_ALLOWED_CUSTOM_HOSTS", "")),
            allow_private_hosts=env.get("PROMPTSIDE_ALLOW_PRIVATE_HOSTS", "") == "true",
            iam_callers=env.get("PROMPTSIDE_IAM_CALLERS", "") == "true",
            log_level=env.get("PROMPTSIDE_LOG_LEVEL", "INFO"),
            secret_ttl_seconds=_seconds(env, "PROMPTSIDE_SECRET_TTL_SECONDS", 300.0),
            keep_alive_seconds=_seconds(env, "PROMPTSIDE_KEEP_ALIVE_SECONDS", 15.0),
            request_seconds=_seconds(env, "PROMPTSIDE_REQUEST_SECONDS", 840.0),
            connect_seconds=_seconds(env, "PROMPTSIDE_CONNECT_SECONDS", 5.0),
            first_byte_seconds=_seconds(env, "PROMPTSIDE_FIRST_BYTE_SECONDS", 280.0),
            idle_seconds=_seconds(env, "PROMPTSIDE_IDLE_SECONDS", 120.0),
            demo_base_url=env.get("PROMPTSIDE_DEMO_BASE_URL") or None,
            bucket=env.get("PROMPTSIDE_BUCKET") or None,
            queue_url=env.get("PROMPTSIDE_QUEUE_URL") or None,
            dead_letter_queue_url=env.get("PROMPTSIDE_DEAD_LETTER_QUEUE_URL") or None,
            max_receive_count=round(_number(env, "PROMPTSIDE_MAX_RECEIVE_COUNT", 5, "deliveries")),
            event_bus=env.get("PROMPTSIDE_EVENT_BUS") or None,
            result_targets=_texts(env.get("PROMPTSIDE_RESULT_TARGETS", "")),
            result_queues=_texts(env.get("PROMPTSIDE_RESULT_QUEUES", "")),
            webhook_hosts=_list(env.get("PROMPTSIDE_WEBHOOK_HOSTS", "")),
            state_machine=env.get("PROMPTSIDE_STATE_MACHINE") or None,
            event_concurrency=round(_number(env, "PROMPTSIDE_EVENT_CONCURRENCY", 10, "runs")),
            batch_concurrency=round(_number(env, "PROMPTSIDE_BATCH_CONCURRENCY", 10, "parts")),
            record_days=round(_number(env, "PROMPTSIDE_RECORD_DAYS", 30, "days")),
            store_endpoint=env.get("PROMPTSIDE_STORE_ENDPOINT") or None,
        )


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    if not value:
        raise ConfigurationError(f"The environment variable {name} is not set", param=name)
    return value


def _texts(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _list(text: str) -> tuple[str, ...]:
    return _texts(text.lower())


def _number(env: Mapping[str, str], name: str, default: float, unit: str) -> float:
    text = env.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError as exc:
        raise ConfigurationError(f"The environment variable {name} must be a number of {unit}", param=name) from exc
    if value <= 0:
        raise ConfigurationError(f"The environment variable {name} must be above zero", param=name)
    return value


def _seconds(env: Mapping[str, str], name: str, default: float) -> float:
    return _number(env, name, default, "seconds")

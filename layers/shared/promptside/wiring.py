"""The composition root: the only place that builds AWS clients, transports and stores."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from promptside.config import Settings
from promptside.errors import ConfigurationError
from promptside.log import set_level
from promptside.routing.breakers import Breakers
from promptside.services import Services
from promptside.store.answers import AnswerStore
from promptside.store.base import SecretStore
from promptside.store.breakers import BreakerStore
from promptside.store.claims import ClaimStore
from promptside.store.reader import DynamoPromptReader
from promptside.store.secrets import SsmSecretStore
from promptside.transport.http import HttpTransport

if TYPE_CHECKING:
    from promptside.api.run_routes import RunServices
    from promptside.batches.file_services import FileServices
    from promptside.events.results.webhook import Webhooks
    from promptside.events.services import EventServices
    from promptside.management.services import ManagementServices
    from promptside.store.runs import RunStore
    from promptside.store.usage import UsageStore
    from promptside.store.vectors import VectorStore

_STORE_TIMEOUT_SECONDS = 2
_OBJECT_TIMEOUT_SECONDS = 10


def build_services(settings: Settings, *, secrets: SecretStore | None = None) -> Services:
    """Build what a run needs; `secrets` replaces the SSM store in local runs."""
    return _services(settings, reading_client(settings), secrets or ssm_secrets(settings))


def build_events(settings: Settings, *, secrets: SecretStore | None = None) -> EventServices:
    """Build what event-driven runs need. Raises ConfigurationError without a run table, or for unknown targets."""
    from promptside.events.recording import StoredRunRecords
    from promptside.events.results.dispatch import ResultDispatch
    from promptside.events.services import EventServices

    table_client = reading_client(settings)
    secrets = secrets or ssm_secrets(settings)
    runs = run_store(settings, table_client)
    client = shared_clients(settings)
    return EventServices(
        _services(settings, table_client, secrets),
        StoredRunRecords(runs, settings),
        ResultDispatch(settings, client=client, webhooks=_webhooks(settings, secrets), runs=runs),
        client=client,
    )


def _services(settings: Settings, client: Any, secrets: SecretStore) -> Services:
    set_level(settings.log_level)
    claims, breakers, answers, vectors = None, None, None, None
    if settings.run_table is not None:
        claims = ClaimStore(client, table=settings.run_table, workspace=settings.workspace)
        answers = AnswerStore(client, table=settings.run_table, workspace=settings.workspace, new_id=new_id)
        vectors = _vectors(client, table=settings.run_table, workspace=settings.workspace)
        breakers = BreakerStore(client, table=settings.run_table, workspace=settings.workspace)
    return Services(
        prompts=DynamoPromptReader(client, table=settings.table, workspace=settings.workspace),
        secrets=secrets,
        transport=HttpTransport(allow_private_hosts=settings.allow_private_hosts),
        settings=settings,
        clock=time.time,
        new_id=new_id,
        claims=claims,
        answers=answers,
        vectors=vectors,
        breakers=Breakers(breakers),
        usage=_usage(settings, client),
    )


def _vectors(client: Any, *, table: str, workspace: str) -> Callable[[], VectorStore]:
    @cache
    def vectors() -> VectorStore:
        # Most caches are simple ones.
        from promptside.store.vectors import VectorStore

        return VectorStore(client, table=table, workspace=workspace)

    return vectors


def _usage(settings: Settings, client: Any) -> Callable[[], UsageStore]:
    @cache
    def usage() -> UsageStore:
        # Most runs are under no limits.
        from promptside.store.usage import UsageStore

        return UsageStore(client, rates=settings.run_table, budgets=settings.table, workspace=settings.workspace)

    return usage


def build_management(settings: Settings) -> ManagementServices:
    """Build what prompt management needs."""
    # Only one function manages prompts; the others need not import how.
    from promptside.management.services import ManagementServices
    from promptside.store.configs import config_store
    from promptside.store.keys import ApiKeyStore
    from promptside.store.lists import CollectionStore, LabelStore
    from promptside.store.partials import partial_store
    from promptside.store.prompts import prompt_store
    from promptside.store.usage import UsageStore
    from promptside.store.virtual_keys import VirtualKeyStore

    set_level(settings.log_level)
    client = dynamodb_client(settings)
    table, workspace = settings.table, settings.workspace
    return ManagementServices(
        prompts=prompt_store(client, table=table, workspace=workspace),
        partials=partial_store(client, table=table, workspace=workspace),
        labels=LabelStore(client, table=table, workspace=workspace),
        collections=CollectionStore(client, table=table, workspace=workspace),
        keys=ApiKeyStore(client, table=table, workspace=workspace),
        virtual_keys=VirtualKeyStore(client, table=table, workspace=workspace),
        configs=config_store(client, table=table, workspace=workspace),
        secrets=ssm_secrets(settings),
        reader=DynamoPromptReader(client, table=table, workspace=workspace),
        settings=settings,
        usage=UsageStore(client, rates=settings.run_table, budgets=table, workspace=workspace),
        workspace=workspace,
    )


def build_runs(settings: Settings) -> RunServices:
    """Build what run records need over HTTP. Raises ConfigurationError without a run table."""
    from promptside.api.run_routes import RunServices

    set_level(settings.log_level)
    client = dynamodb_client(settings)
    reader = DynamoPromptReader(client, table=settings.table, workspace=settings.workspace)
    return RunServices(reader, run_store(settings, client), settings)


def build_files(settings: Settings) -> FileServices:
    """Build what files, uploads and batches need over HTTP. Raises ConfigurationError without a table or a bucket."""
    from promptside.batches.file_services import FileServices
    from promptside.batches.objects import Objects
    from promptside.batches.outside import batch_services
    from promptside.store.patience import Patience
    from promptside.store.uploads import UploadStore

    client = shared_clients(settings)
    batches = batch_services(_services(settings, client("dynamodb"), ssm_secrets(settings)), client)
    # A caller waits: two attempts that run out of time must fit into the front doors' own.
    patience = Patience(total_seconds=_OBJECT_TIMEOUT_SECONDS + 2)
    batches = replace(batches, objects=Objects(client("s3"), bucket=batches.objects.bucket, patience=patience))
    uploads = UploadStore(client("dynamodb"), table=str(settings.run_table), workspace=settings.workspace)
    return FileServices(batches, batches.files, uploads, clock=time.time, days=settings.record_days)


def run_store(settings: Settings, client: Any) -> RunStore:
    """Return the store of run records. Raises ConfigurationError without a run table."""
    from promptside.store.runs import RunStore

    if settings.run_table is None:
        raise ConfigurationError(
            "The environment variable PROMPTSIDE_RUN_TABLE is not set", param="PROMPTSIDE_RUN_TABLE"
        )
    return RunStore(client, table=settings.run_table, workspace=settings.workspace, days=settings.record_days)


def dynamodb_client(settings: Settings) -> Any:
    """Return the DynamoDB client; retries are ours, within the request's own time."""
    return _client("dynamodb", settings)


def ssm_secrets(settings: Settings) -> SsmSecretStore:
    """Return the store of provider secrets."""
    return SsmSecretStore(
        _client("ssm", settings),
        prefix=settings.secrets_prefix,
        ttl_seconds=settings.secret_ttl_seconds,
        clock=time.monotonic,
    )


def shared_clients(settings: Settings) -> Callable[[str], Any]:
    """Return what gives the AWS client of a service: made when it is first asked for, one for all threads."""
    clients: dict[str, Any] = {}
    lock = threading.Lock()

    def client(service: str) -> Any:
        # botocore's session must not make two clients at the same time.
        with lock:
            if service not in clients:
                clients[service] = _client(service, settings)
            return clients[service]

    return client


def _webhooks(settings: Settings, secrets: SecretStore) -> Callable[[], Webhooks]:
    @cache
    def webhooks() -> Webhooks:
        from promptside.events.results.webhook import Webhooks
        from promptside.transport.client import HttpClient

        return Webhooks(HttpClient(allow_private_hosts=settings.allow_private_hosts), secrets)

    return webhooks


def new_id() -> str:
    """Return random text for ids."""
    return uuid.uuid4().hex


def reading_client(settings: Settings) -> Any:
    """Return the client that runs read with: the one call they all make goes a shorter way."""
    from promptside.transport.client import HttpClient
    from promptside.transport.dynamodb import BatchReader

    # The table is the operator's own, so a private address (a VPC endpoint, the local engine) is as good as any.
    http = HttpClient(allow_private_hosts=True)
    session = _session(settings.store_endpoint is not None)
    return BatchReader(_client("dynamodb", settings), session, http, seconds=_STORE_TIMEOUT_SECONDS)


def _client(service: str, settings: Settings) -> Any:
    from botocore.config import Config

    config = Config(
        connect_timeout=_STORE_TIMEOUT_SECONDS,
        read_timeout=_OBJECT_TIMEOUT_SECONDS if service == "s3" else _STORE_TIMEOUT_SECONDS,
        # The store repeats what failed by itself, with pauses that fit into a request.
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=64,
        # Every argument is built by our own code; checking them again costs a tenth of a millisecond a call.
        parameter_validation=False,
    )
    if service == "s3":
        # Links to objects name the region's own host, to which a new bucket would redirect otherwise.
        style = "virtual" if settings.store_endpoint is None else "path"
        config = config.merge(Config(signature_version="s3v4", s3={"addressing_style": style}))
    return _session(settings.store_endpoint is not None).create_client(
        service, region_name=settings.region, endpoint_url=settings.store_endpoint, config=config
    )


@cache
def _session(local: bool) -> Any:
    """Return the process's AWS session: boto3's own core, without the 50 ms that its transfer helpers take to import.

    All clients share it, so that endpoint and service data are loaded once.
    """
    from botocore.session import Session

    session = Session()
    if local:
        # The user's own AWS credentials, if any, are for Bedrock: the local store must neither need nor see them.
        session.set_credentials("local", "local")
    return session

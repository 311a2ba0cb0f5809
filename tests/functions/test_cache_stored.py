"""A semantic cache with everything where a stack has it: prompt, config, virtual key and vectors in tables."""

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from promptside.schema.prompt import ConfigVersion
from promptside.store.configs import config_store
from promptside.store.records import Pointer
from promptside.store.versioned import version_id
from tests.engines import Engine
from tests.functions.test_cache import Cached
from tests.functions.test_cache_semantic import FORGOT, INVOICE, RESET, respond
from tests.store_proxy import StoreProxy
from tests.stored import TIME, Stored
from tests.upstream import Upstream

CONFIG = {
    "virtual_key": "main",
    "cache": {"mode": "semantic", "max_age": 60, "embedding": {"virtual_key": "vectors"}},
}


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as made:
        made.default = respond
        yield made


def store_config(stored: Stored) -> None:
    identity = str(uuid.uuid4())
    version = ConfigVersion("pc-main", identity, 1, version_id(identity, 1), dict(CONFIG), TIME)
    pointer = Pointer("pc-main", identity, "main", published=1, latest=1, created_at=TIME, updated_at=TIME)
    config_store(stored.client, table=stored.table).create(pointer, version)


def test_a_stored_config_with_vectors_of_another_virtual_key_reads_all_in_one_round_trip(
    engine: Engine, upstream: Upstream
) -> None:
    stored = Stored(engine)
    stored.prompt("pp-help", '[{"role": "user", "content": "{{name}}"}]')
    stored.virtual_key("main", "openai", {})
    stored.virtual_key("vectors", "fireworks-ai", {})
    store_config(stored)
    headers = {"x-portkey-api-key": stored.keys.create("caller", ("*",)).key, "x-portkey-config": "pc-main"}
    with StoreProxy(engine.url) as proxy:
        product = Cached(engine, upstream, url=proxy.url).product
        reader = stored.reader(client=engine.new_reads(url=proxy.url))
        product.services = replace(product.services, prompts=reader)

        def ask(question: str) -> str:
            response = product.post(
                {"variables": {"name": question}}, path="/v1/prompts/pp-help/completions", headers=headers
            )
            return response.headers["x-portkey-cache-status"]

        statuses = [ask(question) for question in (RESET, FORGOT, RESET, INVOICE)]
        proxy.operations.clear()
        statuses.append(ask(FORGOT))

    assert statuses == ["SEMANTIC MISS", "SEMANTIC HIT", "HIT", "SEMANTIC MISS", "SEMANTIC HIT"]
    assert proxy.operations == ["BatchGetItem", "GetItem", "Query", "GetItem"]
    models = [request.json()["model"] for request in upstream.requests]
    assert models.count("fireworks/qwen3-embedding-8b") == 4
    assert models.count("m1") == 2

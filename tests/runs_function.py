"""`functions/runs/app.py` as it is deployed, over an engine, called with the events of its front doors."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from promptside.store.keys import ApiKeyStore
from promptside.store.runs import RunStore
from tests.engines import REGION, Engine
from tests.function_modules import import_function

KEY = "ps-key-that-may-do-everything"


@dataclass
class RunsFunction:
    """The function's handler, the store behind it, and keys with scopes of their own."""

    handler: Callable[[dict[str, Any], Any], dict[str, Any]]
    engine: Engine
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def runs(self) -> RunStore:
        return RunStore(self.engine.client("dynamodb"), table=self.environment["PROMPTSIDE_RUN_TABLE"])

    def new_key(self, *scopes: str) -> str:
        """Store a key that may do this and nothing else."""
        key = f"ps-{uuid.uuid4().hex}"
        ApiKeyStore(self.engine.client("dynamodb"), table=self.environment["PROMPTSIDE_TABLE"]).ensure(
            key, "tests", set(scopes)
        )
        return key


@contextmanager
def runs_function(engine: Engine, *, environment: Mapping[str, str] | None = None) -> Iterator[RunsFunction]:
    """Import the function afresh with the environment of a stack over `engine`, and a key that may do everything."""
    variables = {
        "PROMPTSIDE_TABLE": engine.new_table(),
        "PROMPTSIDE_RUN_TABLE": engine.new_table(),
        "PROMPTSIDE_SECRETS_PREFIX": engine.new_prefix(),
        "PROMPTSIDE_STORE_ENDPOINT": engine.url,
        "AWS_REGION": REGION,
        **(environment or {}),
    }
    ApiKeyStore(engine.client("dynamodb"), table=variables["PROMPTSIDE_TABLE"]).ensure(KEY, "tests", {"*"})
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in variables.items():
            patch.setenv(variable, value)
        module = import_function("runs")
        yield RunsFunction(module.handler, engine, variables)

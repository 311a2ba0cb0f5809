"""The built functions with everything around them on loopback: tables, secrets and a provider.

The code is what `make build` made, and it runs in a Python that sees nothing but the layer and what the managed runtime
has: the real runtime client for buffered functions, our own for the streaming one.
"""

from __future__ import annotations

import http.client
import json
import os
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from promptside.schema.prompt import PromptVersion
from promptside.store.keys import ApiKeyStore
from promptside.store.prompts import prompt_store
from promptside.store.records import Pointer
from tests.engines import Engine, free_port
from tests.functions.runtime_api import PATIENCE_SECONDS, Runtime, RuntimeApi, interpreter, running_runtime
from tests.infra.stack import BUILD_HINT, HOST_LAYER, ROOT, functions
from tests.upstream import Upstream

API_KEY = "psk-example-0123456789"
"""The key in the event files."""

RUNTIME_PACKAGES = ("awslambdaric", "simplejson", "snapshot_restore_py.py", "runtime_client*.so")
"""What the managed runtime itself has in LAMBDA_RUNTIME_DIR."""


def load_event(name: str) -> dict[str, Any]:
    """Return one of the event files."""
    event: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return event


@dataclass
class Deployment:
    """One stack on loopback, with the prompt `welcome`, an API key and a provider that is `upstream`."""

    engine: Engine
    folder: Path
    upstream: Upstream
    table: str = ""
    run_table: str = ""
    prefix: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Create the table, the prompt, the key and the provider's secret."""
        self.table = self.table or self.engine.new_table()
        self.run_table = self.run_table or self.engine.new_table()
        self.prefix = self.prefix or self.engine.new_prefix()
        client = self.engine.client("dynamodb")
        ApiKeyStore(client, table=self.table).ensure(API_KEY, "events", {"*"})
        prompt_store(client, table=self.table).create(*_welcome())
        self.engine.client("ssm").put_parameter(
            Name=f"{self.prefix}/providers/openai",
            Type="SecureString",
            Value=json.dumps({"api_key": "sk-provider", "custom_host": f"{self.upstream.url}/v1"}),
        )

    def command(self, function: str) -> list[str]:
        """Return what starts the function's runtime, as Lambda would run it."""
        wrapper = self._variables(function).get("AWS_LAMBDA_EXEC_WRAPPER")
        if wrapper is None:
            return [interpreter(), "-m", "awslambdaric", "app.handler"]
        return [str(HOST_LAYER / Path(wrapper).name), interpreter(), "/var/runtime/bootstrap.py"]

    def variables(self, function: str) -> dict[str, str]:
        """Return the function's environment: the template's variables, with this stack's values."""
        runtime = _runtime_directory(self.folder)
        values = {
            "PROMPTSIDE_TABLE": self.table,
            "PROMPTSIDE_RUN_TABLE": self.run_table,
            "PROMPTSIDE_SECRETS_PREFIX": self.prefix,
            "PROMPTSIDE_ALLOWED_CUSTOM_HOSTS": "",
            "PROMPTSIDE_IAM_CALLERS": "false",
            "PROMPTSIDE_LOG_LEVEL": "DEBUG",
            **self.environment,
        }
        own = {name: values.get(name, value) for name, value in self._variables(function).items()}
        assert all(isinstance(value, str) for value in own.values()), f"a variable of {function} has no value here"
        return {
            **own,
            "PROMPTSIDE_ALLOW_PRIVATE_HOSTS": "true",
            "AWS_ENDPOINT_URL": self.engine.url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "LAMBDA_RUNTIME_DIR": str(runtime),
            "PYTHONPATH": f"{HOST_LAYER / 'python'}:{self.code(function)}:{runtime}",
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.environment,
        }

    def code(self, function: str) -> Path:
        """Return the folder of the built function."""
        built = ROOT / ".aws-sam" / "build" / "template.yaml"
        if not built.is_file() or not (HOST_LAYER / "built").is_file():
            pytest.fail(f"The functions are not built. {BUILD_HINT}")
        code_uri: str = yaml.safe_load(built.read_text())["Resources"][function]["Properties"]["CodeUri"]
        return (built.parent / code_uri).resolve()

    @contextmanager
    def running(self, function: str, api: RuntimeApi) -> Iterator[Runtime]:
        """Run the function against a loopback Runtime API."""
        with running_runtime(
            api,
            self.code(function),
            self.folder / f"{function}.log",
            command=self.command(function),
            environment=self.variables(function),
        ) as runtime:
            yield runtime

    @contextmanager
    def emulated(self, function: str) -> Iterator[Emulator]:
        """Run the function under AWS's own runtime interface emulator."""
        addresses = [f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"]
        command = [str(_emulator_binary(self.folder)), "--runtime-interface-emulator-address", addresses[0]]
        command += ["--runtime-api-address", addresses[1], *self.command(function)]
        variables = {
            "PATH": os.defpath,
            "_HANDLER": "app.handler",
            "LAMBDA_TASK_ROOT": str(self.code(function)),
            "AWS_REGION": "us-east-1",
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            **self.variables(function),
        }
        log_path = self.folder / f"{function}-emulator.log"
        with log_path.open("wb") as log:
            process = subprocess.Popen(command, cwd=self.code(function), env=variables, stdout=log, stderr=log)
        try:
            _wait_until_listening(addresses[0], process, log_path)
            yield Emulator(addresses[0], log_path)
        finally:
            process.terminate()
            process.wait()

    def _variables(self, function: str) -> dict[str, Any]:
        shared = functions()[function]
        everywhere = _global_variables()
        return {**everywhere, **shared.get("Environment", {}).get("Variables", {})}


@dataclass(frozen=True)
class Emulator:
    """A running emulator. It crashes on overlapping invokes: one request at a time."""

    address: str
    log_path: Path

    def invoke(self, event: Mapping[str, Any]) -> bytes:
        """Return the function's whole payload."""
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE_SECONDS)
        try:
            connection.request("POST", "/2015-03-31/functions/function/invocations", json.dumps(event).encode())
            answer = connection.getresponse()
            assert answer.status == 200, self.log_path.read_text()
            return answer.read()
        finally:
            connection.close()


def _global_variables() -> dict[str, Any]:
    from tests.infra.stack import template

    variables: dict[str, Any] = template()["Globals"]["Function"]["Environment"]["Variables"]
    return variables


def _welcome() -> tuple[Pointer, PromptVersion]:
    identifier = str(uuid.uuid4())
    messages = [{"role": "user", "content": "Welcome {{name}} of {{company}}, who wants to {{goal}}."}]
    version = PromptVersion(
        slug="welcome",
        prompt_id=identifier,
        version=1,
        version_id=str(uuid.uuid4()),
        kind="chat",
        string=json.dumps(messages),
        model="gpt-4o-mini",
        virtual_key="openai",
        parameters={"max_tokens": 400},
        created_at="2026-11-22T10:00:00Z",
    )
    pointer = Pointer(
        slug="welcome", id=identifier, name="Welcome", published=1, latest=1, created_at=version.created_at
    )
    return pointer, version


def _runtime_directory(folder: Path) -> Path:
    """Return a folder with only what the managed runtime has, as links into this environment's packages."""
    runtime = folder / "runtime"
    if not runtime.is_dir():
        runtime.mkdir()
        packages = Path(next(path for path in sys.path if path.endswith("site-packages")))
        for pattern in RUNTIME_PACKAGES:
            for path in packages.glob(pattern):
                (runtime / path.name).symlink_to(path)
    return runtime


def _emulator_binary(folder: Path) -> Path:
    """Return an executable copy of the emulator that the SAM command line carries."""
    copy = folder / "aws-lambda-rie"
    if not copy.exists():
        machine = "arm64" if os.uname().machine in {"arm64", "aarch64"} else "x86_64"
        found = list(
            (ROOT / ".venv-sam").glob(f"lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}")
        )
        assert found, "The SAM command line is missing: run `make .venv-sam/installed`"
        copy.write_bytes(found[0].read_bytes())
        copy.chmod(copy.stat().st_mode | stat.S_IXUSR)
    return copy


def _wait_until_listening(address: str, process: subprocess.Popen[bytes], log_path: Path) -> None:
    host, _, port = address.partition(":")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log_path.read_text()
        try:
            connection = http.client.HTTPConnection(host, int(port), timeout=1)
            connection.connect()
        except OSError:
            time.sleep(0.01)
        else:
            connection.close()
            return
    pytest.fail(f"The emulator does not listen: {log_path.read_text()}")

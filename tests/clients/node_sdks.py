"""The Node SDKs `portkey-ai` and `openai`, behind one Node process that makes calls for all tests."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.clients.outcome import Failure, Outcome, Sdk

FOLDER = Path(__file__).parent
_SPECIAL = {"api_key": "apiKey", "base_url": "baseURL", "trace_id": "traceID", "Authorization": "Authorization"}
_BODY = {"prompt_id": "promptID", "sub_type": "sub-type"}
_STOP_SECONDS = 5.0


class NodeDriver:
    """The running `driver.mjs`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def step(self, sdk: str, options: Mapping[str, Any], method: str, *args: Any) -> Outcome:
        """Make one call with a new client and return what came of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        step = {"sdk": sdk, "options": options, "method": method, "args": args}
        self._process.stdin.write(json.dumps(step) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the Node driver has ended"
        outcome = json.loads(line)
        if "error" in outcome:
            outcome["error"] = Failure(**outcome["error"])
        return Outcome(**outcome)


class NodeSdk:
    """npm's `portkey-ai`. Options and keys are given in Python's spelling."""

    name = "node"

    def __init__(self, options: Mapping[str, Any], driver: NodeDriver) -> None:
        self._options = options
        self._driver = driver

    def using(self, **options: Any) -> Sdk:
        """Return a client with other options."""
        return NodeSdk({**self._options, **options}, self._driver)

    def call(self, method: str, *args: str, **body: Any) -> Outcome:
        """Make a call."""
        options = {_camel(name): value for name, value in self._options.items()}
        named = {_BODY.get(name, name): value for name, value in body.items()}
        return self._driver.step("portkey", options, _camel(method), *args, *([named] if named else []))


@contextmanager
def node_driver() -> Iterator[NodeDriver]:
    """Start the driver and stop it."""
    node = shutil.which("node")
    assert node is not None
    assert (FOLDER / "node_modules").is_dir(), "run npm ci in tests/clients, as make test does"
    process = subprocess.Popen(
        [node, "driver.mjs"], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    with process:
        try:
            yield NodeDriver(process)
            assert process.stdin is not None
            # The end of its input is the end of the driver.
            process.stdin.close()
            process.wait(_STOP_SECONDS)
        finally:
            process.kill()


def missing() -> str | None:
    """Return why the Node SDKs cannot run here, or None."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "needs Node and npm for the Node SDKs"
    return None


def _camel(name: str) -> str:
    return _SPECIAL.get(name) or re.sub(r"_([a-z])", lambda match: match[1].upper(), name)

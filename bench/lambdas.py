"""The built streaming function through a loopback Runtime API, against a handler that does nothing there."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any, cast

from bench.client import Side
from bench.processes import free_port, running
from bench.report import Row, median, percentile
from tests.engines import ministack
from tests.functions.deployed import Deployment, load_event
from tests.functions.runtime_api import RuntimeApi, running_runtime
from tests.upstream import Upstream

CALLS = 500
_NOTHING = """
from promptside.api.http import HttpResponse

def handler(event, context):
    return HttpResponse(200, {"content-type": "application/json"}, b"{}")
"""


class _Provider:
    """Stands where the tests have their scriptable upstream."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"


def measure(store: list[float]) -> list[Row]:
    """Return the rows; `store` holds the round trips of the store, in milliseconds."""
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as name,
        running("bench.upstream", str(port), port=port, environment={}),
        ministack() as engine,
        RuntimeApi() as api,
        RuntimeApi() as idle_api,
    ):
        folder = Path(name)
        deployment = Deployment(engine, folder, cast("Upstream", _Provider(port)))
        deployment.environment["PROMPTSIDE_LOG_LEVEL"] = "INFO"
        (folder / "app.py").write_text(_NOTHING)
        with (
            deployment.running("StreamingFunction", api),
            running_runtime(
                idle_api,
                folder,
                folder / "idle.log",
                command=deployment.command("StreamingFunction"),
                environment=deployment.variables("StreamingFunction"),
            ),
        ):
            return _compare(api, idle_api, port, store)


def _compare(api: RuntimeApi, idle_api: RuntimeApi, port: int, store: list[float]) -> list[Row]:
    event = load_event("completion-rest-v1")
    messages: list[Any] = [{"role": "user", "content": "Say something about " + "benchmarks " * 20}]
    direct = Side("direct", port, "/v1/chat/completions", {"messages": messages})
    ours: list[float] = []
    idle: list[float] = []
    for _ in range(50 + CALLS):
        direct.call()
        idle.append(_invoke(idle_api, event))
        ours.append(_invoke(api, event))
    added = [mine - nothing for mine, nothing in zip(ours[50:], idle[50:], strict=True)]
    expected = median(direct.plain[50:]) + median(store)
    return [
        Row("a handler that does nothing, median", median(idle[50:]), "ms", note="the Runtime API's own share"),
        Row("streaming function adds, median", median(added) - expected, "ms", 0.7, "without upstream and store"),
        Row("streaming function adds, p99", percentile(added, 0.99) - expected, "ms"),
    ]


def _invoke(api: RuntimeApi, event: dict[str, Any]) -> float:
    started = time.perf_counter()
    exchange = api.invoke(event).finish()
    elapsed = (time.perf_counter() - started) * 1000
    if exchange.prelude["statusCode"] != 200:
        raise RuntimeError(f"The function answered {json.dumps(exchange.prelude)[:300]}")
    return elapsed

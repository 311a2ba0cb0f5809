"""The local server against calling the upstream directly, interleaved call by call."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.client import Side
from bench.processes import cpu_seconds, free_port, resident_megabytes, running
from bench.report import Row, median, percentile
from bench.upstream import BURST_EVENTS

KEY = "ps-benchmark-key-00"
ROUNDS = 5
CALLS = 200
BURSTS = 20
PACED = 4
LOAD_CALLS = 10_000


@dataclass(frozen=True, slots=True)
class Trips:
    """Round trips to the store in milliseconds: one after the other, and after a pause as between two streams."""

    busy: list[float]
    paused: list[float]


def measure(store: Trips) -> list[Row]:
    """Start everything, measure, and return the rows."""
    upstream_port, port = free_port(), free_port()
    with (
        tempfile.TemporaryDirectory() as state,
        running("bench.upstream", str(upstream_port), port=upstream_port, environment={}),
        running(
            "local",
            port=port,
            environment={
                "PORT": str(port),
                "PROMPTSIDE_API_KEY": KEY,
                "PROMPTSIDE_STATE_DIR": str(Path(state) / "state"),
                "OPENAI_API_KEY": "sk-benchmark",
                "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream_port}/v1",
            },
        ) as server,
    ):
        direct, ours, routed = _sides(upstream_port, port)
        _wait_until_ready(ours)
        _wait_until_ready(routed)
        config = _config_row(ours, routed)
        return [*_compare(direct, ours, server.pid, store), config]


def _sides(upstream_port: int, port: int) -> tuple[Side, Side, Side]:
    messages: list[Any] = [{"role": "user", "content": "Say something about " + "benchmarks " * 20}]
    direct = Side("direct", upstream_port, "/v1/chat/completions", {"messages": messages})
    variables = {"name": "Ada", "company": "Analytical Engines", "goal": "measure"}
    ours = Side(
        "promptside", port, "/v1/prompts/welcome/completions", {"variables": variables}, {"x-portkey-api-key": KEY}
    )
    config = {"strategy": {"mode": "fallback"}, "retry": {"attempts": 2}, "targets": [{"provider": "openai"}] * 2}
    headers = {**ours.headers, "x-portkey-config": json.dumps(config)}
    routed = Side("promptside under a config", port, ours.path, ours.body, headers)
    return direct, ours, routed


def _wait_until_ready(side: Side) -> None:
    """Warm everything up; the first call waits at the claimed port until the store is seeded."""
    for _ in range(50):
        side.call()
        side.stream_burst(BURST_EVENTS)
    side.plain.clear()
    side.burst.clear()


def _compare(direct: Side, ours: Side, pid: int, store: Trips) -> list[Row]:
    for _ in range(ROUNDS):
        for _ in range(CALLS):
            direct.call()
            ours.call()
        for _ in range(BURSTS):
            direct.stream_burst(BURST_EVENTS)
            ours.stream_burst(BURST_EVENTS)
        for _ in range(PACED):
            direct.stream_paced()
            ours.stream_paced()
    plain_cpu, event_cpu = _cpu(ours, pid)
    before = resident_megabytes(pid)
    for _ in range(LOAD_CALLS):
        ours.call()
    after = resident_megabytes(pid)
    added = median(ours.plain[: ROUNDS * CALLS]) - median(direct.plain)
    tail = percentile(ours.plain[: ROUNDS * CALLS], 0.99) - percentile(direct.plain, 0.99)
    trip, trip_tail = median(store.busy), percentile(store.busy, 0.99)
    return [
        Row("direct call, median", median(direct.plain), "ms"),
        Row("the store's round trip, median", trip, "ms", note="one BatchGetItem against the local engine"),
        Row("plain call adds, median, without the store", added - trip, "ms", 0.9, f"{added:.2f} ms with it"),
        Row("plain call adds, p99, without the store", tail - trip_tail, "ms", 3.0, f"{tail:.2f} ms with it"),
        Row("200 events, direct, median", median(direct.burst), "ms"),
        Row(
            "200 events, times direct, without the store",
            (median(ours.burst) - trip) / median(direct.burst),
            "x",
            3.0,
            f"{median(ours.burst):.2f} ms with it",
        ),
        Row(
            "the same round trip after a pause of 200 ms", median(store.paused), "ms", note="caches and clocks are cold"
        ),
        Row(
            "first event after such a pause comes later by",
            median(ours.first) - median(direct.first) - median(store.paused),
            "ms",
            2.0,
            "without the store",
        ),
        Row(
            "gap between events, p99, more than direct",
            percentile(ours.gaps, 0.99) - percentile(direct.gaps, 0.99),
            "ms",
            1.0,
            f"direct {percentile(direct.gaps, 0.99):.2f} ms",
        ),
        Row("CPU per 1,000 calls", plain_cpu, "s", 0.9, "the server's process"),
        Row("CPU per event", event_cpu, "us", 30.0),
        Row("memory after 10,000 more calls", after, "MB", 128.0, f"{before:.0f} MB before them"),
        Row("spread of the medians by round", _spread(ours.plain[: ROUNDS * CALLS]), "ms"),
    ]


def _config_row(ours: Side, routed: Side) -> Row:
    """Compare calls with and without a config, in turn: what nobody asked for must cost nothing, the rest little."""
    for _ in range(ROUNDS * CALLS):
        ours.call()
        routed.call()
    added = median(routed.plain) - median(ours.plain)
    ours.plain.clear()
    return Row("a fallback config with retries adds, median", added, "ms", 0.3, "to a call that needs neither")


def _cpu(ours: Side, pid: int) -> tuple[float, float]:
    """Return CPU seconds per 1,000 plain calls, and microseconds per streamed event."""
    started = cpu_seconds(pid)
    for _ in range(1000):
        ours.call()
    plain = cpu_seconds(pid) - started
    started = cpu_seconds(pid)
    for _ in range(200):
        ours.stream_burst(BURST_EVENTS)
    stream = cpu_seconds(pid) - started
    # What a stream costs before its first event is what a plain call costs.
    return plain, (stream - plain * 0.2) / (200 * BURST_EVENTS) * 1e6


def store_round_trips() -> Trips:
    """Time the read that every warm call does, with the product's own client settings, against an engine of its own."""
    from promptside.config import Settings
    from promptside.store.tables import create_tables
    from promptside.wiring import dynamodb_client, reading_client
    from tests.engines import ministack

    with ministack() as engine:
        settings = Settings(table="benchmark", secrets_prefix="/b", store_endpoint=engine.url)
        client = dynamodb_client(settings)
        reader = reading_client(settings)
        create_tables(client, settings.table)
        keys = [{"pk": {"S": f"default#{kind}"}, "sk": {"S": "x"}} for kind in ("api-key", "prompt")]
        for key in keys:
            client.put_item(TableName=settings.table, Item={**key, "data": {"S": "x" * 300}})
        request = {settings.table: {"Keys": keys, "ConsistentRead": True}}
        busy = [_trip(reader, request, pause_seconds=0.0) for _ in range(1100)]
        return Trips(busy[100:], [_trip(reader, request, pause_seconds=0.2) for _ in range(20)])


def _trip(reader: Any, request: dict[str, Any], *, pause_seconds: float) -> float:
    time.sleep(pause_seconds)
    started = time.perf_counter()
    reader.batch_get_item(RequestItems=request)
    return (time.perf_counter() - started) * 1000


def _spread(values: list[float]) -> float:
    medians = [statistics.median(values[start : start + CALLS]) for start in range(0, len(values), CALLS)]
    return max(medians) - min(medians)

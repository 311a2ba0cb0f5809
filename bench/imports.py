"""Cold imports: each function's module in a fresh interpreter, against what its libraries cost alone."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from bench.processes import CHECKOUT
from bench.report import Row

_CLIENTS = (
    "import boto3; boto3.client('dynamodb', region_name='us-east-1'); boto3.client('ssm', region_name='us-east-1')"
)
_RUNS = 7
_ENVIRONMENT = {
    "PROMPTSIDE_TABLE": "t",
    "PROMPTSIDE_RUN_TABLE": "r",
    "PROMPTSIDE_SECRETS_PREFIX": "/p",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_REGION": "us-east-1",
}


def measure() -> list[Row]:
    """Return the rows; every program runs several times, in turn."""
    programs = {
        "clients": _CLIENTS,
        "web": f"import fastapi, mangum; {_CLIENTS}",
        "streaming": "import functions.streaming.app",
        "completion": "import functions.completion.app",
        "prompts": "import functions.prompts.app",
        "events": "import functions.events.app",
    }
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(_RUNS):
        for name, program in programs.items():
            times[name].append(_run(program))
    medians = {name: statistics.median(values) for name, values in times.items()}
    return [
        Row("import boto3 with two clients", medians["clients"], "ms"),
        Row("import FastAPI, Mangum and the same", medians["web"], "ms"),
        Row(
            "streaming function",
            medians["streaming"],
            "ms",
            round(medians["clients"] * 1.25),
            "1.25 x boto3 and clients",
        ),
        Row(
            "completion function",
            medians["completion"],
            "ms",
            round(medians["web"] * 1.25),
            "1.25 x FastAPI and the same",
        ),
        Row("prompts function", medians["prompts"], "ms"),
        Row("events function", medians["events"], "ms", round(medians["clients"] * 1.25), "1.25 x boto3 and clients"),
    ]


def _run(program: str) -> float:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}  # noqa: TID251
    started = time.perf_counter()
    # With a timeout, Python would look only every 50 ms whether the program has ended.
    subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, env={**inherited, **_ENVIRONMENT}, check=True)
    return (time.perf_counter() - started) * 1000

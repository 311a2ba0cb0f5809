"""One step of a batch in a process of its own, to be killed or to be measured.

    python -m tests.batch_worker '{"engine": "http://...", "upstream": "http://...", "bucket": ..., "table": ...,
                                   "step": "run-chunk", "batch_id": ..., "chunk": {...}}'

It writes the highest resident size of the process, in bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from promptside.log import set_level
from tests.batch_runs import BatchRuns
from tests.engines import Engine

CHECKOUT = Path(__file__).parents[1]


def start_worker(runs: BatchRuns, upstream_url: str, step: str, batch_id: str, **more: Any) -> subprocess.Popen[str]:
    """Start a process that does one step over the same bucket and table."""
    given = {
        "engine": runs.engine.url,
        "upstream": upstream_url,
        "bucket": runs.bucket,
        "table": runs.table,
        "step": step,
        "batch_id": batch_id,
        **more,
    }
    path = f"{CHECKOUT}:{CHECKOUT / 'layers' / 'shared'}"
    return subprocess.Popen(
        [sys.executable, "-m", "tests.batch_worker", json.dumps(given)],
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path},  # noqa: TID251 - what a process of its own needs
        stdout=subprocess.PIPE,
        text=True,
    )


def main(given: dict[str, Any]) -> None:
    """Do the step."""
    set_level("ERROR")
    with contextlib.closing(Engine("ministack", given.pop("engine"))) as engine:
        places = {"bucket": given.pop("bucket"), "run_table": given.pop("table")}
        # One line after the other, so that it is known what has ended when the process is killed.
        runs = BatchRuns(engine, given.pop("upstream"), event_concurrency=1, **places)
        runs.step(given.pop("step"), given.pop("batch_id"), **given)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

"""One step of a batch in a process of its own, to be killed or to be measured.

    python -m tests.batch_worker '{"engine": "http://...", "upstream": "http://...", "bucket": ..., "table": ...,
                                   "step": "run-chunk", "batch_id": ..., "chunk": {...}}'

The step "whole" is a whole batch, with every tenth chunk once more than it should come. The process writes its highest
resident size, in bytes.
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
        whole = given["step"] == "whole"
        runs = BatchRuns(
            engine, given.pop("upstream"), event_concurrency=10 if whole else 1, stores_records=not whole, **places
        )
        if whole:
            run_whole(runs, given["batch_id"])
        else:
            runs.step(given.pop("step"), given.pop("batch_id"), **given)
        print(peak_bytes())


def peak_bytes() -> int:
    """Return the highest resident size of this process."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Not getrusage: on Linux that knows the size of the parent, too, from before the program was replaced.
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def run_whole(runs: BatchRuns, batch_id: str) -> None:
    """Run a batch from its plan to its end."""
    runs.step("plan-batch", batch_id)
    for chunk in runs.chunks(batch_id)[::10]:
        runs.run_chunk(batch_id, chunk)
    runs.run(batch_id)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

"""`python -m promptside.runtime`: what the exec wrapper starts in place of the managed runtime's own client."""

from __future__ import annotations

import io
import sys

from promptside.runtime.boot import run
from promptside.runtime.environment import RuntimeEnvironment

for stream in (sys.stdout, sys.stderr):
    if isinstance(stream, io.TextIOWrapper):
        # Lambda freezes the process between invocations: a line still in a buffer would be lost or late.
        stream.reconfigure(line_buffering=True)

if __name__ == "__main__":
    run(RuntimeEnvironment.read())

"""`make bench`: every figure of docs/performance.md, in one run of about a minute."""

from __future__ import annotations

import os
import platform

from bench import imports, lambdas, rendering, server
from bench.report import show


def main() -> None:
    """Measure and print."""
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores\n")
    store = server.store_round_trips()
    print("## The local server\n")
    show(server.measure(store))
    print("\n## The streaming function, built, behind a loopback Runtime API\n")
    show(lambdas.measure(store.busy))
    print("\n## Rendering\n")
    show(rendering.measure())
    print("\n## Cold imports\n")
    show(imports.measure())


if __name__ == "__main__":
    main()

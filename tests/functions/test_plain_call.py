"""What a call without a config, limits or a cache leaves alone: the modules for them are not even imported."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

LATE = (
    "promptside.attempts.routed",
    "promptside.attempts.following",
    "promptside.attempts.hedging",
    "promptside.attempts.breaking",
    "promptside.attempts.caching",
    "promptside.attempts.similar",
    "promptside.attempts.embedding",
    "promptside.routing.config",
    "promptside.routing.conditions",
    "promptside.metering",
    "promptside.providers.embeddings",
    "promptside.store.usage",
    "promptside.store.vectors",
)
PROGRAM = f"""
import sys
from tests.functions.test_completions import ANSWER, STREAM
from tests.product import Product, whole
from tests.upstream import Upstream, json_reply, sse_reply
import promptside.wiring

with Upstream() as upstream:
    product = Product(upstream.url)
    before = {{name for name in sys.modules if name.startswith({LATE!r})}}
    for stream, reply in ((False, json_reply(ANSWER)), (True, sse_reply(STREAM))):
        upstream.default = reply
        response = product.post({{"stream": stream}})
        whole(response)
        print(response.status, len(upstream.requests))
    print(sorted({{name for name in sys.modules if name.startswith({LATE!r})}} - before), sorted(before))
"""


def test_a_plain_call_imports_nothing_of_configs_limits_and_caches() -> None:
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'layers' / 'shared'}"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=False)

    printed = [line for line in done.stdout.splitlines() if not line.startswith("{")]
    assert (done.returncode, printed) == (0, ["200 1", "200 2", "[] []"]), done.stderr

"""The events function in a process of its own, for tests that kill it.

Reads `{"event", "seconds"}` a line, writes what the function answers a line. `AHEAD_SECONDS` sets its clock ahead, as
if it had been started later.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace

from functions.events import app
from tests.events_function import Context

ahead = float(os.environ.get("AHEAD_SECONDS", "0"))  # noqa: TID251 - a program of the tests
later = replace(app.events.services, clock=lambda: time.time() + ahead)
app.events = replace(app.events, services=later)

print("ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps(app.handler(asked["event"], Context(asked["seconds"]))), flush=True)

"""What event-driven runs need from outside, beyond what every run needs; `wiring.py` builds it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from promptside.config import Settings
from promptside.events.base import ResultSink, RunRecords
from promptside.services import Services


@dataclass(frozen=True, slots=True)
class EventServices:
    """The outside world of the events function.

    `client` gives the AWS client of a service (`sqs`, `s3`, `events`, `stepfunctions`), made when it is first asked for
    and shared by all threads. `random` gives a number in [0, 1).
    """

    services: Services
    records: RunRecords
    results: ResultSink
    client: Callable[[str], Any]
    random: Callable[[], float] = field(default=random.random)

    @property
    def settings(self) -> Settings:
        """What the stack tells its functions."""
        return self.services.settings

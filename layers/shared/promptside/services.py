"""What a run needs from outside; `wiring.py` builds it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from promptside.config import Settings
from promptside.repairs import Repairs
from promptside.routing.breakers import Breakers
from promptside.routing.library import ConfigLibrary
from promptside.store.answers import AnswerStore
from promptside.store.base import PromptReader, SecretStore
from promptside.store.claims import ClaimStore
from promptside.template.library import TemplateLibrary
from promptside.transport.base import Transport
from promptside.variable_schemas import VariableChecker

if TYPE_CHECKING:
    from promptside.store.usage import UsageStore
    from promptside.store.vectors import VectorStore


@dataclass(frozen=True, slots=True)
class Services:
    """The outside world of one process.

    `clock` gives unix seconds, `monotonic` seconds since some moment, `random` a number in [0, 1), `new_id` random text
    for ids.
    """

    prompts: PromptReader
    secrets: SecretStore
    transport: Transport
    settings: Settings
    clock: Callable[[], float]
    new_id: Callable[[], str]
    templates: TemplateLibrary = field(default_factory=TemplateLibrary)
    repairs: Repairs = field(default_factory=Repairs)
    variables: VariableChecker = field(default_factory=VariableChecker)
    configs: ConfigLibrary = field(default_factory=ConfigLibrary)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random
    claims: ClaimStore | None = None
    answers: AnswerStore | None = None
    vectors: Callable[[], VectorStore] | None = None
    """Gives the store of vectors, which only semantic caches have a use for."""
    breakers: Breakers = field(default_factory=Breakers)
    usage: Callable[[], UsageStore] | None = None
    """Gives the store of what is used of limits, which most runs have none of."""

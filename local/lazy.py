"""A function of the stack, imported when it is first needed or when there is time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

from local.functions import Handler


class LazyFunction:
    """A module such as `functions.prompts.app`. It reads its settings from the environment when it is imported.

    `prepare` is given the imported module, for what is not the same here as on Lambda.
    """

    def __init__(self, module: str, prepare: Callable[[Any], None] | None = None) -> None:
        self._name = module
        self._prepare = prepare
        self._lock = threading.Lock()
        self._module: Any = None

    def preload(self) -> None:
        """Import it now; a failure shows, with its answer, at the first call."""
        with contextlib.suppress(Exception):
            self.handler()

    def handler(self) -> Handler:
        """Return the function's handler."""
        with self._lock:
            if self._module is None:
                module = import_module(self._name)
                if self._prepare is not None:
                    self._prepare(module)
                self._module = module
            handler: Handler = self._module.handler
            return handler

"""From process start to the first invocation: the handler, the snapshot, and what to say when either fails."""

from __future__ import annotations

import importlib
import sys
from typing import Any, NoReturn

from promptside.errors import PromptsideError
from promptside.log import log_failure
from promptside.runtime.client import Failure, RuntimeClient
from promptside.runtime.environment import RuntimeEnvironment
from promptside.runtime.loop import Handler, serve
from promptside.runtime.snapshot import run_after_restore, run_before_snapshot


class HandlerError(Exception):
    """The handler named in the function's configuration cannot be used."""


def run(environment: RuntimeEnvironment) -> NoReturn:
    """Load the handler and serve invocations until Lambda ends the process; exit with 1 when it cannot start."""
    client = RuntimeClient(environment.runtime_api)
    try:
        handler = load_handler(environment.handler)
        if environment.snap_start:
            run_before_snapshot()
    except Exception as exc:
        client.post_init_error(_report("init_failed", exc))
        sys.exit(1)
    if environment.snap_start:
        client.restore_next()
        try:
            run_after_restore()
        except Exception as exc:
            client.post_restore_error(_report("restore_failed", exc))
            sys.exit(1)
    serve(client, handler, environment)


def load_handler(name: str) -> Handler:
    """Return the function called `module.function`. Raises HandlerError, and whatever the module raises on import."""
    module_name, _, function_name = name.replace("/", ".").rpartition(".")
    if not module_name:
        raise HandlerError(f"The handler {name!r} must have the form module.function")
    module = importlib.import_module(module_name)
    handler: Any = getattr(module, function_name, None)
    if not callable(handler):
        raise HandlerError(f"The module {module_name!r} has no function {function_name!r}")
    return handler  # type: ignore[no-any-return]  # what a module holds has no type


def _report(event: str, error: Exception) -> Failure:
    failure = Failure(type(error).__name__, _message(error))
    log_failure(event, error, reason=failure.message)
    return failure


def _message(error: Exception) -> str:
    # Only messages written to be shown: the text of any other exception may hold a setting's value.
    match error:
        case PromptsideError():
            return error.message
        case HandlerError() | ImportError():
            return str(error)
        case SyntaxError():
            return f"{error.msg} (line {error.lineno})"
        case _:
            return "The function could not start; the log names where"

"""The local run from start to end: claim the port, start the store, seed it, serve, show, stop.

The port is claimed before anything is touched, and the engine starts while this process is still importing.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType

from local.lazy import LazyFunction
from local.options import BadOption, Options, read_options
from local.server import LocalServer
from local.store import StateDirectory, Store, StoreFailed
from promptside.api.http import HttpRequest, HttpResponse

CHECKOUT = Path(__file__).resolve().parent.parent
_HOST = "127.0.0.1"
_STOP_SECONDS = 2.0
# The demo is one of several things that may be asked at once, by the server's threads.
_DEMO_THREADS = 64
# Step Functions is asked by the starts of batches only.
_MACHINE_THREADS = 2


class RunFailed(Exception):
    """The run cannot start or go on; the message says why."""


def main() -> int:
    """Run until Ctrl-C. Returns 0 after a clean stop, 1 with one line on standard error after trouble."""
    # Also when a script has started this in the background, where shells ignore Ctrl-C.
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    environment = os.environ  # noqa: TID251 - the local run's own edge
    code = 0
    stopped = False
    with ExitStack() as running:
        try:
            run(read_options(environment, CHECKOUT), environment, running)
        except KeyboardInterrupt:
            stopped = True
        except BrokenPipeError:
            # Whoever read what this prints has left, as `| head` does.
            code = 1
        except (BadOption, RunFailed, StoreFailed) as error:
            print(error, file=sys.stderr, flush=True)
            code = 1
        # A second Ctrl-C must not turn a clean stop into a stack trace.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if stopped:
        with suppress(BrokenPipeError):
            print("\nStopped.", flush=True)
    # A thread may still wait for a provider; what it would write is of no use to anybody any more.
    os._exit(code)


def run(options: Options, environment: Mapping[str, str], running: ExitStack) -> None:
    """Start everything, show the example, and serve. Raises KeyboardInterrupt, RunFailed, StoreFailed."""
    server = _claim(options.port)
    running.callback(_stop, server)
    directory = StateDirectory(options.state_directory)
    running.callback(directory.close)
    machines = LocalServer(_HOST, 0, _not_ready, threads=_MACHINE_THREADS)
    machines.prepare()
    running.callback(_stop, machines)
    # Beside the port that everybody knows, so that it stays the same; the store is started before anything is imported.
    store = Store(directory, port=options.port + 1 if options.port else 0, machines_url=machines.url)
    running.callback(store.stop)

    # These imports take longer than the engine's start, which goes on meanwhile.
    from local.greeting import run_example, say, show_events, show_next_steps, show_providers
    from local.stack import build_stack

    demo = _start_demo(running)
    stack = build_stack(options, environment, store_url=store.address(), demo_url=demo.url)
    server.answer = stack.front
    machines.answer = stack.events.answer
    running.callback(stack.events.stop)
    _serve(server)
    _serve(machines)
    base_url = f"{server.url}/v1"
    say(f"promptside is running on {base_url}")
    say(f"State: {options.state_directory}   API key: {options.api_key}   Stop with Ctrl-C")
    show_events(store.address(), stack.events.inbox)
    show_providers(stack.secrets)
    for notice in stack.notices:
        say(notice)
    if stack.example is not None:
        run_example(base_url, options.api_key, stack.example)
        show_next_steps(base_url, options.api_key, stack.example)
    # While the user is reading; the first call of a route or the first message then finds its function imported.
    stack.events.start()
    threading.Thread(target=_preload, args=(stack.functions,), daemon=True).start()
    code = store.wait()
    raise RunFailed(
        f"The local store ended unexpectedly (code {code}). Nothing that was acknowledged is lost: start again"
    )


def _preload(functions: Iterable[LazyFunction]) -> None:
    for function in functions:
        function.preload()


def _claim(port: int) -> LocalServer:
    """Bind the port, so that callers wait until everything is ready. Raises RunFailed when it is taken."""
    server = LocalServer(_HOST, port, _not_ready)
    try:
        server.prepare()
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise RunFailed(
                f"Port {port} is in use, maybe by another promptside. Stop it, or choose another: make run PORT=9797"
            ) from exc
        raise RunFailed(f"Port {port} cannot be opened: {exc.strerror}") from exc
    return server


def _start_demo(running: ExitStack) -> LocalServer:
    from local.demo import Demo

    demo = LocalServer(_HOST, 0, Demo(), threads=_DEMO_THREADS)
    demo.prepare()
    running.callback(_stop, demo)
    _serve(demo)
    return demo


def _serve(server: LocalServer) -> None:
    threading.Thread(target=server.serve, daemon=True).start()


def _stop(server: LocalServer) -> None:
    """Give open streams a moment to end; a thread that hangs in a provider does not hold up the rest."""
    stopping = threading.Thread(target=server.stop, daemon=True)
    stopping.start()
    stopping.join(_STOP_SECONDS)


def _not_ready(request: HttpRequest) -> HttpResponse:
    raise RunFailed(f"{request.method} before the start was complete")


def _interrupt(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what signal handlers get
    raise KeyboardInterrupt

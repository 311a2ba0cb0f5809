"""The Python SDK `portkey-ai`, synchronous and asynchronous.

Importing it takes seconds, so that happens when the first test uses it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import ExitStack
from functools import reduce
from typing import Any

from tests.clients.outcome import Failure, Outcome, Sdk


class PythonSdk:
    """`portkey_ai.Portkey`."""

    name = "python"

    def __init__(self, options: Mapping[str, Any], closing: ExitStack) -> None:
        from portkey_ai import Portkey

        self._options = options
        self._closing = closing
        self.client: Any = Portkey(**options)
        closing.callback(self.client.close)

    def using(self, **options: Any) -> Sdk:
        """Return a client with other options."""
        return PythonSdk({**self._options, **options}, self._closing)

    def call(self, method: str, *args: str, **body: Any) -> Outcome:
        """Make a call."""
        from portkey_ai.api_resources.exceptions import APIError
        from portkey_ai.api_resources.streaming import Stream

        chunks: list[Any] = []
        try:
            answer = _method(self.client, method)(*args, **body)
            if isinstance(answer, Stream):
                chunks.extend(map(_json, answer))
                return Outcome(chunks=chunks)
        except APIError as error:
            return Outcome(chunks=chunks, error=_failure(error))
        return _whole(answer)


class AsyncPythonSdk:
    """`portkey_ai.AsyncPortkey`, on one event loop."""

    name = "python-async"

    def __init__(self, options: Mapping[str, Any], closing: ExitStack, runner: asyncio.Runner) -> None:
        from portkey_ai import AsyncPortkey

        self._options = options
        self._closing = closing
        self._runner = runner
        self.client: Any = AsyncPortkey(**options)
        closing.callback(self._run, self.client.close)

    def using(self, **options: Any) -> Sdk:
        """Return a client with other options."""
        return AsyncPythonSdk({**self._options, **options}, self._closing, self._runner)

    def call(self, method: str, *args: str, **body: Any) -> Outcome:
        """Make a call."""
        return self._runner.run(self._call(method, args, body))

    async def _call(self, method: str, args: tuple[str, ...], body: dict[str, Any]) -> Outcome:
        from portkey_ai.api_resources.exceptions import APIError
        from portkey_ai.api_resources.streaming import AsyncStream

        chunks: list[Any] = []
        try:
            answer = await _method(self.client, method)(*args, **body)
            if isinstance(answer, AsyncStream):
                async for chunk in answer:
                    chunks.append(_json(chunk))
                return Outcome(chunks=chunks)
        except APIError as error:
            return Outcome(chunks=chunks, error=_failure(error))
        return _whole(answer)

    def _run(self, function: Any) -> None:
        async def finish() -> None:
            result = function()
            if isinstance(result, Coroutine):
                await result

        self._runner.run(finish())


def _method(client: Any, path: str) -> Any:
    return reduce(getattr, path.split("."), client)


def _whole(answer: Any) -> Outcome:
    # A rendered prompt has no headers.
    headers = answer.get_headers() if hasattr(answer, "get_headers") else {}
    return Outcome(value=_json(answer), headers=headers)


def _json(parsed: Any) -> Any:
    """Return what came over the wire as the SDK's types hold it."""
    return parsed.model_dump(mode="json", exclude_unset=True, warnings=False)


def _failure(error: Exception) -> Failure:
    response = getattr(error, "response", None)
    headers = {} if response is None else dict(response.headers)
    return Failure(type(error).__name__, getattr(error, "status_code", None), str(error), headers)

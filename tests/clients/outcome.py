"""What all SDKs have in common for a test: a call by its dotted name, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Failure:
    """What an SDK raised. `status` is None when the SDK gave none; `headers` are the answer's, when it shows them."""

    kind: str
    status: int | None
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The message without the prefix that only the Python SDK adds."""
        return re.sub(r"^Error code: \d+ - ", "", self.message)

    @property
    def brief(self) -> tuple[str, int | None, str]:
        """Class, status and text, to be asserted at once."""
        return self.kind, self.status, self.text


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one call as plain JSON: `value` of a whole answer or `chunks` of a stream, and what was raised.

    `headers` are those that the SDK shows, `x-portkey-` cut off, when it shows any.
    """

    value: Any = None
    chunks: Sequence[Any] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    error: Failure | None = None

    def result(self) -> Any:
        """Return the whole answer of a call that went well."""
        assert self.error is None, self.error
        return self.value

    def content(self) -> str:
        """Return the text of a completion, whole or put together from its chunks, that went well."""
        assert self.error is None, self.error
        if not self.chunks:
            return str(self.value["choices"][0]["message"]["content"])
        return self.streamed()

    def streamed(self) -> str:
        """Return the text of the chunks that came, whatever came then."""
        choices = [choice for chunk in self.chunks for choice in chunk["choices"]]
        return "".join(choice["delta"].get("content") or "" for choice in choices)

    def failure(self) -> Failure:
        """Return what was raised."""
        assert self.error is not None, self.value or self.chunks
        return self.error


class Sdk(Protocol):
    """One SDK as a client of one base URL. Names of calls, arguments and options are those of the Python SDK."""

    @property
    def name(self) -> str:
        """The name of the SDK, for the rare test that must differ."""
        ...

    def using(self, **options: Any) -> Sdk:
        """Return a client with other options, such as `base_url`, `api_key` or `trace_id`."""
        ...

    def call(self, method: str, *args: str, **body: Any) -> Outcome:
        """Make a call such as `prompts.update("pp-x", name="X")`; a stream is read to its end."""
        ...


def run(sdk: Sdk, prompt: str, variables: dict[str, Any] | None = None, **body: Any) -> Outcome:
    """Run a prompt."""
    given = {} if variables is None else {"variables": variables}
    return sdk.call("prompts.completions.create", prompt_id=prompt, **given, **body)

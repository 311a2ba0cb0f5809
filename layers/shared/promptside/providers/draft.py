"""A request under construction: parameters are taken one by one; what nobody takes is passed on."""

from __future__ import annotations

import json
from typing import Any

from promptside.errors import InvalidRequest, JsonObject
from promptside.providers.base import ProviderCall
from promptside.providers.parameters import drop, no_text_endpoint, unsupported


class Draft:
    """The body that is being built from one call, and the names of what had to be left out."""

    def __init__(self, call: ProviderCall, provider: str) -> None:
        self.call = call
        self.provider = provider
        self.body: JsonObject = {}
        self.dropped: list[str] = []
        self._left: JsonObject = {name: value for name, value in call.parameters.items() if value is not None}

    def take(self, *names: str) -> Any:
        """Remove the named parameters and return the value of the first that is given, else None."""
        found = None
        for name in names:
            value = self._left.pop(name, None)
            if found is None:
                found = value
        return found

    def take_object(self, *names: str) -> JsonObject:
        """As `take`, for a JSON object; absent is empty. Raises InvalidRequest for anything else."""
        value = self.take(*names)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.invalid(names[0], "must be an object")
        return dict(value)

    def take_stop(self, name: str = "stop") -> list[str]:
        """Take stop sequences as a list; those of white space only are left out, for providers refuse them."""
        value = self.take(name)
        sequences = [value] if isinstance(value, str) else value or []
        if not isinstance(sequences, list) or not all(isinstance(item, str) for item in sequences):
            raise self.invalid(name, "must be a text or a list of texts")
        return [item for item in sequences if item.strip()]

    def take_max_tokens(self) -> Any:
        """Take the limit on output tokens; OpenAI's newer name wins."""
        return self.take("max_completion_tokens", "max_tokens")

    def take_effort(self) -> str | None:
        """Take the reasoning effort, as text or as `{"effort": ...}`. Raises InvalidRequest for anything else."""
        value = self.take("reasoning_effort", "reasoning")
        if isinstance(value, dict):
            value = value.get("effort")
        if value is not None and not isinstance(value, str):
            raise self.invalid("reasoning_effort", "must be a text")
        return value

    def drop_present(self, names: frozenset[str]) -> None:
        """Drop those of the names that are given, in the order they were given."""
        for name in [name for name in self._left if name in names]:
            self.drop(name)

    def drop(self, name: str) -> None:
        """Leave a parameter out and name it. Raises InvalidRequest when the prompt wants `strict_params`."""
        self._left.pop(name, None)
        drop(name, self.dropped, strict=self.call.strict_params, provider=self.provider)

    def refuse_present(self, reasons: dict[str, str]) -> None:
        """Raise InvalidRequest for the first given parameter that has a reason to be refused."""
        for name, reason in reasons.items():
            if self._left.get(name) not in (None, False):
                raise self.unsupported(name, reason)
            self._left.pop(name, None)

    def refuse_several_choices(self) -> None:
        """Take `n`: one answer is what every provider gives, more are not to be had."""
        count = self.take("n")
        if count is not None and count != 1:
            raise self.unsupported("n", "it gives one answer per request; leave n at 1")

    def refuse_output_modalities(self) -> None:
        """Take `modalities` and `audio`: text is what the answer is made of."""
        modalities = self.take("modalities")
        if modalities is not None and modalities != ["text"]:
            raise self.unsupported("modalities", 'its answers are text; use ["text"]')

    def rest(self) -> JsonObject:
        """Take everything that is left: parameters under the provider's own names."""
        left, self._left = self._left, {}
        return left

    def unsupported(self, name: str, advice: str) -> InvalidRequest:
        """Return the 400 for what this provider or model cannot do."""
        return unsupported(name, self.provider, advice)

    def invalid(self, name: str, expectation: str) -> InvalidRequest:
        """Return the 400 for a value of the wrong shape."""
        return InvalidRequest(f"'{name}' {expectation}", param=name, code="invalid_parameter")


def encode_body(body: JsonObject) -> bytes:
    """Write a request body. Raises InvalidRequest for what JSON has no form for."""
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode("ascii")
    except (ValueError, TypeError, RecursionError) as exc:
        raise InvalidRequest("The request holds a value that JSON has no form for, such as NaN") from exc


def refuse_text(call: ProviderCall, provider: str) -> None:
    """Raise InvalidRequest for a text prompt: there is no endpoint for it, and an emulation would be another prompt."""
    if call.kind == "text":
        raise no_text_endpoint(provider)

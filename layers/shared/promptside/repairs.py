"""Remembers, for the life of the process, which parameters a host refused, so that each is refused only once."""

from __future__ import annotations

import json
from dataclasses import replace

from promptside.errors import PromptsideError
from promptside.log import log_event
from promptside.providers.base import ProviderCall, ProviderRequest
from promptside.providers.repair import Repair, find_repair

_MOST_HOSTS = 256

Key = tuple[str, str, str]


class Repairs:
    """The repairs by URL, model and base model. Safe for threads: entries are replaced, never changed."""

    def __init__(self) -> None:
        self._known: dict[Key, tuple[Repair, ...]] = {}

    def known(self, call: ProviderCall, request: ProviderRequest) -> ProviderRequest:
        """Return the request with the repairs that earlier calls of this model needed."""
        repairs = self._known.get(_key(call, request)) if self._known else None
        if not repairs or call.strict_params:
            return request
        return _repaired(call, request, repairs)

    def learn(self, call: ProviderCall, request: ProviderRequest, error: PromptsideError) -> ProviderRequest | None:
        """Return the request to send after this refusal, or None when nothing can be done about it."""
        if call.strict_params or error.param is None:
            return None
        repair = find_repair(error, json.loads(request.body), call.parameters)
        if repair is None:
            return None
        log_event(
            "parameter_refused", provider_model=call.model, parameter=repair.name, renamed=repair.renamed or "left out"
        )
        self._remember(_key(call, request), repair)
        return _repaired(call, request, (repair,))

    def _remember(self, key: Key, repair: Repair) -> None:
        if key not in self._known and len(self._known) >= _MOST_HOSTS:
            self._known.clear()
        earlier = self._known.get(key, ())
        if repair not in earlier:
            self._known[key] = (*earlier, repair)


def _key(call: ProviderCall, request: ProviderRequest) -> Key:
    return request.url, call.model, call.settings.get("base_model", "")


def _repaired(call: ProviderCall, request: ProviderRequest, repairs: tuple[Repair, ...]) -> ProviderRequest:
    body = json.loads(request.body)
    dropped = list(request.dropped)
    for repair in repairs:
        left_out = repair.renamed is None and repair.name in body
        if left_out and repair.name in call.parameters and repair.name not in dropped:
            dropped.append(repair.name)
        body = repair.apply(body)
    return replace(request, body=json.dumps(body, separators=(",", ":")).encode(), dropped=tuple(dropped))

"""Vectors of questions, from a provider that has embeddings: chosen and called with the same care as any target."""

from __future__ import annotations

import time
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, replace

from promptside.answers import decode_answer
from promptside.errors import InvalidRequest, ProviderUnusable
from promptside.exchange import PROVIDER_AUTH, Prepared
from promptside.providers.embeddings import EmbeddingCall, build_embedding, parse_embedding, usual_model
from promptside.routing.settings import Embedding
from promptside.schema.prompt import VirtualKey, split_model
from promptside.schema.request import RunRequest
from promptside.services import Services
from promptside.store.vectors import unit
from promptside.target import Target, check_signing, choose_target, refreshed
from promptside.transport.base import Limits, ProviderResponse
from promptside.transport.cancellation import Cancellation

LONGEST_SECONDS = 2.0
"""What a run waits for a vector at most: more, and calling the model would have been quicker."""
_SHARE = 0.25
_LARGEST_ANSWER = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Embedder:
    """A target, and the model there that makes vectors. `space` names what its vectors can be compared with."""

    services: Services
    target: Target
    model: str

    @property
    def space(self) -> list[object]:
        """The provider, its public settings and the model."""
        return [self.target.provider.name, dict(self.target.settings), self.model]

    def vector(self, text: str, *, seconds_left: float, cancellation: Cancellation | None) -> array[float]:
        """Return the vector of a text, of length one. Raises PromptsideError.

        Most of the run's time is left for the answer.
        """
        limits = _limits(min(seconds_left * _SHARE, LONGEST_SECONDS), cancellation)
        target, provider = self.target, self.target.provider
        response = self._send(target, text, limits)
        if response.status >= 400:
            error = provider.parse_error(response.status, response.headers, response.body)
            fresh = refreshed(target, self.services.secrets) if error.code == PROVIDER_AUTH else None
            if fresh is None:
                raise error
            response = self._send(fresh, text, limits)
            if response.status >= 400:
                raise provider.parse_error(response.status, response.headers, response.body)
        values = parse_embedding(provider, decode_answer(response.body, provider.name))
        try:
            return unit(values)
        except ValueError as exc:
            raise ProviderUnusable(f"{provider.name} answered no embedding", provider=provider.name) from exc

    def _send(self, target: Target, text: str, limits: Limits) -> ProviderResponse:
        built = build_embedding(target.provider, EmbeddingCall(self.model, text, target.settings), target.credentials)
        check_signing(target, built)
        return self.services.transport.send(built, limits, guarded=target.guarded)


def embedder_of(
    services: Services,
    settings: Embedding,
    request: RunRequest,
    prepared: Prepared,
    *,
    virtual_keys: Mapping[str, VirtualKey],
) -> Embedder:
    """Return whom the config names, else the run's own target. Raises PromptsideError when there is nobody."""
    target, model = prepared.target, settings.model or ""
    if settings.provider or settings.virtual_key or split_model(model)[0]:
        # What came with the request was meant for the model that answers.
        asked = RunRequest(request.reference, provider=settings.provider, virtual_key=settings.virtual_key)
        target = choose_target(
            asked,
            model=model,
            stored_slug=None,
            virtual_keys=virtual_keys,
            secrets=services.secrets,
            settings=services.settings,
            now=services.clock(),
        )
        model = target.model
    usual = usual_model(target.provider)
    if not (model := model or usual or ""):
        raise InvalidRequest(
            f"{target.provider.name} has no usual model for embeddings: name one in the config's cache.embedding",
            param="model",
            code="no_embeddings",
        )
    return Embedder(services, replace(target, model=model), model)


def _limits(seconds: float, cancellation: Cancellation | None) -> Limits:
    seconds = max(seconds, 0.001)
    return Limits(
        deadline=time.monotonic() + seconds,
        connect_seconds=seconds,
        first_byte_seconds=seconds,
        idle_seconds=seconds,
        body_bytes=_LARGEST_ANSWER,
        cancellation=cancellation,
    )

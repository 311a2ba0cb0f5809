"""One run of a prompt as the service sees it, whoever asked: HTTP, a direct invoke or an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from promptside.schema.prompt import JsonObject, Reference


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to run and how.

    `appended` are messages that follow the prompt's own. `key_digest` is the SHA-256 of the caller's API key; None
    means that IAM has already let the caller in. `provider_headers` are the request's own provider configuration
    (`x-portkey-*`, lower case), `provider_key` its `Authorization` without `Bearer`. `timeout_seconds` is the caller's
    limit.
    """

    reference: Reference
    variables: JsonObject = field(default_factory=dict, repr=False)
    overrides: JsonObject = field(default_factory=dict, repr=False)
    appended: tuple[JsonObject, ...] = field(default=(), repr=False)
    stream: bool = False
    key_digest: str | None = field(default=None, repr=False)
    provider: str | None = None
    virtual_key: str | None = None
    provider_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    provider_key: str | None = field(default=None, repr=False)
    forwarded_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    trace_id: str = ""
    timeout_seconds: float | None = None
    strict_openai: bool = False

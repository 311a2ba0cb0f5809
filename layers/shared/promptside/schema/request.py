"""One run of a prompt as the service sees it, whoever asked: HTTP, a direct invoke or an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from promptside.schema.prompt import JsonObject, Reference

MOST_METADATA = 64
LONGEST_METADATA = 128
"""Characters of a name or a value."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to run and how.

    `appended` are messages that follow the prompt's own. `key_digest` is the SHA-256 of the caller's API key; None
    means that IAM has already let the caller in. `provider_headers` are the request's own provider configuration
    (`x-portkey-*`, lower case), `provider_key` its `Authorization` without `Bearer`, `provider_fields` what a config
    says instead. `config` is the slug of a stored config or the JSON text of one. `headers` and `path` are those of the
    HTTP request. `timeout_seconds` is the limit on an attempt; `answer_by`, on `time.monotonic()`, the moment when the
    caller's limit on all of them together is over.
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
    provider_fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    config: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    path: str = ""
    forwarded_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    trace_id: str = ""
    timeout_seconds: float | None = None
    answer_by: float | None = None
    strict_openai: bool = False
    limit_headers: Mapping[str, str] = field(default_factory=dict)
    """What the answer says about limits on the caller's requests."""

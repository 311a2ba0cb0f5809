"""Reads a run request from HTTP: the path's reference, the flat body, and the headers of both SDKs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from promptside.api.bodies import optional_object, parse_object
from promptside.api.http import HttpRequest
from promptside.errors import InvalidRequest, JsonObject, Unauthenticated
from promptside.forwarding import forwardable
from promptside.merging import OURS
from promptside.schema.prompt import Reference
from promptside.schema.request import LONGEST_METADATA, MOST_METADATA, RunRequest
from promptside.timeouts import LONGEST_TIMEOUT_MS

KEY_HEADER = "x-portkey-api-key"
_PLACEHOLDERS = frozenset({"", "OPENAI_API_KEY"})
"""What SDKs send as Authorization when the user gave nothing."""


def parse_run(
    request: HttpRequest,
    reference: Reference,
    *,
    trace_id: str,
    trusted: bool,
    digest: str | None = None,
    body: JsonObject | None = None,
) -> RunRequest:
    """Return the run that an HTTP request asks for. `trusted` callers were let in by IAM and need no key.

    `digest` is that of the key on whose behalf a trusted caller runs. Raises Unauthenticated without a key,
    InvalidRequest for a malformed body or header.
    """
    digest = digest if trusted else key_digest(request.headers)
    body = parse_object(request.body) if body is None else body
    body = {**optional_object(body, "hyperparameters"), **body}
    headers = request.headers
    return RunRequest(
        reference=reference,
        variables=optional_object(body, "variables"),
        overrides={name: value for name, value in body.items() if name not in OURS},
        stream=_flag(body.get("stream"), "stream"),
        key_digest=digest,
        provider=headers.get("x-portkey-provider") or None,
        virtual_key=headers.get("x-portkey-virtual-key") or None,
        provider_headers={name: value for name, value in headers.items() if name.startswith("x-portkey-")},
        provider_key=_provider_key(headers),
        forwarded_headers=_forwarded(headers),
        config=headers.get("x-portkey-config", "").strip() or None,
        headers=headers,
        path=request.path,
        metadata=parse_metadata(headers),
        trace_id=trace_id,
        timeout_seconds=_timeout(headers.get("x-portkey-request-timeout")),
        strict_openai=headers.get("x-portkey-strict-open-ai-compliance", "").lower() == "true",
    )


def key_digest(headers: Mapping[str, str]) -> str:
    """Return the SHA-256 of the caller's key in hex. Raises Unauthenticated when there is none.

    The key is in `x-portkey-api-key`; OpenAI's SDKs, which know no such header, may send it as their bearer token.
    """
    key = headers.get(KEY_HEADER, "").strip()
    if not key:
        key = _bearer(headers.get("authorization", ""))
        if key in _PLACEHOLDERS:
            raise Unauthenticated("No API key: send yours in the x-portkey-api-key header")
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def parse_metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of a run. Raises InvalidRequest."""
    text = headers.get("x-portkey-metadata", "")
    if not text:
        return {}
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise _bad_metadata() from exc
    if not isinstance(metadata, dict):
        raise _bad_metadata()
    if len(metadata) > MOST_METADATA:
        raise _bad_metadata()
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in metadata.items()}
    # Longer values are cut, as Portkey cuts them: metadata labels a run, it does not carry content.
    return {name[:LONGEST_METADATA]: text[:LONGEST_METADATA] for name, text in texts.items()}


def _provider_key(headers: Mapping[str, str]) -> str | None:
    if not headers.get(KEY_HEADER, "").strip():
        return None
    authorization = headers.get("authorization", "")
    # The signature of a caller whom IAM has let in is for AWS only.
    if authorization.strip().startswith("AWS4-"):
        return None
    key = _bearer(authorization)
    return None if key in _PLACEHOLDERS else key


def _bearer(authorization: str) -> str:
    scheme, _, rest = authorization.strip().partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else authorization.strip()


def _flag(value: Any, name: str) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise InvalidRequest(f"'{name}' must be true or false", param=name, code="invalid_type")
    return value


def _timeout(text: str | None) -> float | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 0 < int(text) <= LONGEST_TIMEOUT_MS:
        raise InvalidRequest(
            f"x-portkey-request-timeout must be a whole number of milliseconds from 1 to {LONGEST_TIMEOUT_MS}",
            param="x-portkey-request-timeout",
        )
    return int(text) / 1000


def _bad_metadata() -> InvalidRequest:
    return InvalidRequest(
        f"x-portkey-metadata must be a JSON object of at most {MOST_METADATA} texts", param="x-portkey-metadata"
    )


def _forwarded(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers the caller wants passed on: `A,B` or `["A","B"]`; never credentials or connection headers."""
    names = headers.get("x-portkey-forward-headers", "").strip().removeprefix("[").removesuffix("]").split(",")
    return forwardable(headers, {name.strip().strip("\"'").lower() for name in names} - {""})

"""Paths as clients really send them: stage prefixes, doubled slashes, `/v1` or not, `@` or `%40`."""

from __future__ import annotations

from urllib.parse import unquote

ROOTS = frozenset(
    {
        "chat",
        "responses",
        "prompts",
        "labels",
        "collections",
        "virtual-keys",
        "configs",
        "api-keys",
        "runs",
        "healthz",
        "files",
        "uploads",
        "batches",
    }
)
"""The first segment of every route of ours, after the optional stage and version."""


def normalise_path(raw_path: str) -> str:
    """Return the path without stage, version, doubled and trailing slashes, still percent-encoded.

    `/Prod/v1//prompts/pp-x%40staging/` becomes `/prompts/pp-x%40staging`.
    """
    return "/" + "/".join(_relevant(raw_path))


def path_segments(raw_path: str) -> tuple[str, ...]:
    """Return the decoded segments after stage and version: `("prompts", "pp-x@staging", "completions")`."""
    return tuple(unquote(segment) for segment in _relevant(raw_path))


def _relevant(raw_path: str) -> list[str]:
    segments = [segment for segment in raw_path.split("/") if segment]
    if segments[:1] == ["v1"]:
        return segments[1:]
    # A prompt may be called "v1": the second segment is a version only when a route follows it.
    if len(segments) > 2 and segments[1] == "v1" and segments[2] in ROOTS:
        return segments[2:]
    if len(segments) > 1 and segments[0] not in ROOTS and segments[1] in ROOTS:
        return segments[1:]
    return segments

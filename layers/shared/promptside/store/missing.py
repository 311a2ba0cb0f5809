"""The errors for what a run or a change names and the table does not have."""

from __future__ import annotations

from promptside.errors import InvalidRequest, NotFound


def prompt_not_found(name: str) -> NotFound:
    """Return the error for a prompt that is not there."""
    return NotFound(f"Prompt '{name[:128]}' not found", param="prompt_id", code="prompt_not_found")


def prompt_version_not_found(slug: str, selector: str | None) -> NotFound:
    """Return the error for a version or label that a prompt does not have."""
    return NotFound(
        f"Prompt '{slug}' has no version or label '{(selector or 'published')[:64]}'",
        param="prompt_id",
        code="prompt_version_not_found",
    )


def config_not_found(slug: str) -> InvalidRequest:
    """Return the error for a run whose config is not there."""
    return InvalidRequest(f"Unknown config '{slug[:64]}': create it first", param="config", code="unknown_config")


def partial_not_found(reference: str) -> NotFound:
    """Return the error for a partial that is not there."""
    return NotFound(f"Partial '{reference[:128]}' not found", param="prompt_id", code="partial_not_found")

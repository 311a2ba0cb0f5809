"""The two fields that nearly every provider of the family has."""

from __future__ import annotations

from promptside.providers.base import Field

BASE_URL_PATTERN = r"https?://[^\s?#]+(\?[^\s#]*)?"


def api_key(description: str, *environment: str, required: bool = True) -> Field:
    """Return the field of the key; `environment` names the variables that the provider's SDK reads."""
    return Field(
        "api_key", description, secret=True, required=required, environment=environment, aliases=("apiKey", "key")
    )


def base_url(description: str, *environment: str, required: bool = False) -> Field:
    """Return the field of the base URL to call."""
    return Field(
        "custom_host",
        description,
        required=required,
        environment=environment,
        header="x-portkey-custom-host",
        pattern=BASE_URL_PATTERN,
        aliases=("customHost", "base_url"),
        host=True,
    )

"""How callers spell a provider's fields: `awsRegion`, `aws_region`, as in a header, or `key` for the one secret."""

from __future__ import annotations

from promptside.providers.base import Field, Provider
from promptside.providers.fields import all_fields
from promptside.schema.spelling import snake

_HEADER_PREFIX = "x-portkey-"


def spellings(provider: Provider) -> dict[str, Field]:
    """Return the field behind each spelling in snake case: its name, its aliases, its header's name, and `key`."""
    found: dict[str, Field] = {}
    fields = all_fields(provider)
    for entry in fields:
        header = (entry.header or "").removeprefix(_HEADER_PREFIX).replace("-", "_")
        for spelling in (header, *map(snake, entry.aliases)):
            if spelling:
                found.setdefault(spelling, entry)
    found.update({entry.name: entry for entry in fields})
    secrets = [entry for entry in fields if entry.secret]
    main = next((entry for entry in secrets if entry.name == "api_key"), secrets[0] if len(secrets) == 1 else None)
    if main is not None:
        found["key"] = main
    return found

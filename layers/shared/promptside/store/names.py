"""The table's keys. Every name from outside is checked here before it becomes part of one.

Each partition key starts with the workspace: `<workspace>#<kind>`, so that tenants never share a partition.

    default#prompt            <slug>                  what a prompt is called and which version is published
    default#prompt-id         <uuid>                  the slug of a prompt
    default#prompt#<slug>     <version, ten digits>   one immutable version
    default#partial, default#partial-id, default#partial#<slug>   the same for partials
    default#config, default#config-id, default#config#<slug>      the same for configs
    default#api-key           <sha-256 in hex>        a caller's key
    default#virtual-key       <slug>                  the public settings of provider credentials
    default#label             <name>                  a label of the workspace
    default#collection        <uuid>                  a folder of prompts and partials
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from promptside.errors import ConfigurationError, InvalidRequest

Key = tuple[str, str]
"""Partition key and sort key."""
Family = Literal["prompt", "partial", "config"]
"""What has versions."""

RESERVED_SLUGS = frozenset({"partials", "undefined", "null", "none"})
"""`partials` is a route; the others are what programs send when they forgot to set the id."""
RESERVED_LABELS = frozenset({"latest", "default", "published"})
PUBLISHED = frozenset({"published", "default"})
"""Selectors that say in words what no selector says."""
LARGEST_VERSION = 999_999_999

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DIGITS = re.compile(r"[0-9]{1,9}")
_LONGEST_ID = 100


def is_slug(text: str) -> bool:
    """Tell whether `text` may name a prompt, partial, config or virtual key: ASCII letters, digits, `_` and `-`."""
    return _SLUG.fullmatch(text) is not None and not is_uuid(text)


def is_uuid(text: str) -> bool:
    """Tell whether `text` is a UUID with its four dashes."""
    return _UUID.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Tell whether `text` is a SHA-256 in lower-case hex."""
    return _DIGEST.fullmatch(text) is not None


def could_be_id(text: str) -> bool:
    """Tell whether a run, a file, an upload or a batch could have this id; any other is in no key of a table."""
    return 0 < len(text) <= _LONGEST_ID and text.isascii() and text.isprintable()


def is_label(text: str) -> bool:
    """Tell whether `text` may be a label: no reserved word, not all digits, nothing but letters, digits, `_`, `-`."""
    return _LABEL.fullmatch(text) is not None and not text.isdigit() and text.lower() not in RESERVED_LABELS


def version_number(selector: str) -> int | None:
    """Return the version that an all-digits selector names, else None."""
    return int(selector) if _DIGITS.fullmatch(selector) else None


@dataclass(frozen=True, slots=True)
class KeySpace:
    """Builds the keys of one workspace. Raises InvalidRequest for what cannot be part of a key."""

    workspace: str

    def __post_init__(self) -> None:
        """Check the workspace itself."""
        if not is_slug(self.workspace):
            raise ConfigurationError("The workspace must be letters, digits, '_' and '-'", param="PROMPTSIDE_WORKSPACE")

    def pointers(self, family: Family) -> str:
        """Return the partition of all prompts, partials or configs."""
        return f"{self.workspace}#{family}"

    def pointer(self, family: Family, slug: str) -> Key:
        """Return the key of the item that says which version is published."""
        return self.pointers(family), _checked(is_slug(slug), slug, "slug")

    def identity(self, family: Family, uuid: str) -> Key:
        """Return the key of the item that knows a UUID's slug."""
        return f"{self.workspace}#{family}-id", _checked(is_uuid(uuid), uuid.lower(), "id")

    def versions(self, family: Family, slug: str) -> str:
        """Return the partition of one slug's versions."""
        return f"{self.workspace}#{family}#{_checked(is_slug(slug), slug, 'slug')}"

    def version(self, family: Family, slug: str, number: int) -> Key:
        """Return the key of one version; the padding keeps them in numeric order."""
        _checked(0 < number <= LARGEST_VERSION, str(number), "version")
        return self.versions(family, slug), f"{number:010d}"

    def api_keys(self) -> str:
        """Return the partition of the callers' keys."""
        return f"{self.workspace}#api-key"

    def api_key(self, digest: str) -> Key:
        """Return the key of the record of one caller's key."""
        return self.api_keys(), _checked(is_digest(digest), digest, "digest")

    def virtual_keys(self) -> str:
        """Return the partition of virtual keys."""
        return f"{self.workspace}#virtual-key"

    def virtual_key(self, slug: str) -> Key:
        """Return the key of one virtual key's settings."""
        return self.virtual_keys(), _checked(is_slug(slug), slug, "slug")

    def labels(self) -> str:
        """Return the partition of the workspace's labels."""
        return f"{self.workspace}#label"

    def label(self, name: str) -> Key:
        """Return the key of one label."""
        return self.labels(), _checked(is_label(name), name, "label")

    def collections(self) -> str:
        """Return the partition of the workspace's collections."""
        return f"{self.workspace}#collection"

    def collection(self, uuid: str) -> Key:
        """Return the key of one collection."""
        return self.collections(), _checked(is_uuid(uuid), uuid.lower(), "id")


def _checked(fits: bool, text: str, what: str) -> str:
    if not fits:
        raise InvalidRequest(f"This {what} is not valid: use letters, digits, '_' and '-' only", param=what)
    return text

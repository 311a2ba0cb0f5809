"""Makes slugs of names that other products allow, always the same one for the same names."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from promptside.store.names import RESERVED_SLUGS, is_slug

LONGEST_SLUG = 128
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_MARK = 6


def slug_of(name: str) -> str:
    """Return the slug for a name; a name that is one stays as it is: `Team/Größe 2` gives `Team-Gro-e-2`."""
    if is_slug(name) and name.lower() not in RESERVED_SLUGS:
        return name
    plain = "".join(
        character for character in unicodedata.normalize("NFKD", name) if not unicodedata.combining(character)
    )
    short = _UNSAFE.sub("-", plain).strip("-_")[:LONGEST_SLUG].rstrip("-_")
    if not short:
        return f"prompt-{_mark(name)}"
    if is_slug(short) and short.lower() not in RESERVED_SLUGS:
        return short
    return f"prompt-{short}"[:LONGEST_SLUG]


def slugs_of(names: Iterable[str]) -> dict[str, str]:
    """Return the slug of each name, all different whatever the order of the names.

    Of several names that give the same slug, those that had to be changed get a mark made from the name.
    """
    plain = {name: slug_of(name) for name in names}
    counts = Counter(plain.values())
    return {
        name: slug if counts[slug] == 1 or name == slug else f"{slug[: LONGEST_SLUG - _MARK - 1]}-{_mark(name)}"
        for name, slug in plain.items()
    }


def _mark(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:_MARK]

"""Finds who uses what, so that nothing in use is deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from promptside.errors import Conflict
from promptside.management.services import ManagementServices
from promptside.schema.prompt import split_model
from promptside.store.records import Pointer
from promptside.store.versioned import Version, VersionedStore

_MOST_NAMED = 10


def refuse_in_use(beginning: str, names: Sequence[str], advice: str = "") -> None:
    """Raise Conflict that names the first of those who use something; nothing when there are none."""
    if names:
        more = "" if len(names) <= _MOST_NAMED else f" and {len(names) - _MOST_NAMED} more"
        raise Conflict(f"{beginning} {', '.join(names[:_MOST_NAMED])}{more}{advice}", code="in_use")


def users(store: VersionedStore[Version], uses: Callable[[Version], bool]) -> list[str]:
    """Return the slugs whose published, latest or labelled version `uses` says yes to."""
    wanted = {pointer.slug: (pointer, _in_use(pointer)) for pointer in store.all()}
    return sorted({version.slug for version in store.versions_of(wanted) if uses(version)})


def prompts_with_partial(services: ManagementServices, slug: str) -> list[str]:
    """Return the prompts that include a partial."""
    return users(services.prompts, lambda version: _includes(version.partials, slug))


def partials_with_partial(services: ManagementServices, slug: str) -> list[str]:
    """Return the other partials that include a partial."""
    return [
        name for name in users(services.partials, lambda version: _includes(version.partials, slug)) if name != slug
    ]


def prompts_with_virtual_key(services: ManagementServices, slug: str) -> list[str]:
    """Return the prompts that name a virtual key, by itself or in front of their model."""
    return users(services.prompts, lambda version: slug in (version.virtual_key, split_model(version.model or "")[0]))


def prompts_with_config(services: ManagementServices, slug: str) -> list[str]:
    """Return the prompts that name a config in their parameters."""
    return users(services.prompts, lambda version: version.parameters.get("config") == slug)


def _includes(references: tuple[str, ...], slug: str) -> bool:
    return any(reference.partition("@")[0] == slug for reference in references)


def _in_use(pointer: Pointer) -> tuple[int, ...]:
    return tuple({pointer.published, pointer.latest, *pointer.labels.values()})

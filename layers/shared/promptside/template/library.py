"""Compiled templates by version: each immutable version is compiled once in the life of the process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TypeVar

from promptside.schema.prompt import PartialVersion, PromptVersion
from promptside.template.compiler import Template, compile_template
from promptside.template.prompt import CompiledPrompt, compile_prompt

_Compiled = TypeVar("_Compiled")


class TemplateLibrary:
    """A bounded cache, safe to share between threads."""

    def __init__(self, capacity: int = 1000) -> None:
        self._capacity = capacity
        self._prompts: OrderedDict[str, CompiledPrompt] = OrderedDict()
        self._partials: OrderedDict[str, Template] = OrderedDict()
        self._lock = threading.Lock()

    def prompt(self, version: PromptVersion) -> CompiledPrompt:
        """Return the compiled form of a prompt version. Raises TemplateError."""
        name = f"prompt '{version.slug}'"
        return self._get(
            self._prompts,
            version.version_id,
            lambda: compile_prompt(version.string, kind=version.kind, raw=version.raw, name=name),
        )

    def partials(self, versions: Mapping[str, PartialVersion]) -> dict[str, Template]:
        """Return the compiled partials under the references the templates use. Raises TemplateError."""
        return {reference: self._partial(version) for reference, version in versions.items()}

    def _partial(self, version: PartialVersion) -> Template:
        name = f"partial '{version.slug}'"
        return self._get(self._partials, version.version_id, lambda: compile_template(version.string, name=name))

    def _get(self, cache: OrderedDict[str, _Compiled], key: str, compile_it: Callable[[], _Compiled]) -> _Compiled:
        with self._lock:
            found = cache.get(key)
            if found is not None:
                cache.move_to_end(key)
                return found
        compiled = compile_it()
        with self._lock:
            cache[key] = compiled
            if len(cache) > self._capacity:
                cache.popitem(last=False)
        return compiled

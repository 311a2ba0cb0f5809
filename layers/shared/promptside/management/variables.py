"""The names that a prompt's templates use, also those of the partials that it includes."""

from __future__ import annotations

from collections import deque

from promptside.errors import TemplateError
from promptside.management.services import ManagementServices
from promptside.schema.prompt import PromptVersion, parse_reference
from promptside.store.walk import MOST_PARTIALS, selected
from promptside.template.compiler import Template, compile_template
from promptside.template.prompt import CompiledPrompt, compile_prompt


def variables_of(services: ManagementServices, version: PromptVersion) -> list[str]:
    """Return the dotted names in order of first use, the prompt's own before those of partials."""
    try:
        compiled: CompiledPrompt | Template = compile_prompt(version.string, kind=version.kind, raw=version.raw)
    except TemplateError:
        # Stored by a release with other rules; whoever reads it may want to mend it.
        return []
    names = dict.fromkeys(compiled.variables)
    seen = set(compiled.partials)
    waiting = deque(compiled.partials)
    while waiting and len(seen) <= MOST_PARTIALS:
        partial = _partial(services, waiting.popleft())
        if partial is None:
            continue
        names.update(dict.fromkeys(partial.variables))
        waiting.extend(name for name in partial.partials if name not in seen)
        seen.update(partial.partials)
    return list(names)


def _partial(services: ManagementServices, text: str) -> Template | None:
    reference = parse_reference(text)
    pointer = services.partials.find(reference.id)
    number = None if pointer is None else selected(pointer, reference.selector)
    if pointer is None or number is None:
        return None
    try:
        return compile_template(services.partials.version(pointer, number).string)
    except TemplateError:
        return None

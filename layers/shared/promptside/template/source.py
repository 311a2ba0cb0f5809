"""The text of a template and its name, so that every error can say where it is."""

from __future__ import annotations

from dataclasses import dataclass

from promptside.errors import TemplateError

_LONGEST_NAME_SHOWN = 64


@dataclass(frozen=True, slots=True)
class Source:
    """Template text as stored; `name` says whose it is: `prompt 'pp-hello-1a2b3c'`."""

    text: str
    name: str | None = None

    def error(self, message: str, offset: int, *, code: str | None = None) -> TemplateError:
        """Return the error for the character at `offset` (from 0)."""
        line_start = self.text.rfind("\n", 0, offset) + 1
        return TemplateError(
            message,
            line=self.text.count("\n", 0, offset) + 1,
            column=offset - line_start + 1,
            template=self.name,
            code=code,
        )


def shown(name: str) -> str:
    """Return a tag's name for a message, cut: `'customer.name'`. Nothing else of a template is ever shown."""
    cut = name if len(name) <= _LONGEST_NAME_SHOWN else name[:_LONGEST_NAME_SHOWN] + "…"
    return f"'{cut}'"

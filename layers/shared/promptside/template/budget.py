"""What one rendering may still cost, so that no template and no data can run away with the process."""

from __future__ import annotations

from promptside.template.compiler import DEFAULT_LIMITS, Limits
from promptside.template.source import Source

# Entering a section or partial once costs about as much as this many literals.
_ENTRY = 3
# A name that is looked up through this many values costs about as much again.
_LEVELS = 4


class Budget:
    """Counts down while a prompt renders; all of its texts share one."""

    __slots__ = ("_characters", "_steps", "limits")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self._characters = limits.output_size
        self._steps = limits.steps

    def write(self, characters: int, source: Source, offset: int) -> None:
        """Take so many characters off. Raises TemplateError when the output is too large."""
        self._characters -= characters
        if self._characters < 0:
            raise source.error(f"The rendered text is longer than {self.limits.output_size} characters", offset)

    def enter(self, cost: int, depth: int, source: Source, offset: int) -> None:
        """Take off one pass over a body of that cost, `depth` values deep. Raises TemplateError when it is too much."""
        self._steps -= (cost + _ENTRY) * (1 + depth // _LEVELS)
        if self._steps < 0:
            raise source.error("Rendering takes too many steps: use shorter lists or fewer partials", offset)

"""Draws, for one run, the label that each experiment gives it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from promptside.drawing import by_chance, by_value
from promptside.schema.experiment import Experiment


@dataclass(slots=True)
class Lots:
    """The lots of one run, the same however often it asks. `random` gives [0, 1)."""

    metadata: Mapping[str, str] = field(default_factory=dict)
    random: Callable[[], float] = random.random
    _number: float | None = None

    def label(self, experiment: Experiment, prompt_id: str) -> str:
        """Return the label for the run's value of the field, or one by chance when it has none.

        The prompt's id is part of it, so that a user who is first in one experiment is not first in all.
        """
        value = self.metadata.get(experiment.by)
        if value is not None:
            return experiment.shares[by_value(experiment.shares, f"{prompt_id}\n{value}")][0]
        if self._number is None:
            self._number = self.random()
        return experiment.shares[by_chance([weight for _, weight in experiment.shares], self._number)][0]

from __future__ import annotations

import random

from promptside.runtime.snapshot import run_after_restore


def test_a_restored_environment_does_not_repeat_the_randomness_of_the_snapshot() -> None:
    random.seed(4711)
    state = random.getstate()
    run_after_restore()

    assert random.getstate() != state

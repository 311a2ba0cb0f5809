"""What a config names, so that it is read together with everything else."""

from typing import Any

import pytest

from promptside.schema.config import Named, named_in
from promptside.schema.prompt import Reference


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({}, Named()),
        (None, Named()),
        ({"targets": [{"virtual_key": "a"}, {"provider": "@b"}]}, Named(frozenset({"a", "b"}))),
        ({"override_params": {"model": "@c/m"}, "default_params": {"model": "m"}}, Named(frozenset({"c"}))),
        ({"override_params": {"model": "@c/m"}, "targets": [{"virtual_key": "@d"}]}, Named(frozenset({"c", "d"}))),
        (
            {"targets": [{"virtual_key": " @a "}, {"provider": "@b "}, {"prompt_id": " x@2 "}]},
            Named(frozenset({"a", "b"}), (Reference("x", "2"),)),
        ),
        ({"prompt_id": "x@2"}, Named(prompts=(Reference("x", "2"),), replaces_prompt=True)),
        (
            {"targets": [{"prompt_id": "x"}, {"targets": [{"prompt_id": "y@latest"}, {}]}]},
            Named(prompts=(Reference("x"), Reference("y", "latest"))),
        ),
        (
            {"prompt_id": "x", "targets": [{"virtual_key": "a"}, {"prompt_id": "y"}]},
            Named(frozenset({"a"}), (Reference("x"), Reference("y")), replaces_prompt=True),
        ),
        (
            {
                "virtualKey": "a",
                "overrideParams": {"model": "@c/m"},
                "targets": [{"promptId": "x"}, {"virtual_key": None}],
            },
            Named(frozenset({"a", "c"}), (Reference("x"),)),
        ),
        (
            {
                "cache": {"embedding": {"virtual_key": "@e"}},
                "targets": [{}, {"cache": {"embedding": {"provider": "@f"}}}],
            },
            Named(frozenset({"e", "f"})),
        ),
        ({"cache": {"embedding": {"virtualKey": "e", "model": "@g/m"}}}, Named(frozenset({"e", "g"}))),
        ({"cache": {"embedding": {"virtual_key": 7, "provider": ["@a"], "model": 3}}}, Named()),
        ({"cache": {"embedding": "e"}, "targets": [{"cache": "simple"}]}, Named()),
        ({"virtual_key": 7, "prompt_id": [], "targets": [None, 3, {"override_params": "x"}]}, Named()),
    ],
)
def test_virtual_keys_and_prompts_are_found(config: Any, named: Named) -> None:
    assert named_in(config) == named

from __future__ import annotations

import pytest

from promptside.errors import InvalidRequest
from promptside.providers.registry import ALIASES, MODULES, get_provider


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_an_alias_finds_the_provider_it_stands_for(alias: str) -> None:
    assert get_provider(alias).name == ALIASES[alias]


def test_an_unknown_provider_is_answered_with_the_known_names() -> None:
    with pytest.raises(InvalidRequest) as caught:
        get_provider("nobody" * 50)

    assert caught.value.code == "unknown_provider"
    assert caught.value.param == "provider"
    assert all(name in caught.value.message for name in MODULES)
    assert len(caught.value.message) < 400

from pathlib import Path

import pytest

from local.options import BadOption, Options, read_options

CHECKOUT = Path("/checkout")


def test_everything_has_a_default() -> None:
    assert read_options({}, CHECKOUT) == Options(
        port=8787,
        api_key="ps-local-development-key",
        state_directory=CHECKOUT / ".promptside",
        examples=CHECKOUT / "prompts",
    )


def test_the_environment_decides() -> None:
    environment = {"PORT": "0", "PROMPTSIDE_API_KEY": "a-key-of-my-own-choice", "PROMPTSIDE_STATE_DIR": "/elsewhere"}

    options = read_options(environment, CHECKOUT)

    assert (options.port, options.api_key, options.state_directory) == (
        0,
        "a-key-of-my-own-choice",
        Path("/elsewhere"),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "٣"),
        ("PROMPTSIDE_API_KEY", "short"),
        ("PROMPTSIDE_API_KEY", "a key with some spaces in it"),
        ("PROMPTSIDE_API_KEY", "ein-schlüssel-mit-umlaut"),
    ],
)
def test_a_bad_value_is_named(name: str, value: str) -> None:
    with pytest.raises(BadOption, match=name):
        read_options({name: value}, CHECKOUT)

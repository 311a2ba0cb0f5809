from __future__ import annotations

import pytest

from promptside.providers.ai21 import studio_url
from promptside.providers.base import ProviderCall

PATH = "/studio/v1/chat/completions"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("https://a.example", f"https://a.example{PATH}"),
        ("https://a.example/", f"https://a.example{PATH}"),
        ("https://a.example/proxy", f"https://a.example/proxy{PATH}"),
        ("https://a.example/studio/v1", f"https://a.example{PATH}"),
        (f"https://a.example{PATH}/", f"https://a.example{PATH}"),
        ("https://a.example/proxy?key=1", f"https://a.example/proxy{PATH}?key=1"),
    ],
)
def test_the_path_stands_once_behind_the_origin(host: str, url: str) -> None:
    call = ProviderCall(kind="chat", model="m", parameters={}, completion_id="c0ffee", created=1795300000, messages=[])

    assert studio_url(call, {"custom_host": host}, PATH) == url

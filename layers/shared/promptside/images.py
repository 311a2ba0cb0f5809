"""Puts images in line for providers that do not fetch URLs themselves."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

from promptside.errors import InvalidRequest
from promptside.providers.base import ProviderCall
from promptside.schema.chat import Message
from promptside.transport.images import fetch_image

MOST_IMAGES = 20


def inline_images(call: ProviderCall, *, allow_private_hosts: bool) -> ProviderCall:
    """Return the call with every image URL replaced by a data URI; data URIs stay as they are.

    Raises InvalidRequest that names the part when an image cannot be fetched or is not one.
    """
    if not call.messages:
        return call
    inliner = _Inliner(allow_private_hosts)
    messages = [inliner.message(message, f"messages[{index}]") for index, message in enumerate(call.messages)]
    return replace(call, messages=messages) if inliner.fetched else call


class _Inliner:
    def __init__(self, allow_private_hosts: bool) -> None:
        self._allow_private_hosts = allow_private_hosts
        self.fetched = 0

    def message(self, message: Message, where: str) -> Message:
        content = message.get("content")
        if not isinstance(content, list):
            return message
        parts = [self._part(part, f"{where}.content[{index}]") for index, part in enumerate(content)]
        return {**message, "content": parts}

    def _part(self, part: Any, where: str) -> Any:
        if not isinstance(part, dict) or part.get("type") != "image_url":
            return part
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            return part
        if self.fetched >= MOST_IMAGES:
            raise InvalidRequest(f"More than {MOST_IMAGES} image URLs in one request", param=where)
        self.fetched += 1
        mime, data = fetch_image(url, param=f"{where}.image_url.url", allow_private_hosts=self._allow_private_hosts)
        inlined = {**image} if isinstance(image, dict) else {}
        inlined["url"] = f"data:{mime};base64,{base64.b64encode(data).decode()}"
        return {**part, "image_url": inlined}

"""Prompts as resources of other stacks' templates: `Type: Custom::PromptsidePrompt` with this function's ARN."""

from __future__ import annotations

from typing import Any

from promptside.config import Settings
from promptside.management.release_answers import answer_release
from promptside.transport.client import HttpClient
from promptside.wiring import build_management

services = build_management(Settings.from_env())
http = HttpClient(allow_private_hosts=services.settings.allow_private_hosts)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request of CloudFormation at its ResponseURL."""
    return answer_release(services, event, http)

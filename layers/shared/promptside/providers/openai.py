"""OpenAI: chat completions, legacy text completions, and the Responses wire for the calls that need it.

https://developers.openai.com/api/docs/api-reference, read 2026-11-22. What single models refuse is in openai_models.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from promptside.providers.base import Capabilities, Field
from promptside.providers.openai_format.compatible import OpenAICompatible
from promptside.providers.openai_format.fields import base_url
from promptside.providers.openai_format.model_rules import choose_wire, rewrite_for_model, rewrite_responses_for_model
from promptside.providers.openai_format.responses import ResponsesRules
from promptside.providers.openai_format.rules import MessageRules

_VISIBLE = r"[\x21-\x7e]+"

FIELDS = (
    Field("api_key", "An OpenAI API key", secret=True, required=True, environment=("OPENAI_API_KEY",)),
    base_url("Another base URL, with its /v1; only hosts that the stack allows are used", "OPENAI_BASE_URL"),
    Field(
        "organization",
        "The organization that is billed",
        environment=("OPENAI_ORG_ID",),
        header="x-portkey-openai-organization",
        pattern=_VISIBLE,
        aliases=("openaiOrganization", "openai_organization"),
    ),
    Field(
        "project",
        "The project that is billed",
        environment=("OPENAI_PROJECT_ID",),
        header="x-portkey-openai-project",
        pattern=_VISIBLE,
        aliases=("openaiProject", "openai_project"),
    ),
    Field(
        "wire",
        "chat or responses: the endpoint to call, whatever the model; without it the model and its tools decide",
        header="x-portkey-openai-wire",
        pattern="chat|responses",
    ),
    Field(
        "base_model",
        "The model whose rules apply, where the name of the called one does not tell (an alias behind a custom host)",
        header="x-portkey-openai-base-model",
        pattern=_VISIBLE,
    ),
)


HEADER_FIELDS: Mapping[str, str] = MappingProxyType(
    {"organization": "openai-organization", "project": "openai-project"}
)

PROVIDER = OpenAICompatible(
    name="openai",
    fields=FIELDS,
    base_url="https://api.openai.com/v1",
    text_path="/completions",
    messages=MessageRules(developer_as_system=False),
    header_fields=HEADER_FIELDS,
    rewrite=rewrite_for_model,
    choose_wire=choose_wire,
    responses=ResponsesRules(rewrite=rewrite_responses_for_model),
    capabilities=Capabilities(
        text=True,
        documents=True,
        reasoning=True,
        note="Tools with reasoning go through the Responses API; no first-party text-completion model is left",
    ),
)

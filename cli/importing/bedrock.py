"""Imports prompts of Amazon Bedrock Prompt Management, from its API or from `aws bedrock-agent get-prompt`.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_GetPrompt.html and botocore 1.44.5's service model,
read 2026-11-23. Each document is one answer of GetPrompt, or a list of them; several answers with one id are versions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cli.importing.base import BadExport, Document, ImportResult, Options, Source, Version
from cli.importing.bedrock_api import CREDENTIALS, fetch
from cli.importing.bedrock_content import read_template
from cli.importing.collector import Collector, Draft
from cli.importing.reading import Reading, is_empty, is_object
from cli.stored_form import join_messages
from promptside.schema.prompt import JsonObject

_RECORDS = ("id", "arn", "createdAt", "updatedAt", "ResponseMetadata")
_REASONS = {"customerEncryptionKeyArn": "the stack encrypts its tables with its own key"}
_OTHER = "there is no place for it here"
_DRAFT = 1_000_000_000
_INFERENCE = {
    "temperature": "temperature", "topP": "top_p", "maxTokens": "max_tokens", "stopSequences": "stop",
}  # fmt: skip


def read(documents: Sequence[Document], options: Options) -> ImportResult:
    """Return the prompts in the documents; of several variants the default one. Raises BadExport."""
    collector = Collector(options)
    by_id: dict[str, list[JsonObject]] = {}
    for document in documents:
        items = document.content if isinstance(document.content, list) else [document.content]
        for item in items:
            if not is_object(item) or not isinstance(item.get("name"), str) or "id" not in item:
                raise BadExport(f"{document.name}: expected the answer of GetPrompt with 'name', 'id' and 'variants'")
            by_id.setdefault(str(item["id"]), []).append(item)
    names: set[str] = set()
    for identity, answers in by_id.items():
        # Names are unique in one region only.
        name = answers[0]["name"] if answers[0]["name"] not in names else f"{answers[0]['name']}-{identity}"
        names.add(name)
        _add_prompt(collector, options, name, sorted(answers, key=_number))
    return collector.result()


def _number(answer: JsonObject) -> int:
    """Return the version for sorting; the draft comes last, as it may become the next one."""
    version = str(answer.get("version"))
    return int(version) if version.isdecimal() else _DRAFT


def _add_prompt(collector: Collector, options: Options, name: str, answers: list[JsonObject]) -> None:
    current = next((answer for answer in reversed(answers) if _number(answer) != _DRAFT), answers[-1])
    if _number(current) == _DRAFT:
        collector.note(f"prompt '{name}'", "there is no version of it: the draft is published")
    if not options.all_versions:
        for answer in answers:
            if answer is not current:
                collector.skip(
                    f"prompt '{name}', version {answer.get('version')}", "not the newest; see --all-versions"
                )
        answers = [current]
    default = _default_variant(current)
    variants: dict[str, list[tuple[JsonObject, Version]]] = {}
    for answer in answers:
        what = f"prompt '{name}', version {answer.get('version')}"
        reading = Reading(answer)
        reading.take_present(("name", "version", "defaultVariant", "description", "variants"))
        collector.leave(what, reading.take_present(_RECORDS), "the account's own record")
        collector.finish(what, reading, _REASONS, _OTHER)
        for variant, version in _variants(collector, answer, what, default=default, all_versions=options.all_versions):
            variants.setdefault(variant, []).append((answer, version))
    for variant, found in variants.items():
        place = next((index for index, (answer, _) in enumerate(found) if answer is current), None)
        if place is None:
            collector.skip(f"prompt '{name}', variant '{variant}'", "the newest version does not have it")
            continue
        key = name if variant == default else f"{name}-{variant}"
        collector.add(Draft(key, tuple(version for _, version in found), published=place))


def _default_variant(answer: JsonObject) -> str | None:
    given = answer.get("defaultVariant")
    names = [variant.get("name") for variant in answer.get("variants") or [] if is_object(variant)]
    if isinstance(given, str) and given in names:
        return given
    return names[0] if names else None


def _variants(
    collector: Collector, answer: JsonObject, what: str, *, default: str | None, all_versions: bool
) -> list[tuple[str, Version]]:
    variants = [variant for variant in answer.get("variants") or [] if is_object(variant)]
    if not variants:
        collector.skip(what, "it has no variants, and so no text")
    found = []
    for variant in variants:
        name = str(variant.get("name"))
        if name != default and not all_versions:
            collector.skip(f"{what}, variant '{name}'", "not the default one; --all-versions makes it a prompt")
            continue
        place = what if name == default else f"{what}, variant '{name}'"
        version = _version(collector, variant, answer, place)
        if version is not None:
            found.append((name, version))
    return found


def _version(collector: Collector, variant: JsonObject, answer: JsonObject, what: str) -> Version | None:
    reading = Reading(variant)
    reading.take_present(("name", "templateType"))
    if reading.take("genAiResource"):
        collector.skip(what, "it runs an agent of Bedrock, not a model: such a prompt has no place here")
        return None
    template = read_template(collector, reading.object("templateConfiguration"), what)
    target = collector.target(what, provider="bedrock", model=reading.text("modelId"))
    if not template.messages:
        collector.skip(what, "its template holds no text")
        return None
    _take_metadata(collector, reading, what)
    version = Version(
        string=join_messages(list(template.messages)),
        virtual_key=target[0],
        model=target[1],
        parameters=_parameters(collector, reading, what),
        tools=template.tools,
        tool_choice=template.tool_choice,
        description=answer.get("description") or None,
        origin=str(answer.get("version")),
    )
    if target[1] is not None and target[1].startswith("arn:"):
        collector.note(what, "the model is an ARN of that account and region: calls need credentials for it")
    collector.finish(what, reading, {}, _OTHER)
    return version


def _parameters(collector: Collector, reading: Reading, what: str) -> JsonObject:
    inference = reading.object("inferenceConfiguration")
    text = Reading(inference.pop("text", None) or {})
    parameters: JsonObject = {
        ours: value for theirs, ours in _INFERENCE.items() if not is_empty(value := text.take(theirs))
    }
    collector.finish(f"{what}: inferenceConfiguration", text, {}, _OTHER)
    collector.leave(f"{what}: inferenceConfiguration", inference, _OTHER)
    extra: Any = reading.object("additionalModelRequestFields")
    if extra:
        parameters["additional_model_request_fields"] = extra
    return parameters


def _take_metadata(collector: Collector, reading: Reading, what: str) -> None:
    keys = [str(item.get("key")) for item in reading.items("metadata") if is_object(item)]
    collector.leave(f"{what}: metadata", keys, "prompts have no free metadata here; send metadata with the call")


IMPORTER = Source("bedrock", "Bedrock Prompt Management", (".json",), read, fetch, CREDENTIALS)

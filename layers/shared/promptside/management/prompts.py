"""Prompts: create, update, publish, retrieve, list, delete.

What an update leaves out is taken from the latest version, so the strict form of an update (every field repeated) and
the patching one are the same to us.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from promptside.errors import Conflict, Forbidden, InvalidRequest, JsonObject
from promptside.management import fields
from promptside.management.drafts import check_prompt, kind_of, new_slug, template_string
from promptside.management.experiments import experiment_in
from promptside.management.limits import FIELDS, limits_in
from promptside.management.pointers import matching, renamed
from promptside.management.services import ManagementServices
from promptside.management.views import prompt_item, prompt_view
from promptside.management.warnings import draft_warnings, with_warnings
from promptside.schema.prompt import ApiKey, PromptVersion, parse_reference
from promptside.store.missing import prompt_version_not_found
from promptside.store.names import is_slug
from promptside.store.records import Pointer
from promptside.store.versioned import Version, VersionedStore, version_id
from promptside.store.walk import selected
from promptside.variable_schemas import check_schema

VERSION_FIELDS = (
    "string", "parameters", "model", "virtual_key", "functions", "tools", "tool_choice", "is_raw_template",
    "template_metadata", "variables_schema",
)  # fmt: skip
"""A body with any of these makes a new version."""
PUBLISH_SCOPE = "prompts.publish"


def create_prompt(services: ManagementServices, body: JsonObject) -> JsonObject:
    """Store a prompt with version 1, published.

    Answers `{"id", "slug", "version_id", "object": "prompt", "warnings"?}`.
    Raises InvalidRequest, TemplateError, Conflict, PayloadTooLarge.
    """
    chosen = fields.slug(body)
    name = fields.text(body, "name") or chosen
    if name is None:
        raise fields.missing("name")
    now = services.timestamp()
    identity = services.new_id()
    pointer = Pointer(
        slug=chosen or new_slug(services, name),
        id=identity,
        name=name,
        published=1,
        latest=1,
        collection_id=fields.text(body, "collection_id"),
        model=fields.text(body, "model"),
        experiment=experiment_in(body, {}) if "experiment" in body else None,
        limits=limits_in(body, {}, now),
        created_at=now,
        updated_at=now,
    )
    empty = PromptVersion(
        slug=pointer.slug, prompt_id=identity, version=1, version_id="", kind="chat", string="", created_at=now
    )
    # Without one, the error for a missing template comes from reading it.
    version = draft_prompt(services, empty, {"string": None, **body})
    services.prompts.create(pointer, version)
    answer = {"id": identity, "slug": pointer.slug, "version_id": version.version_id, "object": "prompt"}
    return with_warnings(answer, draft_warnings(services, version))


def update_prompt(
    services: ManagementServices, name: str, body: JsonObject, *, caller: ApiKey | None = None
) -> JsonObject:
    """Change name, collection, status, experiment or limits in place; anything else makes a new version, not published.

    Answers `{"id", "slug", "prompt_version_id", "warnings"?}` for a new version, else `{}`. An experiment decides what
    calls get, so it takes the scope of publishing: `caller` is the key that asks, None when nobody has to be asked.
    """
    if "experiment" in body and caller is not None and not caller.allows(PUBLISH_SCOPE):
        raise Forbidden(
            f"This API key lacks the scope '{PUBLISH_SCOPE}', which an experiment needs", param="experiment"
        )
    if not any(field in body for field in VERSION_FIELDS):
        _change_in_place(services, name, body)
        return {}

    def make(old: Pointer) -> tuple[Pointer, PromptVersion]:
        base = services.prompts.version(old, old.latest)
        now = services.timestamp()
        start = replace(base, version=old.latest + 1, description=None, created_at=now)
        return _changed(old, body, now), draft_prompt(services, start, body)

    pointer, version = services.prompts.add_version(name, make)
    answer = {"id": pointer.id, "slug": pointer.slug, "prompt_version_id": version.version_id}
    return with_warnings(answer, draft_warnings(services, version))


def publish_prompt(services: ManagementServices, name: str, body: JsonObject) -> JsonObject:
    """Publish `{"version": 2}`. Answers `{}`. Raises Conflict for the later one of two publishers."""
    number = version_in(body)
    pointer = services.prompts.get(name)
    model = services.prompts.version(pointer, number).model
    publish(services.prompts, pointer, number, change={"model": model, "updated_at": services.timestamp()})
    return {}


def retrieve_prompt(services: ManagementServices, name: str, query: Mapping[str, str]) -> JsonObject:
    """Return the published version with all that is known of the prompt, or the one that `?version=` names."""
    reference = parse_reference(name)
    pointer = services.prompts.get(reference.id)
    selector = query.get("version") or reference.selector
    number = selected(pointer, selector)
    if number is None:
        raise prompt_version_not_found(pointer.slug, selector)
    return prompt_view(services, pointer, services.prompts.version(pointer, number))


def list_prompts(services: ManagementServices, query: Mapping[str, str]) -> JsonObject:
    """Return the prompts, newest first; the query has `collection_id`, `search`, `current_page`, `page_size`."""
    return fields.page_of(matching(services.prompts.all(), query), query, prompt_item)


def delete_prompt(services: ManagementServices, name: str) -> JsonObject:
    """Delete a prompt with all its versions. Answers `{}`."""
    services.prompts.delete(services.prompts.get(name))
    return {}


def version_in(body: JsonObject) -> int:
    """Return the version number that a publish names."""
    if body.get("version") is None:
        raise fields.missing("version")
    return fields.number(body["version"], "version")


def publish(store: VersionedStore[Version], pointer: Pointer, number: int, *, change: Mapping[str, str | None]) -> None:
    """Make a version the published one. Raises Conflict when somebody else published another one meanwhile."""

    def make(now: Pointer) -> Pointer:
        if now.id != pointer.id or now.published not in (pointer.published, number):
            raise Conflict(
                f"Version {now.published} of '{pointer.slug}' was published meanwhile by somebody else", param="version"
            )
        return replace(now, published=number, **change)  # type: ignore[arg-type]

    store.change(pointer.slug, make, needs_version=number)


def rename(store: VersionedStore[Version], name: str, body: JsonObject, now: str) -> None:
    """Change what is not part of a version; nothing is written when nothing is asked for."""
    if any(field in body for field in ("name", "collection_id", "status")):
        store.change(name, lambda old: renamed(old, body, now))
    else:
        store.get(name)


def _change_in_place(services: ManagementServices, name: str, body: JsonObject) -> None:
    if body.keys() & {"name", "collection_id", "status", "experiment", *FIELDS}:
        services.prompts.change(name, lambda old: _changed(old, body, services.timestamp()))
    else:
        services.prompts.get(name)


def _changed(old: Pointer, body: JsonObject, now: str) -> Pointer:
    new = renamed(old, body, now)
    if "experiment" in body:
        new = replace(new, experiment=experiment_in(body, old.labels))
    return replace(new, limits=limits_in(body, old.limits, now)) if body.keys() & FIELDS else new


def draft_prompt(services: ManagementServices, base: PromptVersion, body: JsonObject) -> PromptVersion:
    """Return `base` with the body's fields in their places, compiled once to see that it can be."""
    version = replace(
        base,
        version_id=version_id(base.prompt_id, base.version),
        string=template_string(body) if "string" in body else base.string,
        raw=fields.flag(body, "is_raw_template") if "is_raw_template" in body else base.raw,
        parameters=_parameters(body) if "parameters" in body else base.parameters,
        model=fields.text(body, "model") if "model" in body else base.model,
        virtual_key=_virtual_key(body) if "virtual_key" in body else base.virtual_key,
        functions=fields.object_list(body, "functions") if "functions" in body else base.functions,
        tools=fields.object_list(body, "tools") if "tools" in body else base.tools,
        tool_choice=_tool_choice(body) if "tool_choice" in body else base.tool_choice,
        template_metadata=(
            fields.json_object(body, "template_metadata") if "template_metadata" in body else base.template_metadata
        ),
        variables_schema=_variables_schema(body) if "variables_schema" in body else base.variables_schema,
        description=fields.text(body, "version_description", longest=fields.LONGEST_DESCRIPTION),
    )
    kind = kind_of(version.string, version.template_metadata)
    return replace(version, kind=kind, partials=check_prompt(services, version.string, kind, raw=version.raw))


def _virtual_key(body: JsonObject) -> str | None:
    value = (fields.text(body, "virtual_key") or "").removeprefix("@")
    if value and not is_slug(value):
        raise InvalidRequest(
            "'virtual_key' must be the slug of a virtual key or a provider's name", param="virtual_key"
        )
    return value or None


def _parameters(body: JsonObject) -> JsonObject:
    parameters = fields.json_object(body, "parameters")
    if parameters.get("config"):
        # Few prompts have one.
        from promptside.management.configs import check_prompts_config

        check_prompts_config(parameters)
    return parameters


def _variables_schema(body: JsonObject) -> JsonObject | None:
    schema = fields.json_object(body, "variables_schema")
    if not schema:
        return None
    check_schema(schema)
    return schema


def _tool_choice(body: JsonObject) -> str | JsonObject | None:
    value = body["tool_choice"]
    if value is None or value == "":
        return None
    if not isinstance(value, str | dict):
        raise fields.wrong_type("tool_choice", "a text or a JSON object")
    return value

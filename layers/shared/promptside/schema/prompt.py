"""Stored prompts, versions and partials, as the rest of the layer sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from promptside.schema.limits import Subject

JsonObject = dict[str, Any]
Kind = Literal["chat", "text"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A name with an optional selector, as it stands in a path or a tag: `slug`, `slug@5`, `slug@latest`, `uuid@label`.

    `selector` is None for the published version, else the text after `@`.
    """

    id: str
    selector: str | None = None

    def __str__(self) -> str:
        """Return the form it was written in."""
        return self.id if self.selector is None else f"{self.id}@{self.selector}"


def parse_reference(text: str) -> Reference:
    """Split `slug@selector` at the first `@`."""
    name, at, selector = text.partition("@")
    return Reference(name, selector if at else None)


def split_model(model: str) -> tuple[str | None, str]:
    """Return the virtual key in front of a model's name, if any, and the bare name: `@team-a/gpt-x`."""
    if model.startswith("@") and "/" in model:
        slug, _, bare = model[1:].partition("/")
        return slug, bare
    return None, model


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """One immutable version of a prompt.

    `string` is the template: JSON text of a message list for chat, plain text otherwise. `partials` are the references
    of stored partials that the template names, as written. `variables_schema` is a JSON Schema for the variables of a
    call. Times are RFC 3339 in UTC.
    """

    slug: str
    prompt_id: str
    version: int
    version_id: str
    kind: Kind
    string: str
    raw: bool = False
    model: str | None = None
    virtual_key: str | None = None
    parameters: JsonObject = field(default_factory=dict)
    tools: list[JsonObject] | None = None
    functions: list[JsonObject] | None = None
    tool_choice: Any = None
    template_metadata: JsonObject = field(default_factory=dict)
    description: str | None = None
    partials: tuple[str, ...] = ()
    variables_schema: JsonObject | None = None
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class PartialVersion:
    """One immutable version of a partial."""

    slug: str
    partial_id: str
    version: int
    version_id: str
    string: str
    description: str | None = None
    partials: tuple[str, ...] = ()
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is stored of a caller's key: never the key itself, only its SHA-256 digest.

    `config` is the slug of the config for calls that bring none, or for all of them when it is `fixed_config`.
    `metadata` is that of every call, under what the call brings itself. `limits` are as in `schema.limits`.
    """

    id: str
    digest: str
    name: str
    scopes: frozenset[str]
    status: Literal["active", "revoked"] = "active"
    created_at: str = ""
    expires_at: str | None = None
    config: str | None = None
    fixed_config: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    limits: JsonObject = field(default_factory=dict)

    @property
    def subject(self) -> Subject | None:
        """The key as something that has limits, if it has any."""
        return Subject("api_key", self.id, self.name, self.limits) if self.limits else None

    def allows(self, scope: str) -> bool:
        """Tell whether the key carries `scope`, itself or through `*` or `<area>.*`."""
        return bool(self.scopes & {scope, "*", scope.partition(".")[0] + ".*"})


@dataclass(frozen=True, slots=True)
class VirtualKey:
    """A named set of provider credentials: public settings here, secrets in SSM under `secret_name`.

    Without a name (a key that was put into the table by hand) that is `virtual-keys/<slug>`; an empty one says that
    there is no secret. `expires_at` is RFC 3339 in UTC, `limits` are as in `schema.limits`.
    """

    slug: str
    provider: str
    settings: Mapping[str, str] = field(default_factory=dict)
    secret_name: str | None = None
    expires_at: str | None = None
    id: str = ""
    limits: JsonObject = field(default_factory=dict)

    @property
    def subject(self) -> Subject | None:
        """The virtual key as something that has limits, if it has any."""
        return Subject("virtual_key", self.id or self.slug, self.slug, self.limits) if self.limits else None


@dataclass(frozen=True, slots=True)
class ConfigVersion:
    """One immutable version of a stored config; `config` was checked when it was stored. Times are RFC 3339 in UTC."""

    slug: str
    config_id: str
    version: int
    version_id: str
    config: JsonObject = field(repr=False)
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class Resolution:
    """Everything one run needs from the table, read together.

    `partials` maps each reference as written in a template (`slug`, `slug@5`) to its version, transitively.
    `virtual_keys` holds the stored ones among the slugs that were asked for. `config` is the stored config for this
    run, if there is one, and `prompts` are those that a config names. `labels` are those that experiments have drawn,
    by prompt and version number. `limited_prompt` is the prompt if it has limits. `stale` says that the table could not
    be read and this is what it held a few minutes ago.
    """

    api_key: ApiKey | None
    prompt: PromptVersion
    partials: Mapping[str, PartialVersion]
    virtual_keys: Mapping[str, VirtualKey]
    stale: bool = False
    config: ConfigVersion | None = None
    prompts: Mapping[Reference, PromptVersion] = field(default_factory=dict)
    labels: Mapping[tuple[str, int], str] = field(default_factory=dict)
    limited_prompt: Subject | None = None

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The caller's key and the prompt, as far as they have limits."""
        key = None if self.api_key is None else self.api_key.subject
        return tuple(each for each in (key, self.limited_prompt) if each is not None)

    @property
    def label(self) -> str | None:
        """The label by which an experiment has chosen the version of this run, if one has."""
        return self.labels.get((self.prompt.prompt_id, self.prompt.version))

"""What all importers share: documents go in, prompts and a full account of everything else come out.

Reading is pure. A source with an API has a fetcher besides, that returns the same documents as an export would give:

    documents = portkey.IMPORTER.fetch(Access({"api_key": key}), options)     or the user's files
    result = portkey.IMPORTER.read(documents, options)
    for prompt in result.prompts:
        prompt.body()             the body of POST /v1/prompts; `slug` in it makes a second import an update
        prompt.versions           all that were asked for, oldest first; `prompt.current` is the one to publish
    result.partials               come first: prompts refer to them
    result.skipped, result.notes  what a dry run prints
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from promptside.schema.prompt import JsonObject, Kind


class BadExport(Exception):
    """Input that is not an export of this source at all; the message names the document and what was expected."""


class FetchFailed(Exception):
    """The source's API did not give the prompts; the message says what to change and holds no secret."""


@dataclass(frozen=True, slots=True)
class Document:
    """One piece of an export: decoded JSON, or text for sources that are text. `name` is its path, for messages."""

    name: str
    content: Any


@dataclass(frozen=True, slots=True)
class Options:
    """What the user chose.

    `virtual_key` and `model` stand in where the source names none. Without `all_versions` only the version that the
    source serves by default is taken.
    """

    virtual_key: str | None = None
    model: str | None = None
    all_versions: bool = False


@dataclass(frozen=True, slots=True)
class Version:
    """One version in stored form: `string` is the JSON text of a message list for chat, plain text otherwise.

    `origin` is what the source calls it, `labels` are those it carries there.
    """

    string: str
    kind: Kind = "chat"
    raw: bool = False
    model: str | None = None
    virtual_key: str | None = None
    parameters: JsonObject = field(default_factory=dict)
    tools: list[JsonObject] | None = None
    functions: list[JsonObject] | None = None
    tool_choice: Any = None
    variables_schema: JsonObject | None = None
    description: str | None = None
    origin: str | None = None
    labels: tuple[str, ...] = ()

    def body(self) -> JsonObject:
        """Return the fields of a version in PUT /v1/prompts/{slug}; what is absent is left out."""
        fields: JsonObject = {
            "string": self.string,
            "template_metadata": {"template_type": "chat" if self.kind == "chat" else "completion"},
            "is_raw_template": 1 if self.raw else None,
            "model": self.model,
            "virtual_key": self.virtual_key,
            "parameters": self.parameters,
            "tools": self.tools,
            "functions": self.functions,
            "tool_choice": self.tool_choice,
            "variables_schema": self.variables_schema,
            "version_description": self.description,
        }
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class ImportedPrompt:
    """A prompt with its versions, oldest first; `published` is the place of the one to publish among them.

    `variables` are values to try it with, where the source holds some.
    """

    slug: str
    name: str
    versions: tuple[Version, ...]
    published: int = 0
    variables: JsonObject = field(default_factory=dict)

    @property
    def current(self) -> Version:
        """The version to publish."""
        return self.versions[self.published]

    def body(self) -> JsonObject:
        """Return the body of POST /v1/prompts for the version to publish."""
        return {"slug": self.slug, "name": self.name, **self.current.body()}


@dataclass(frozen=True, slots=True)
class ImportedPartial:
    """A partial in the one version that is published here."""

    slug: str
    name: str
    string: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something of the source that is not carried over: a prompt, a version or a field, and the reason."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something that is carried over, but that the user should know about."""

    what: str
    text: str


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Everything that an import gives; the same documents and options give an equal one."""

    prompts: tuple[ImportedPrompt, ...] = ()
    partials: tuple[ImportedPartial, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Credential:
    """Something that a fetcher needs; `variable` is where the source's own tools read it in the environment."""

    name: str
    variable: str
    required: bool = True
    secret: bool = True


Report = Callable[[str], None]
"""Takes a line of progress, such as `12 of 40 prompts`."""


def _silent(line: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a source's API: values by the names of its credentials, and its base URL unless the usual one."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    base_url: str | None = None
    report: Report = _silent


Read = Callable[[Sequence[Document], Options], ImportResult]
Fetch = Callable[[Access, Options], list[Document]]


class Importer(Protocol):
    """One source. `suffixes` are the files it reads; `fetch` is None where the source has no API to read prompts."""

    @property
    def name(self) -> str:
        """What the user types: `openai`."""

    @property
    def title(self) -> str:
        """What the source is called."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Ends of file names, such as `.json`; a `.json` file is decoded, any other is text."""

    @property
    def read(self) -> Read:
        """Translate documents. Raises BadExport."""

    @property
    def fetch(self) -> Fetch | None:
        """Get the documents from the source's API. Raises FetchFailed."""

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """What `fetch` needs."""


@dataclass(frozen=True, slots=True)
class Source:
    """An Importer as data."""

    name: str
    title: str
    suffixes: tuple[str, ...]
    read: Read
    fetch: Fetch | None = None
    credentials: tuple[Credential, ...] = ()

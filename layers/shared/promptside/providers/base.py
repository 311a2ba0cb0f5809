"""What a provider is: five members, all pure functions, and the values that go in and out of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from promptside.errors import JsonObject, PromptsideError
from promptside.schema.chat import Chunk, Completion, Message, Usage

Kind = Literal["chat", "text"]
Framing = Literal["sse", "aws-eventstream"]


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """One provider-neutral call, in OpenAI's names.

    Exactly one of `messages` (chat) and `prompt` (text) is set. `parameters` holds every other OpenAI parameter except
    `model`, `stream` and `stream_options.include_usage`, nulls removed. `settings` are the public fields of the
    provider's configuration (region, deployment, wire switches), so that everything an adapter decides follows from the
    call. `completion_id` has no prefix; `created` is unix seconds.
    """

    kind: Kind
    model: str
    parameters: JsonObject
    completion_id: str
    created: int
    messages: list[Message] | None = None
    prompt: Any = None
    stream: bool = False
    include_usage: bool = False
    strict_params: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def wants_function_call(self) -> bool:
        """Whether the answer must have `function_call`; a caller who declares tools as well knows tool calls."""
        return bool(self.parameters.get("functions")) and not self.parameters.get("tools")


class Credentials(Mapping[str, str]):
    """The configuration fields of one provider, secrets included; its repr shows names only."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        """Return the field, or raise KeyError."""
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._values)

    def __len__(self) -> int:
        """Count the fields."""
        return len(self._values)

    def __repr__(self) -> str:
        """Show names, never values."""
        return f"Credentials({', '.join(sorted(self._values))})"


@dataclass(frozen=True, slots=True)
class SigV4:
    """Sign the request for AWS. Without keys, the function's own role signs."""

    service: str
    region: str
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class GoogleToken:
    """Send a Google access token made from `info`, the JSON of a service account or of a federation config."""

    info: str = field(repr=False)
    scope: str = "https://www.googleapis.com/auth/cloud-platform"


@dataclass(frozen=True, slots=True)
class EntraToken:
    """Send a Microsoft Entra token obtained by client credentials."""

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = "https://cognitiveservices.azure.com/.default"


Signing = SigV4 | GoogleToken | EntraToken


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """One HTTP POST to send, as data.

    `framing` says how a streamed answer is cut into events. `dropped` names the parameters that were left out because
    the provider has no such thing. `signing` is done by the transport just before sending.
    """

    url: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    framing: Framing = "sse"
    signing: Signing | None = None
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of a streamed answer: the SSE `event:` field or AWS `:event-type`, and the decoded JSON object.

    An AWS exception frame has the name `exception:<type>`.
    """

    name: str
    data: JsonObject


DONE = StreamEvent("[DONE]", {})
"""What the transport yields for `data: [DONE]`; reading stops after it."""


class StreamMapper(Protocol):
    """Turns one provider's events into OpenAI chunks; one instance per stream, it owns all state.

    It emits the role once per choice, one finish reason per choice, the usage chunk only if `call.include_usage`, and
    the same id, created and model in every chunk. It does not emit `[DONE]`.
    """

    usage: Usage | None
    """The token counts seen so far, also when the caller did not ask for them."""
    finish_reason: str | None
    """The last finish reason emitted, for the log."""

    def feed(self, event: StreamEvent) -> list[Chunk]:
        """Map one event to the chunks it completes, in order.

        Raises ProviderError when the event is the provider's error.
        """
        ...

    def finish(self) -> list[Chunk]:
        """Return what is left when the upstream has ended cleanly.

        Raises ProviderUnusable when the end that this wire promises was never seen: the stream was cut short.
        """
        ...


@dataclass(frozen=True, slots=True)
class Field:
    """One configuration field of a provider, wherever it comes from.

    It may stand in the SSM secret, in a virtual key, in a request header or (local runs) in the environment variables
    that the provider's own SDK reads, the first that is set. `pattern` must match the whole value: everything that
    becomes part of a host name or path has one. `aliases` are other spellings that virtual keys use. `host` marks a
    field that decides which host is called: a caller may set it only together with credentials of their own, so that a
    stored secret never goes to a host that a caller chose. `multiline` says that it is a document, which never becomes
    a header as it is and may hold line breaks.
    """

    name: str
    description: str
    secret: bool = False
    required: bool = False
    environment: tuple[str, ...] = ()
    header: str | None = None
    pattern: str | None = None
    aliases: tuple[str, ...] = ()
    host: bool = False
    multiline: bool = False


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the documentation's table and the service need to know about a provider.

    `text` says whether it has a text-completion endpoint. `fetches_images` says whether it takes image URLs itself;
    otherwise the service downloads them and sends data URIs.
    """

    chat: bool = True
    text: bool = False
    streaming: bool = True
    tools: bool = True
    json_schema: bool = True
    images: bool = True
    fetches_images: bool = True
    documents: bool = False
    reasoning: bool = False
    note: str = ""


class Provider(Protocol):
    """An adapter. All five functions are pure: the same arguments give the same result, and nothing is read or sent."""

    @property
    def name(self) -> str:
        """The name callers use, such as `openai` or `bedrock`."""
        ...

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its configuration, in the order the documentation shows."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def build_request(self, call: ProviderCall, credentials: Mapping[str, str]) -> ProviderRequest:
        """Build the HTTP request for a call; `credentials` hold every configured field and were checked before.

        Raises InvalidRequest naming the parameter when the provider cannot do what the call's contract asks.
        """
        ...

    def parse_response(self, body: JsonObject, call: ProviderCall) -> Completion:
        """Turn a buffered answer with a 2xx status into OpenAI's object.

        Raises ProviderError when the body is an error in disguise, ProviderUnusable when it is no answer at all.
        """
        ...

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> PromptsideError:
        """Return (not raise) the error for an answer with a status of 400 or more. Header names are lower case."""
        ...

    def stream_mapper(self, call: ProviderCall) -> StreamMapper:
        """Return a fresh mapper for one stream."""
        ...

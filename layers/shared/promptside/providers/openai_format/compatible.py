"""The family of providers that speak OpenAI's chat completions: what differs between them is data.

A provider's file makes one `OpenAICompatible` and exports it as PROVIDER. Hooks are for the few things that no table
can say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from promptside.errors import InvalidRequest, JsonObject, PromptsideError
from promptside.providers.base import (
    Capabilities,
    Field,
    ProviderCall,
    ProviderRequest,
    Signing,
    StreamMapper,
)
from promptside.providers.error_bodies import provider_error
from promptside.providers.legacy_functions import (
    FunctionCallMapper,
    answer_with_function_call,
    speaks_of_functions,
    with_tools,
)
from promptside.providers.openai_format.answers import parse_answer
from promptside.providers.openai_format.endpoints import bearer, join_url
from promptside.providers.openai_format.messages import build_messages, build_tools
from promptside.providers.openai_format.responses import ResponsesRules, build_responses_body
from promptside.providers.openai_format.responses_answer import parse_response_object
from promptside.providers.openai_format.responses_stream import ResponsesStreamMapper
from promptside.providers.openai_format.rules import (
    AnswerRules,
    ChooseWire,
    MessageRules,
    RewriteBody,
    ToolRules,
    Wire,
    always_chat,
)
from promptside.providers.openai_format.stream import OpenAIStreamMapper
from promptside.providers.parameters import ParameterTable, no_text_endpoint
from promptside.schema.chat import Completion

Authorize = Callable[[Mapping[str, str]], Mapping[str, str]]
Sign = Callable[[Mapping[str, str]], Signing | None]
BuildUrl = Callable[[ProviderCall, Mapping[str, str], str], str]
UsageRequest = Literal["always", "when_asked", "never"]


@dataclass(frozen=True, slots=True)
class OpenAICompatible:
    """A provider of the family.

    `base_url` ends before the path; None means that `custom_host` must be configured. `text_path` is None without a
    text endpoint. `ask_usage` says when `stream_options.include_usage` is sent: a host that refuses it never gets it.
    `authorize` returns the headers that carry the credentials, `sign` a token to fetch instead, `header_fields` maps
    further fields to headers. `build_url` makes the URL from call, credentials and path, where joining a base and a
    path is not enough. `rewrite` has the last word on the body of the chat and text wire. `choose_wire` says which chat
    calls go through the Responses wire, `responses` how, and `responses_mapper` reads its streams. `statuses` maps the
    host's own error statuses to usual ones. Without `has_functions`, the parameters from before tools are translated,
    as they are for the Responses wire.
    """

    name: str
    fields: tuple[Field, ...]
    base_url: str | None
    capabilities: Capabilities = field(default_factory=Capabilities)
    chat_path: str = "/chat/completions"
    text_path: str | None = None
    parameters: ParameterTable = field(default_factory=ParameterTable)
    text_parameters: ParameterTable | None = None
    messages: MessageRules = field(default_factory=MessageRules)
    tools: ToolRules = field(default_factory=ToolRules)
    answers: AnswerRules = field(default_factory=AnswerRules)
    ask_usage: UsageRequest = "always"
    authorize: Authorize = bearer
    sign: Sign | None = None
    header_fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    build_url: BuildUrl | None = None
    rewrite: RewriteBody | None = None
    choose_wire: ChooseWire = always_chat
    responses: ResponsesRules = field(default_factory=ResponsesRules)
    responses_mapper: type[ResponsesStreamMapper] = ResponsesStreamMapper
    has_functions: bool = True
    statuses: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))

    def build_request(self, call: ProviderCall, credentials: Mapping[str, str]) -> ProviderRequest:
        """Build the request; see Provider."""
        call = self._adapted(call)
        path = self._path(call)
        body, dropped = self._build_body(call)
        return replace(self.request_to(path, body, call, credentials), dropped=tuple(dropped))

    def request_to(
        self, path: str, body: JsonObject, call: ProviderCall, credentials: Mapping[str, str]
    ) -> ProviderRequest:
        """Build a request to any endpoint of the host; `call` says where that is, and whether a stream is wanted.

        Raises InvalidRequest when the configuration does not say what it must.
        """
        return ProviderRequest(
            url=self._url(path, call, credentials),
            body=json.dumps(body, separators=(",", ":")).encode(),
            headers=self._headers(call, credentials),
            signing=self.sign(credentials) if self.sign is not None else None,
        )

    def parse_response(self, body: JsonObject, call: ProviderCall) -> Completion:
        """Normalise a whole answer; see Provider."""
        adapted = self._adapted(call)
        completion = self._parse(body, adapted)
        translated = adapted is not call and call.wants_function_call
        return answer_with_function_call(completion) if translated else completion

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> PromptsideError:
        """Translate an error answer; see Provider."""
        return provider_error(self.name, self.statuses.get(status, status), headers, body)

    def stream_mapper(self, call: ProviderCall) -> StreamMapper:
        """Return the mapper for one stream; see Provider."""
        adapted = self._adapted(call)
        mapper = self._mapper(adapted)
        return FunctionCallMapper(mapper) if adapted is not call and call.wants_function_call else mapper

    def _adapted(self, call: ProviderCall) -> ProviderCall:
        """Return the call, with tools instead of functions where its wire has no functions."""
        if not speaks_of_functions(call):
            return call
        translated = with_tools(call)
        return call if self.has_functions and self._wire(translated) == "chat" else translated

    def _parse(self, body: JsonObject, call: ProviderCall) -> Completion:
        if self._wire(call) == "responses":
            return parse_response_object(body, call, self.name, enrich=self.responses.answer)
        return parse_answer(body, call, self.answers, self.name)

    def _mapper(self, call: ProviderCall) -> StreamMapper:
        if self._wire(call) == "responses":
            return self.responses_mapper(call, self.name, enrich=self.responses.answer)
        return OpenAIStreamMapper(call, self.answers, self.name)

    def _wire(self, call: ProviderCall) -> Wire:
        return self.choose_wire(call) if call.kind == "chat" else "chat"

    def _build_body(self, call: ProviderCall) -> tuple[JsonObject, list[str]]:
        if self._wire(call) == "responses":
            return build_responses_body(call, self.responses, self.name)
        table = self.parameters if call.kind == "chat" or self.text_parameters is None else self.text_parameters
        given = {name: value for name, value in call.parameters.items() if value is not None}
        stream_options = given.pop("stream_options", None)
        parameters, dropped = table.apply(given, strict=call.strict_params, provider=self.name)
        body: JsonObject = {"model": call.model, **self._input(call), **parameters}
        if call.kind == "chat":
            build_tools(body, self.tools, dropped, strict=call.strict_params, provider=self.name)
        if call.stream:
            body["stream"] = True
            body |= self._stream_options(stream_options, call)
        if self.rewrite is not None:
            body = self.rewrite(body, call, dropped)
        return body, dropped

    def _path(self, call: ProviderCall) -> str:
        chat_path = self.responses.path if self._wire(call) == "responses" else self.chat_path
        path = chat_path if call.kind == "chat" else self.text_path
        if path is None:
            raise no_text_endpoint(self.name)
        return path

    def _url(self, path: str, call: ProviderCall, credentials: Mapping[str, str]) -> str:
        if self.build_url is not None:
            return self.build_url(call, credentials, path)
        base_url = credentials.get("custom_host") or self.base_url
        if not base_url:
            raise InvalidRequest(
                f"{self.name}: the field 'custom_host' is missing. It is the base URL of the host to call",
                param="custom_host",
                code="invalid_provider_configuration",
            )
        return join_url(base_url, path)

    def _headers(self, call: ProviderCall, credentials: Mapping[str, str]) -> dict[str, str]:
        headers = {
            "content-type": "application/json",
            "accept": "text/event-stream" if call.stream else "application/json",
            **self.authorize(credentials),
        }
        named = {header: credentials[name] for name, header in self.header_fields.items() if credentials.get(name)}
        return headers | named

    def _input(self, call: ProviderCall) -> JsonObject:
        if call.kind == "text":
            return {"prompt": call.prompt}
        return {"messages": build_messages(call.messages or [], self.messages)}

    def _stream_options(self, given: Any, call: ProviderCall) -> JsonObject:
        if self.ask_usage == "never":
            return {}
        options: JsonObject = dict(given) if isinstance(given, dict) else {}
        if self.ask_usage == "always" or call.include_usage:
            options["include_usage"] = True
        return {"stream_options": options} if options else {}

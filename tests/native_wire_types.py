"""Validates Anthropic's and Bedrock's wires with the types of their own SDKs."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import unquote

from anthropic.types import Message, MessageCreateParams, RawMessageStreamEvent
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from pydantic import TypeAdapter

from promptside.providers.base import ProviderRequest

Json = dict[str, Any]

_BEDROCK = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"))
_MESSAGE_PARAMS: TypeAdapter[Any] = TypeAdapter(MessageCreateParams)
_MESSAGE_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


def check_anthropic_request(request: ProviderRequest, body: Json) -> None:
    """Validate a Messages body with the SDK's parameter types."""
    assert request.url.endswith("/v1/messages")
    _exhaust(_MESSAGE_PARAMS.validate_python(body))


def check_anthropic_answer(body: Json) -> None:
    """Validate a whole answer with the SDK's type."""
    Message.model_validate(body, strict=True)


def check_anthropic_event(data: Json) -> None:
    """Validate one event of a stream with the SDK's union of events, which leaves out pings and errors."""
    if data["type"] not in {"ping", "error"}:
        _MESSAGE_EVENT.validate_python(data)


def check_bedrock_request(request: ProviderRequest, body: Json) -> None:
    """Validate a Converse body with botocore's validator; its blobs are bytes there, base64 on the wire."""
    model, operation = request.url.partition("/model/")[2].split("/")
    name = {"converse": "Converse", "converse-stream": "ConverseStream"}[operation]
    _check_shape(_BEDROCK.operation_model(name).input_shape, {**body, "modelId": unquote(model)})


def botocore_request(request: ProviderRequest, body: Json) -> tuple[str, Json]:
    """Return the path and the body that botocore itself would send for the same parameters."""
    model, name = request.url.partition("/model/")[2].split("/")
    operation = _BEDROCK.operation_model({"converse": "Converse", "converse-stream": "ConverseStream"}[name])
    parameters = {**_with_bytes(body, operation.input_shape), "modelId": unquote(model)}
    serialized = create_serializer("rest-json").serialize_to_request(parameters, operation)
    return serialized["url_path"], json.loads(serialized["body"])


def check_bedrock_answer(body: Json) -> None:
    """Validate a whole answer with the shape of the service model."""
    _check_shape(_BEDROCK.operation_model("Converse").output_shape, body)


def check_bedrock_event(name: str, payload: Json) -> None:
    """Validate the payload of one frame; `p` is padding that the model does not list."""
    events = _BEDROCK.shape_for("ConverseStreamOutput")
    _check_shape(events.members[name], {key: value for key, value in payload.items() if key != "p"})


def _check_shape(shape: Any, value: Json) -> None:
    report = ParamValidator().validate(_with_bytes(value, shape), shape)
    assert not report.has_errors(), report.generate_report()


def _with_bytes(value: Any, shape: Any) -> Any:
    if shape.type_name == "blob":
        return base64.b64decode(value, validate=True)
    if shape.type_name == "list":
        return [_with_bytes(item, shape.member) for item in value]
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        members = shape.members
        return {key: _with_bytes(item, members[key]) if key in members else item for key, item in value.items()}
    return value


def _exhaust(value: Any) -> None:
    """Walk through everything: pydantic checks what the SDK's types call Iterable only while it is read."""
    if isinstance(value, dict):
        for item in value.values():
            _exhaust(item)
    elif hasattr(value, "__iter__") and not isinstance(value, str | bytes):
        for item in value:
            _exhaust(item)

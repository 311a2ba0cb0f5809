"""Answers CloudFormation: one PUT to the URL that the request brought, always, within the function's time.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

from __future__ import annotations

import json
import time
from urllib.parse import urlsplit

from promptside.errors import InternalError, InvalidRequest, JsonObject, PromptsideError, ProviderError
from promptside.log import log_event, log_failure
from promptside.management.releases import physical_id_on_failure, release
from promptside.management.services import ManagementServices
from promptside.transport.base import Limits
from promptside.transport.client import HttpClient, HttpRequest

_LONGEST_REASON = 500
_ATTEMPTS = 3
_ATTEMPT_SECONDS = 10.0
_HOSTS = (".amazonaws.com", ".amazonaws.com.cn")


def answer_release(services: ManagementServices, event: JsonObject, http: HttpClient) -> JsonObject:
    """Do what the request asks for, tell its URL, and return what was told.

    Raises InvalidRequest for a URL that is not AWS's, before anything is done, and ProviderError when the answer could
    not be delivered: Lambda then invokes the function with the same request again, which does no harm.
    """
    url = _checked_url(services, event)
    answer = _outcome(services, event)
    _deliver(http, url, json.dumps(answer).encode())
    return answer


def _outcome(services: ManagementServices, event: JsonObject) -> JsonObject:
    same = {name: event.get(name, "") for name in ("StackId", "RequestId", "LogicalResourceId")}
    try:
        released = release(services, event)
    except PromptsideError as error:
        log_event("release_refused", request=event.get("RequestId"), code=error.code)
        reason = error.message
    except Exception as error:  # an edge: without an answer the stack would hang for an hour
        log_failure("release_crashed", error, request=event.get("RequestId"))
        reason = InternalError(f"promptside failed; its log has the details under {event.get('RequestId')}").message
    else:
        log_event("release_done", request=event.get("RequestId"), request_type=event["RequestType"])
        return {"Status": "SUCCESS", "PhysicalResourceId": released.physical_id, **same, "Data": released.data}
    return {
        "Status": "FAILED",
        "Reason": reason[:_LONGEST_REASON],
        "PhysicalResourceId": physical_id_on_failure(event),
        **same,
    }


def _checked_url(services: ManagementServices, event: JsonObject) -> str:
    url = str(event.get("ResponseURL") or "")
    try:
        parts = urlsplit(url)
    except ValueError as exc:
        raise InvalidRequest("'ResponseURL' is no URL", param="ResponseURL") from exc
    of_aws = parts.scheme == "https" and (parts.hostname or "").endswith(_HOSTS)
    if not of_aws and not services.settings.allow_private_hosts:
        raise InvalidRequest("'ResponseURL' must be an https URL of AWS", param="ResponseURL")
    return url


def _deliver(http: HttpClient, url: str, body: bytes) -> None:
    for left in reversed(range(_ATTEMPTS)):
        try:
            status = _put(http, url, body)
        except ProviderError:
            if not left:
                raise
            continue
        if status < 300:
            return
        log_event("release_answer_refused", status=status)
        if status < 500 or not left:
            raise ProviderError(f"CloudFormation's URL answered {status}")


def _put(http: HttpClient, url: str, body: bytes) -> int:
    limits = Limits(deadline=time.monotonic() + _ATTEMPT_SECONDS)
    # The URL is signed for an empty content type.
    answer = http.open(HttpRequest("PUT", url, {"content-type": ""}, body), limits)
    try:
        answer.read(limits)
        return answer.status
    finally:
        answer.close()

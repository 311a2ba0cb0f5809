import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from mangum import Mangum

from local.functions import Handler, build_event, call_function
from promptside.api.http import HttpRequest, HttpResponse

app = FastAPI()


@app.api_route("/{path:path}", methods=["POST", "GET"])
async def show(request: Request) -> Response:
    seen = {
        "method": request.method,
        "path": request.url.path,
        "query": dict(request.query_params),
        "header": request.headers.get("x-one"),
        "body": (await request.body()).decode(),
        "remaining": request.scope["aws.context"].get_remaining_time_in_millis() > 29_000,
    }
    return Response(json.dumps(seen), status_code=201, headers={"X-Answer": "yes"}, media_type="application/json")


@pytest.fixture
def handler() -> Iterator[Handler]:
    # Mangum makes an event loop for the thread it is made in, and leaves it open.
    with asyncio.Runner() as runner:
        asyncio.set_event_loop(runner.get_loop())
        yield Mangum(app, lifespan="off")
        asyncio.set_event_loop(None)


def test_a_function_is_called_as_api_gateway_does(handler: Handler) -> None:
    request = HttpRequest("POST", "/v1/prompts", {"x-one": "1"}, {"search": "a b&c"}, "héllo".encode())

    answer = call_function(handler, request, name="prompts")

    assert isinstance(answer.body, bytes)
    assert (answer.status, answer.headers) == (201, {"content-type": "application/json", "x-answer": "yes"})
    assert json.loads(answer.body) == {
        "method": "POST",
        "path": "/v1/prompts",
        "query": {"search": "a b&c"},
        "header": "1",
        "body": "héllo",
        "remaining": True,
    }


def test_threads_can_call_it_at_the_same_time(handler: Handler) -> None:
    answers: list[HttpResponse] = []
    threads = [
        threading.Thread(target=lambda: answers.append(call_function(handler, HttpRequest("GET", "/"), name="prompts")))
        for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer.status for answer in answers] == [201] * 8


def test_the_event_has_the_payload_format_2() -> None:
    event = build_event(HttpRequest("GET", "/v1/prompts/a%40b", {"host": "h", "user-agent": "u"}, {"page": "2"}))
    varying: dict[str, Any] = event["requestContext"]
    for name in ("requestId", "time", "timeEpoch"):
        varying.pop(name)

    assert event == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/v1/prompts/a@b",
        "rawQueryString": "page=2",
        "queryStringParameters": {"page": "2"},
        "headers": {"host": "h", "user-agent": "u"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": "h",
            "domainPrefix": "local",
            "http": {
                "method": "GET",
                "path": "/v1/prompts/a%40b",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "u",
            },
            "routeKey": "$default",
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }

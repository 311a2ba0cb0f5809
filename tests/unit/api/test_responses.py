import pytest

from promptside.api.responses import error_headers, error_response, trace_id_of
from promptside.errors import InternalError, InvalidRequest, PromptsideError, ProviderError, StoreUnavailable


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (InvalidRequest("No"), {}),
        (
            ProviderError("No", provider="openai", retry_after=6.2, headers={"x-ratelimit-remaining-requests": "0"}),
            {
                "x-ratelimit-remaining-requests": "0",
                "retry-after": "7",
                "x-portkey-provider": "openai",
                "x-portkey-retry-attempt-count": "0",
            },
        ),
        (StoreUnavailable("No", retry_after=-1.0), {"retry-after": "0"}),
        (InternalError(), {"x-portkey-gateway-exception": "true"}),
    ],
    ids=["request", "provider", "store", "internal"],
)
def test_an_error_brings_its_headers(error: PromptsideError, headers: dict[str, str]) -> None:
    assert error_headers(error) == headers


def test_every_error_has_json_and_the_trace_id_that_keeps_sdks_from_retrying() -> None:
    answer = error_response(InternalError(), "t-1")

    assert (answer.status, answer.headers["content-type"]) == (500, "application/json")
    assert answer.headers["x-portkey-trace-id"] == "t-1"


@pytest.mark.parametrize("given", ["", "caf\u00e9", "a\nb", "x" * 257])
def test_a_trace_id_that_cannot_stand_in_a_header_is_replaced(given: str) -> None:
    made = trace_id_of({"x-portkey-trace-id": given})

    assert made != given
    assert len(made) == 32


def test_a_trace_id_of_the_caller_is_kept() -> None:
    assert trace_id_of({"x-portkey-trace-id": "mine 1"}) == "mine 1"

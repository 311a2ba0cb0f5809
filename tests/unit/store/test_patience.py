"""How long the store tries again."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from promptside.errors import ConfigurationError, PromptsideError, StoreUnavailable
from promptside.store.patience import Patience, call


def aws_error(code: str, status: int = 400) -> ClientError:
    answer = {"Error": {"Code": code, "Message": "secret canary"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "GetItem")


class Script:
    """Raises its errors one after the other, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def test_pauses_grow_at_random_and_end_with_the_time_that_is_left() -> None:
    now, pauses = [0.0], []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    patience = Patience(
        attempts=100, total_seconds=3.0, first_pause_seconds=0.1, clock=lambda: now[0], sleep=sleep, jitter=lambda: 0.5
    )
    attempts = patience.start()

    while attempts.again():
        pass

    assert pauses == [0.1, 0.2, 0.4, 0.8]
    assert now[0] < 3.0


@pytest.mark.parametrize(
    "error",
    [
        aws_error("ThrottlingException"),
        aws_error("ProvisionedThroughputExceededException"),
        aws_error("InternalServerError", 500),
        ReadTimeoutError(endpoint_url="http://x"),
        EndpointConnectionError(endpoint_url="http://x"),
    ],
)
def test_what_may_pass_is_tried_again(error: Exception) -> None:
    script = Script(error, error)

    assert call("get_item", script, Patience(first_pause_seconds=0.0001).start()) == "answer"
    assert script.calls == 3


@pytest.mark.parametrize(
    ("error", "raised", "calls"),
    [
        (aws_error("ThrottlingException"), StoreUnavailable, 4),
        (aws_error("InternalServerError", 500), StoreUnavailable, 1),
        (ReadTimeoutError(endpoint_url="http://x"), StoreUnavailable, 1),
        (aws_error("AccessDeniedException"), ConfigurationError, 1),
    ],
)
def test_a_write_is_sent_again_only_when_nothing_was_done(
    error: Exception, raised: type[PromptsideError], calls: int
) -> None:
    script = Script(*[error] * 10)

    with pytest.raises(raised) as caught:
        call("put_item", script, Patience(first_pause_seconds=0.0001).start(), repeatable=False)

    assert (script.calls, caught.value.__cause__, "canary" in str(caught.value.to_body())) == (calls, error, False)

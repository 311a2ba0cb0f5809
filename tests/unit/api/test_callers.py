import pytest

from promptside.api.callers import is_iam_caller
from promptside.config import Settings

ARN = "arn:aws:sts::111122223333:assumed-role/ci/session"


def settings(*, iam_callers: bool = True) -> Settings:
    return Settings(table="t", secrets_prefix="/p", iam_callers=iam_callers)


@pytest.mark.parametrize(
    "context", [{"authorizer": {"iam": {"userArn": ARN}}}, {"identity": {"userArn": ARN, "sourceIp": "127.0.0.1"}}]
)
def test_who_aws_has_authorised_is_trusted_where_the_stack_says_so(context: object) -> None:
    event = {"requestContext": context}

    assert is_iam_caller(event, settings())
    assert not is_iam_caller(event, settings(iam_callers=False))


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"requestContext": None},
        {"requestContext": {}},
        {"requestContext": {"authorizer": None, "identity": {"userArn": None}}},
        {"requestContext": {"authorizer": {"iam": None}}},
        {"requestContext": {"authorizer": {"userArn": ARN}}},
        {"requestContext": {"authorizer": {"iam": {"userArn": ""}}}},
        {"requestContext": {"authorizer": {"iam": {"userArn": [ARN]}}}},
        {"headers": {"requestContext": ARN, "x-amzn-iam-user-arn": ARN}, "body": f'{{"userArn": "{ARN}"}}'},
    ],
)
def test_nothing_else_makes_a_trusted_caller(event: dict[str, object]) -> None:
    assert not is_iam_caller(event, settings())

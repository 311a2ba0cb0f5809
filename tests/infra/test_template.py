from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from promptside.api.management import ROUTES
from tests.infra.stack import ROOT, functions, resources, template

RUN_ACTIONS = {
    "dynamodb:BatchGetItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "ssm:GetParameter",
    "ssm:GetParameters",
    "kms:Decrypt",
    "bedrock:InvokeModel",
    "bedrock:InvokeModelWithResponseStream",
}
MANAGE_ACTIONS = {
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "ssm:DeleteParameter",
    "ssm:GetParameter",
    "ssm:GetParameters",
    "ssm:PutParameter",
    "kms:Decrypt",
    "kms:Encrypt",
}
LOG_ACTIONS = {"logs:CreateLogStream", "logs:PutLogEvents"}

# A profile routes to any region, so the models of every region must be named; keys and parameters end in a wildcard.
WILDCARDS = {
    "arn:${AWS::Partition}:bedrock:*::foundation-model/*",
    "arn:${AWS::Partition}:bedrock:*:${AWS::AccountId}:inference-profile/*",
    "arn:${AWS::Partition}:bedrock:*:${AWS::AccountId}:application-inference-profile/*",
    "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*",
    "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/promptside/${AWS::StackName}/*",
}


def statements_of(role: str) -> list[dict[str, Any]]:
    """Return every statement of a role, with those of the stack's own managed policies."""
    properties = resources("AWS::IAM::Role")[role]
    managed = [resources("AWS::IAM::ManagedPolicy")[entry["Ref"]] for entry in properties.get("ManagedPolicyArns", [])]
    documents = [policy["PolicyDocument"] for policy in [*managed, *properties["Policies"]]]
    return [statement for document in documents for statement in document["Statement"]]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def strings_in(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from strings_in(item)
        case dict():
            for item in value.values():
                yield from strings_in(item)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("StreamingRole", RUN_ACTIONS | LOG_ACTIONS),
        ("CompletionRole", RUN_ACTIONS | LOG_ACTIONS),
        ("PromptsRole", MANAGE_ACTIONS | LOG_ACTIONS),
        ("ReleasesRole", {action for action in MANAGE_ACTIONS if action.startswith("dynamodb:")} | LOG_ACTIONS),
    ],
)
def test_a_role_may_do_exactly_what_its_function_needs(role: str, allowed: set[str]) -> None:
    actions = {action for statement in statements_of(role) for action in as_list(statement["Action"])}

    assert actions == allowed


@pytest.mark.parametrize("role", sorted(resources("AWS::IAM::Role")))
def test_a_role_has_no_wildcard_but_the_known_ones(role: str) -> None:
    found = {text for statement in statements_of(role) for text in strings_in(statement["Resource"]) if "*" in text}

    assert found <= WILDCARDS


@pytest.mark.parametrize("role", sorted(resources("AWS::IAM::Role")))
def test_keys_are_used_through_ssm_and_for_the_stacks_own_parameters_only(role: str) -> None:
    for statement in statements_of(role):
        if any(action.startswith("kms:") for action in as_list(statement["Action"])):
            prefix = (
                "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/promptside/${AWS::StackName}/*"
            )
            assert statement["Condition"] == {
                "StringEquals": {"kms:ViaService": {"Fn::Sub": "ssm.${AWS::Region}.amazonaws.com"}},
                "StringLike": {"kms:EncryptionContext:PARAMETER_ARN": {"Fn::Sub": prefix}},
            }


def test_every_role_belongs_to_one_function() -> None:
    used = [function["Role"]["Fn::GetAtt"] for function in functions().values()]

    assert sorted(used) == sorted(f"{role}.Arn" for role in resources("AWS::IAM::Role"))


@pytest.mark.parametrize("name", sorted(functions()))
def test_every_function_has_its_limits_and_a_log_group_that_forgets(name: str) -> None:
    function = functions()[name]
    group = resources("AWS::Logs::LogGroup")[function["LoggingConfig"]["LogGroup"]["Ref"]]

    assert function["Runtime"] == "python3.13"
    assert 29 <= function["Timeout"] <= 900
    assert function["MemorySize"] == {"Ref": "MemorySize"}
    assert function["LoggingConfig"]["LogFormat"] == "JSON"
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("name", sorted(functions()))
def test_every_function_folder_holds_app_py_and_nothing_else(name: str) -> None:
    folder = ROOT / functions()[name]["CodeUri"]

    assert [path.name for path in folder.iterdir() if path.name != "__pycache__"] == ["app.py"]
    assert functions()[name]["Handler"] == "app.handler"


def test_only_the_streaming_function_runs_on_our_runtime() -> None:
    wrappers = {
        name: function.get("Environment", {}).get("Variables", {}).get("AWS_LAMBDA_EXEC_WRAPPER")
        for name, function in functions().items()
    }

    assert wrappers.pop("StreamingFunction") == "/opt/promptside-streaming"
    assert set(wrappers.values()) == {None}
    assert (ROOT / "layers" / "shared" / "promptside-streaming").stat().st_mode & 0o111


def test_completions_stream_on_the_rest_api_for_fifteen_minutes() -> None:
    events = functions()["StreamingFunction"]["Events"].values()

    assert {event["Properties"]["Path"] for event in events} == {
        "/v1/prompts/{id}/completions",
        "/prompts/{id}/completions",
        "/v1/chat/completions",
        "/chat/completions",
        "/v1/responses",
        "/responses",
        "/{proxy+}",
    }
    assert {event["Type"] for event in events} == {"Api"}
    assert {event["Properties"]["ResponseTransferMode"] for event in events} == {"RESPONSE_STREAM"}
    assert {event["Properties"]["TimeoutInMillis"] for event in events} == {900_000}


def routed_to(kind: str, method: str, path: str) -> str:
    """Return the function behind a path: of the resources that fit, the one with the most exact segments."""
    found: list[tuple[list[int], int, str]] = []
    for name, function in functions().items():
        for event in function.get("Events", {}).values():
            asked = event["Properties"]
            if event["Type"] == kind and asked["Method"] in (method, "ANY"):
                exactness = fit(asked["Path"], path)
                if exactness is not None:
                    found.append((exactness, asked["Method"] != "ANY", name))
    return max(found)[2]


def fit(resource: str, path: str) -> list[int] | None:
    """Return 2 for each exact segment, 1 for a parameter, 0 for the greedy rest; None when the path does not fit."""
    wanted, given = resource.split("/")[1:], path.split("/")[1:]
    if wanted[-1] == "{proxy+}":
        wanted = wanted[:-1] + ["{rest}"] * (len(given) - len(wanted) + 1)
        if len(given) < len(resource.split("/")) - 1:
            return None
    if len(wanted) != len(given):
        return None
    exactness = [
        2 if a == b else 0 if a == "{rest}" else 1 if a.startswith("{") else -1
        for a, b in zip(wanted, given, strict=True)
    ]
    return None if -1 in exactness else exactness


@pytest.mark.parametrize("kind", ["Api", "HttpApi"])
@pytest.mark.parametrize("prefix", ["/v1", ""])
def test_every_management_route_reaches_the_function_that_has_it(kind: str, prefix: str) -> None:
    found = {
        f"{route.method} {route.path}": routed_to(kind, route.method, prefix + re.sub(r"{\w+}", "x", route.path))
        for route in ROUTES
    }

    assert found == dict.fromkeys(found, "PromptsFunction")


@pytest.mark.parametrize("prefix", ["/v1", ""])
@pytest.mark.parametrize("path", ["/prompts/x/completions", "/chat/completions", "/responses"])
def test_every_run_reaches_a_function_that_runs(prefix: str, path: str) -> None:
    assert routed_to("Api", "POST", prefix + path) == "StreamingFunction"
    assert routed_to("HttpApi", "POST", prefix + path) == "CompletionFunction"


def test_no_route_is_given_to_two_functions() -> None:
    routes = [
        (event["Type"], event["Properties"]["Path"], event["Properties"]["Method"])
        for function in functions().values()
        for event in function.get("Events", {}).values()
    ]

    assert sorted(routes) == sorted(set(routes))


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_every_function_has_an_alarm(metric: str) -> None:
    alarms = resources("AWS::CloudWatch::Alarm").values()
    watched = {alarm["Dimensions"][0]["Value"].get("Ref") for alarm in alarms if alarm["MetricName"] == metric}

    assert watched == set(functions())


def test_the_stack_fits_the_ten_free_alarms() -> None:
    assert len(resources("AWS::CloudWatch::Alarm")) <= 10


def test_the_prompt_table_survives_mistakes() -> None:
    table = resources("AWS::DynamoDB::Table")["PromptTable"]

    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionProtectionEnabled"] == {"Ref": "TableDeletionProtection"}
    assert template()["Resources"]["PromptTable"]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert template()["Parameters"]["TableDeletionProtection"]["Default"] == "true"


def test_what_runs_prompts_writes_to_the_run_table_only() -> None:
    writes = {"dynamodb:PutItem", "dynamodb:DeleteItem"}
    tables = [
        statement["Resource"]
        for statement in statements_of("StreamingRole")
        if writes & set(as_list(statement["Action"]))
    ]

    assert tables == [{"Fn::GetAtt": "RunTable.Arn"}]


def test_the_run_table_forgets_by_itself() -> None:
    table = resources("AWS::DynamoDB::Table")["RunTable"]

    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_what_costs_money_while_idle_is_off() -> None:
    parameters = template()["Parameters"]

    assert parameters["SnapStart"]["Default"] == "None"
    assert parameters["ProvisionedConcurrency"]["Default"] == 0
    assert parameters["AllowedCustomHosts"]["Default"] == ""


@pytest.mark.parametrize("name", sorted(template()["Parameters"]))
def test_every_parameter_says_what_it_costs(name: str) -> None:
    description = template()["Parameters"][name]["Description"]

    assert "free" in description or any(character.isdigit() for character in description)


@pytest.mark.parametrize("status", sorted(resources("AWS::Serverless::Api")["RestApi"]["GatewayResponses"]))
def test_the_gateways_own_answers_have_a_trace_id_and_the_common_body(status: str) -> None:
    answer = resources("AWS::Serverless::Api")["RestApi"]["GatewayResponses"][status]
    body = json.loads(answer["ResponseTemplates"]["application/json"].replace("$context.error.messageString", '"x"'))

    assert answer["ResponseParameters"]["Headers"]["x-portkey-trace-id"] == "context.requestId"
    assert set(body) == {"status", "message", "error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["message"] == body["error"]["message"]

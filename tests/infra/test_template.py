from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from promptside.api.management import ROUTES
from promptside.events.queue import KEPT_BY_QUEUE_SECONDS
from tests.infra.stack import ROOT, functions, resources, template

RUN_ACTIONS = {
    "dynamodb:BatchGetItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
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
EVENT_ACTIONS = RUN_ACTIONS | {
    "dynamodb:UpdateItem",
    "events:PutEvents",
    "s3:AbortMultipartUpload",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:ListBucket",
    "s3:PutObject",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
    "states:StartExecution",
}
RECORD_ACTIONS = {
    "dynamodb:BatchGetItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
    "states:StartExecution",
}
BATCH_ACTIONS = {
    "lambda:InvokeFunction",
    "s3:GetObject",
    "states:DescribeExecution",
    "states:StartExecution",
    "states:StopExecution",
}
LOG_ACTIONS = {"logs:CreateLogStream", "logs:PutLogEvents"}

# A profile routes to any region, so the models of every region must be named; keys and parameters end in a wildcard.
WILDCARDS = {
    "arn:${AWS::Partition}:bedrock:*::foundation-model/*",
    "arn:${AWS::Partition}:bedrock:*:${AWS::AccountId}:inference-profile/*",
    "arn:${AWS::Partition}:bedrock:*:${AWS::AccountId}:application-inference-profile/*",
    "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*",
    "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/promptside/${AWS::StackName}/*",
    "${Bucket.Arn}/*",
    "${Bucket.Arn}/batches/*",
    "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${AWS::StackName}-batches:*",
    "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${AWS::StackName}-batches/*",
}
ASYNCHRONOUS = {"SQS", "EventBridgeRule"}


def statements_of(role: str) -> list[dict[str, Any]]:
    """Return every statement of a role, with those of the stack's own managed policies."""
    properties = resources("AWS::IAM::Role")[role]
    managed = [resources("AWS::IAM::ManagedPolicy")[entry["Ref"]] for entry in properties.get("ManagedPolicyArns", [])]
    documents = [policy["PolicyDocument"] for policy in [*managed, *properties["Policies"]]]
    found = [statement for document in documents for statement in document["Statement"]]
    return [statement["Fn::If"][1] if "Fn::If" in statement else statement for statement in found]


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
        ("EventsRole", EVENT_ACTIONS | LOG_ACTIONS),
        ("RunsRole", RECORD_ACTIONS | LOG_ACTIONS),
        ("BatchesRole", BATCH_ACTIONS),
        ("ScheduleRole", {"sqs:SendMessage"}),
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


def test_every_role_belongs_to_one_resource() -> None:
    machines = resources("AWS::Serverless::StateMachine").values()
    schedules = [schedule["Target"]["RoleArn"] for schedule in resources("AWS::Scheduler::Schedule").values()]
    roles = [owner["Role"] for owner in [*functions().values(), *machines]] + schedules
    used = [role["Fn::GetAtt"] for role in roles]

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


@pytest.mark.parametrize("kind", ["Api", "HttpApi"])
@pytest.mark.parametrize("prefix", ["/v1", ""])
@pytest.mark.parametrize(
    "path",
    [
        "/runs",
        "/runs/run_1",
        "/files",
        "/files/f/content",
        "/uploads",
        "/uploads/u/parts",
        "/batches",
        "/batches/b/cancel",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_runs_files_and_batches_reach_their_function(kind: str, prefix: str, path: str, method: str) -> None:
    assert routed_to(kind, method, prefix + path) == "RunsFunction"


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
        if event["Type"] not in ASYNCHRONOUS
    ]

    assert sorted(routes) == sorted(set(routes))


def test_every_function_has_an_alarm_for_its_failures() -> None:
    alarms = resources("AWS::CloudWatch::Alarm").values()
    watched = {alarm["Dimensions"][0]["Value"]["Ref"] for alarm in alarms if alarm["MetricName"] == "Errors"}

    assert watched == set(functions())


def test_one_alarm_watches_the_concurrency_that_all_functions_share() -> None:
    alarms = resources("AWS::CloudWatch::Alarm").values()

    assert ["Dimensions" in alarm for alarm in alarms if alarm["MetricName"] == "Throttles"] == [False]


def test_every_dead_letter_queue_has_an_alarm_on_its_depth() -> None:
    alarms = resources("AWS::CloudWatch::Alarm").values()
    depths = [alarm for alarm in alarms if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"]
    watched = {alarm["Dimensions"][0]["Value"]["Fn::GetAtt"].removesuffix(".QueueName") for alarm in depths}

    assert watched == dead_letter_queues()


def test_the_stack_fits_the_ten_free_alarms_with_its_default_parameters() -> None:
    alarms = [entry for entry in template()["Resources"].values() if entry["Type"] == "AWS::CloudWatch::Alarm"]

    assert len([alarm for alarm in alarms if "Condition" not in alarm]) == 10


def dead_letter_queues() -> set[str]:
    queues = resources("AWS::SQS::Queue").values()
    targets = [queue["RedrivePolicy"]["deadLetterTargetArn"] for queue in queues if "RedrivePolicy" in queue]
    return {target["Fn::GetAtt"].removesuffix(".Arn") for target in targets}


@pytest.mark.parametrize("name", sorted(resources("AWS::SQS::Queue")))
def test_a_queue_is_encrypted_and_one_with_requests_outlasts_its_function(name: str) -> None:
    queue = resources("AWS::SQS::Queue")[name]

    assert queue["SqsManagedSseEnabled"] is True
    if name in dead_letter_queues():
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    else:
        assert queue["VisibilityTimeout"] == 6 * functions()["EventsFunction"]["Timeout"]
        # The function sets aside what the queue would delete before another try.
        assert queue["MessageRetentionPeriod"] == KEPT_BY_QUEUE_SECONDS
        assert queue["RedrivePolicy"]["maxReceiveCount"] == {"Ref": "MaxReceiveCount"}


def test_every_source_of_the_queues_is_capped_and_reports_single_messages() -> None:
    sources = [
        *(event["Properties"] for event in functions()["EventsFunction"]["Events"].values() if event["Type"] == "SQS"),
        *resources("AWS::Lambda::EventSourceMapping").values(),
    ]

    assert len(sources) == 2
    for source in sources:
        assert source["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "EventMaximumConcurrency"}}
        assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert source["BatchSize"] == 10
    assert template()["Parameters"]["EventMaximumConcurrency"]["MinValue"] == 2


def test_all_of_the_events_function_can_be_capped_together() -> None:
    assert functions()["EventsFunction"]["ReservedConcurrentExecutions"] == {
        "Fn::If": ["HasEventReservedConcurrency", {"Ref": "EventReservedConcurrency"}, {"Ref": "AWS::NoValue"}]
    }


def test_a_function_that_events_call_keeps_what_it_could_not_do() -> None:
    for name, function in functions().items():
        kinds = {event["Type"] for event in function.get("Events", {}).values()}
        if kinds & ASYNCHRONOUS:
            failed = function["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]
            assert (name, failed["Destination"]) == ("EventsFunction", {"Fn::GetAtt": "RunDeadLetters.Arn"})


def test_every_target_of_a_rule_or_schedule_has_a_dead_letter_queue_and_a_retry_policy() -> None:
    rules = [target for rule in resources("AWS::Events::Rule").values() for target in rule["Targets"]]
    schedules = [schedule["Target"] for schedule in resources("AWS::Scheduler::Schedule").values()]
    events = functions()["EventsFunction"]["Events"].values()
    own = [event["Properties"] for event in events if event["Type"] == "EventBridgeRule"]

    assert len(own) == 2
    for target in [*rules, *schedules, *own]:
        assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": "RunDeadLetters.Arn"}}
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}


def test_the_queues_take_messages_of_rules_of_this_account_only() -> None:
    policies = resources("AWS::SQS::QueuePolicy")
    runs = policies["RunQueuePolicy"]["PolicyDocument"]["Statement"]
    dead_letters = policies["RunDeadLettersPolicy"]["PolicyDocument"]["Statement"]
    rules = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/*"

    assert [statement["Principal"] for statement in [*runs, *dead_letters]] == [{"Service": "events.amazonaws.com"}] * 2
    assert runs[0]["Condition"] == {"ArnLike": {"aws:SourceArn": {"Fn::Sub": rules}}}
    assert all("GetAtt" in str(arn) for arn in dead_letters[0]["Condition"]["ArnEquals"]["aws:SourceArn"])


def test_the_examples_do_nothing_until_they_are_switched_on() -> None:
    assert template()["Parameters"]["Examples"]["Default"] == "DISABLED"
    assert resources("AWS::Events::Rule")["ExampleRule"]["State"] == {"Ref": "Examples"}
    assert resources("AWS::Scheduler::Schedule")["ExampleSchedule"]["State"] == {"Ref": "Examples"}


def test_the_examples_give_requests_that_run_once() -> None:
    rule = resources("AWS::Events::Rule")["ExampleRule"]["Targets"][0]["InputTransformer"]
    paths = rule["InputPathsMap"]
    template_text = rule["InputTemplate"]
    for name in paths:
        template_text = template_text.replace(f"<{name}>", json.dumps(name))
    schedule = json.loads(resources("AWS::Scheduler::Schedule")["ExampleSchedule"]["Target"]["Input"])

    assert json.loads(template_text) == {
        "prompt_id": "welcome",
        "variables": {"name": "name"},
        "correlation_id": "order",
        "idempotency_key": "event",
    }
    assert paths["event"] == "$.id"
    assert schedule["idempotency_key"] == "<aws.scheduler.execution-id>"


def test_the_bucket_is_private_encrypted_and_forgets() -> None:
    bucket = resources("AWS::S3::Bucket")["Bucket"]
    rules = bucket["LifecycleConfiguration"]["Rules"]

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert "VersioningConfiguration" not in bucket
    expiring = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule}
    kept = {prefix: {"Ref": "RecordDays"} for prefix in ("batches/", "files/", "results/", "inbox/")}
    assert expiring == {**kept, "uploads/": 2}
    assert rules[-1]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    assert bucket["NotificationConfiguration"]["EventBridgeConfiguration"] == {"EventBridgeEnabled": True}


def test_what_a_batch_has_written_outlives_its_execution() -> None:
    machine = json.loads((ROOT / "statemachines" / "batch.asl.json").read_text())

    assert template()["Parameters"]["RecordDays"]["MinValue"] * 86400 > machine["TimeoutSeconds"]


def test_every_function_that_answers_http_has_a_url_for_iam_callers() -> None:
    urls = resources("AWS::Lambda::Url").values()

    assert {url["TargetFunctionArn"]["Ref"] for url in urls} == {"StreamingFunction", "PromptsFunction", "RunsFunction"}
    assert {url["AuthType"] for url in urls} == {"AWS_IAM"}


def test_the_names_that_are_composed_are_the_state_machines() -> None:
    name = resources("AWS::Serverless::StateMachine")["BatchMachine"]["Name"]["Fn::Sub"]
    arn = f"arn:${{AWS::Partition}}:states:${{AWS::Region}}:${{AWS::AccountId}}:stateMachine:{name}"

    for function in ("EventsFunction", "RunsFunction"):
        assert functions()[function]["Environment"]["Variables"]["PROMPTSIDE_STATE_MACHINE"] == {"Fn::Sub": arn}


def test_the_prompt_table_survives_mistakes() -> None:
    table = resources("AWS::DynamoDB::Table")["PromptTable"]

    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionProtectionEnabled"] == {"Ref": "TableDeletionProtection"}
    assert template()["Resources"]["PromptTable"]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert template()["Parameters"]["TableDeletionProtection"]["Default"] == "true"


def test_what_runs_prompts_writes_to_the_run_table_and_counts_budgets_only() -> None:
    writes = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}
    tables = [
        (statement["Resource"], statement.get("Condition"))
        for statement in statements_of("StreamingRole")
        if writes & set(as_list(statement["Action"]))
    ]

    counters = {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#usage#*"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    run_table = ({"Fn::GetAtt": "RunTable.Arn"}, None)
    assert tables == [run_table, run_table, ({"Fn::GetAtt": "PromptTable.Arn"}, counters)]


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

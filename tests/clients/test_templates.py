"""The template language as a caller of Portkey's SDKs meets it; ids and names begin with conformance rows."""

import json
from typing import Any

import pytest

from tests.clients.outcome import Sdk, run
from tests.clients.prompts import make_prompt, make_raw_prompt, user_message
from tests.clients.provider import EchoProvider

HISTORY = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": 'You said "Hi"'}]
SYSTEM = {"role": "system", "content": "S"}
AWKWARD = '"quoted" \\back\\slash\nnew line\t{brace} [bracket] </b> {{tag}} \u2028 \U0001f600'
HAS_IMAGE = (
    '[{"role": "user", "content": [{"type": "text", "text": "Look"}'
    '{{#has_image}}, {"type": "image_url", "image_url": {"url": "{{url}}"}}{{/has_image}}]}]'
)


@pytest.mark.parametrize(
    ("template", "variables", "text"),
    [
        pytest.param("a{{#v}}shown{{/v}}", {"v": False}, "a", id="50-false"),
        pytest.param("a{{#v}}shown{{/v}}", {}, "a", id="50-absent"),
        pytest.param("a{{#v}}shown{{/v}}", {"v": []}, "a", id="50-empty-list"),
        pytest.param("a{{#v}}shown{{/v}}", {"v": 0}, "a", id="50-zero"),
        pytest.param("a{{#v}}shown{{/v}}", {"v": ""}, "a", id="50-empty-text"),
        pytest.param("a{{#v}}shown{{/v}}", {"v": {}}, "ashown", id="50-empty-object"),
        pytest.param("a{{^v}}inverted{{/v}}", {"v": False}, "ainverted", id="52-inverted"),
        pytest.param("a{{! a comment }}b", {}, "ab", id="52-comment"),
        pytest.param("Call {{phone number}}", {"phone number": "112"}, "Call 112", id="53-name-with-a-space"),
        pytest.param("{{x}}", {"x": '<b>"Tom & Jerry"</b>'}, '<b>"Tom & Jerry"</b>', id="54-no-escaping"),
        pytest.param("{{{x}}} {{&x}}", {"x": "<&>"}, "<&> <&>", id="54-other-spellings"),
        pytest.param("{{#l}}[{{n}}{{.}}]{{/l}}", {"l": ["a", "b"], "n": "-"}, "[-a][-b]", id="section-over-a-list"),
        pytest.param("{{a.b}}", {"a": {"b": "deep"}}, "deep", id="dotted-name"),
        pytest.param("{{o}}", {"o": {"k": [1, None, "x"]}}, '{"k":[1,null,"x"]}', id="object-as-json"),
        pytest.param("{{x}}", {"x": AWKWARD}, AWKWARD, id="56-awkward-value-structured"),
    ],
)
def test_the_provider_sees(
    *, sdk: Sdk, provider: EchoProvider, template: str, variables: dict[str, Any], text: str
) -> None:
    slug = make_prompt(sdk, user_message(template))

    run(sdk, slug, variables).result()

    assert provider.sent()["messages"] == [{"role": "user", "content": text}]


def test_row_56_an_awkward_value_in_a_raw_prompt_stays_one_text(sdk: Sdk, provider: EchoProvider) -> None:
    slug = make_raw_prompt(sdk, '[{"role": "user", "content": "Say: {{x}}"}]')

    run(sdk, slug, {"x": AWKWARD}).result()

    assert provider.sent()["messages"] == [{"role": "user", "content": f"Say: {AWKWARD}"}]


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        pytest.param({"has_image": True, "url": "https://e.com/a.png"}, True, id="57-true"),
        pytest.param({"has_image": False, "url": "https://e.com/a.png"}, False, id="57-false"),
        pytest.param({}, False, id="57-absent"),
    ],
)
def test_a_section_takes_a_part_in_or_out(
    sdk: Sdk, provider: EchoProvider, variables: dict[str, Any], shown: bool
) -> None:
    slug = make_raw_prompt(sdk, HAS_IMAGE)

    run(sdk, slug, variables).result()

    image = {"type": "image_url", "image_url": {"url": "https://e.com/a.png"}}
    assert provider.sent()["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Look"}, *([image] if shown else [])]}
    ]


@pytest.mark.parametrize("make", [make_prompt, make_raw_prompt], ids=["structured", "raw"])
@pytest.mark.parametrize(
    ("history", "messages"),
    [
        pytest.param(HISTORY, HISTORY, id="58-list"),
        pytest.param(json.dumps(HISTORY), HISTORY, id="58-json-text"),
        pytest.param(json.dumps(HISTORY)[1:-1], HISTORY, id="58-json-text-without-brackets"),
        pytest.param([], [], id="58-empty"),
    ],
)
def test_chat_history_is_spliced_in(
    *, sdk: Sdk, provider: EchoProvider, make: Any, history: Any, messages: list[Any]
) -> None:
    last = {"role": "user", "content": "And now?"}
    slug = make(sdk, f"[{json.dumps(SYSTEM)}, {{{{chat_history}}}}, {json.dumps(last)}]")

    run(sdk, slug, {"chat_history": history}).result()

    assert provider.sent()["messages"] == [SYSTEM, *messages, last]


def test_row_60_publishing_a_partial_changes_every_prompt_at_once(sdk: Sdk) -> None:
    partial = sdk.call("prompts.partials.create", name="Style", string="Be {{how}}.").result()["slug"]
    slug = make_prompt(sdk, user_message(f"{{{{>{partial}}}}} {{{{>{partial}@1}}}} {{{{>{partial}@latest}}}}"))
    variables = {"how": "kind"}

    first = run(sdk, slug, variables).content()
    sdk.call("prompts.partials.update", partial, string="Stay {{how}}.").result()
    second = run(sdk, slug, variables).content()
    sdk.call("prompts.partials.publish", partial, version=2).result()
    third = run(sdk, slug, variables).content()

    assert (first, second, third) == (
        "Be kind. Be kind. Be kind.",
        "Be kind. Be kind. Stay kind.",
        "Stay kind. Be kind. Stay kind.",
    )


def test_a_partial_of_the_caller_comes_with_the_variables(sdk: Sdk) -> None:
    slug = make_prompt(sdk, user_message("{{>>Extra}}"))

    assert run(sdk, slug, {"Extra": "from the caller, {{name}}", "name": "Ann"}).content() in {
        "from the caller, Ann",
        "from the caller, {{name}}",
    }

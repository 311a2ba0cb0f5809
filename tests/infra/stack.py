"""The template as plain data, and the places where builds lie."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
BUILT_LAYER = ROOT / ".aws-sam" / "build" / "SharedLayer"
HOST_LAYER = ROOT / ".aws-sam" / "host"
BUILD_HINT = "Run `make build .aws-sam/host/built` first, or `make test`, which does"


class TemplateLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short functions: `!Ref x` becomes `{"Ref": "x"}`, `!Sub x` `{"Fn::Sub": "x"}`."""


def _function(loader: TemplateLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


TemplateLoader.add_multi_constructor("!", _function)


@cache
def template() -> dict[str, Any]:
    """Return the whole template."""
    value: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), TemplateLoader)
    return value


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of every resource of one type, by logical id."""
    found = template()["Resources"].items()
    return {name: resource["Properties"] for name, resource in found if resource["Type"] == kind}


def functions() -> dict[str, dict[str, Any]]:
    """Return the functions' properties with the global ones merged in, as SAM does."""
    shared = template()["Globals"]["Function"]
    return {name: {**shared, **own} for name, own in resources("AWS::Serverless::Function").items()}

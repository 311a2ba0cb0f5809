"""Writes YAML that reads well in a review: block texts, the order of keys as given, short lists in one line."""

from __future__ import annotations

import re
import sys
from typing import Any

import yaml

_SHORT = 72
# Control characters, and what YAML or an editor takes for the end of a line or leaves out.
_NEEDS_ESCAPES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def dump(value: Any) -> str:
    """Return YAML text that loads to exactly the same value."""
    text = _dump(value, _ReadableDumper)
    return text if _loads_to(text, value) else _dump(value, yaml.SafeDumper)


def _dump(value: Any, dumper: type[yaml.SafeDumper]) -> str:
    return yaml.dump(
        value, Dumper=dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=sys.maxsize
    )


def _loads_to(text: str, value: Any) -> bool:
    try:
        return bool(yaml.safe_load(text) == value)
    except yaml.YAMLError:
        return False


class _ReadableDumper(yaml.SafeDumper):
    """PyYAML's safe dumper with another style."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - its signature
        """Indent the entries of a list below their key."""
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - its signature
        """Write equal values twice instead of referring from one to the other."""
        return True

    def analyze_scalar(self, scalar: str) -> Any:
        """Allow block style for spaces at the ends of lines, too; `dump` sees whether it came out right."""
        analysis = super().analyze_scalar(scalar)
        if analysis.multiline and not _NEEDS_ESCAPES.search(scalar):
            analysis.allow_block = True
        return analysis

    def write_literal(self, text: str) -> None:
        """Go on after a text that ends in empty lines; PyYAML would end the document."""
        super().write_literal(text)
        self.open_ended = False


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = None
    if _NEEDS_ESCAPES.search(text) or ("\n" in text and not text.strip()):
        style = '"'
    elif "\n" in text:
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.Node:
    texts = [str(item) for item in items if not isinstance(item, dict | list)]
    short = len(texts) == len(items) and sum(map(len, texts)) + 4 * len(texts) <= _SHORT
    flow = short and not any("\n" in text for text in texts)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=flow)


_ReadableDumper.add_representer(str, _represent_text)
_ReadableDumper.add_representer(list, _represent_list)

"""The sources that prompts can be imported from. A new one is a module with `IMPORTER` and a line here.

See `base.py` for what an importer is.
"""

from __future__ import annotations

import importlib

from cli.importing.base import Importer

MODULES = {
    "openai": "cli.importing.openai",
    "portkey": "cli.importing.portkey",
    "langfuse": "cli.importing.langfuse",
    "litellm": "cli.importing.litellm",
    "bedrock": "cli.importing.bedrock",
}
"""What the user types, and where it is."""


def get_importer(name: str) -> Importer:
    """Return an importer. Raises KeyError."""
    importer: Importer = importlib.import_module(MODULES[name]).IMPORTER
    return importer

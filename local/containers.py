"""What `sam local invoke` needs to run a function in a container against the local store.

sam local invoke CompletionFunction -e events/completion-invoke.json --env-vars .promptside/sam-local.json
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

FILE = "sam-local.json"
HOST = "host.docker.internal"
"""This machine as its containers call it: Docker Desktop's own name; elsewhere `--add-host` gives it."""


def write_container_environment(directory: Path, variables: Mapping[str, str]) -> Path:
    """Write the functions' variables as they read inside of a container, and return the file."""
    seen = {name: value.replace("//127.0.0.1:", f"//{HOST}:") for name, value in variables.items()}
    path = directory / FILE
    path.write_text(json.dumps({"Parameters": seen}, indent=2) + "\n", encoding="utf-8")
    return path

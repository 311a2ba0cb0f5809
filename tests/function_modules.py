"""The functions' own files, imported afresh."""

from __future__ import annotations

import importlib.util
import sys
import uuid
from pathlib import Path
from types import ModuleType

FUNCTIONS = Path(__file__).parent.parent / "functions"


def import_function(name: str) -> ModuleType:
    """Import `functions/<name>/app.py` anew: it reads the environment and builds its services as at a cold start."""
    unique = f"{name}_function_{uuid.uuid4().hex}"
    spec = importlib.util.spec_from_file_location(unique, FUNCTIONS / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Frameworks look for a handler's annotations in the module that they are told of.
    sys.modules[unique] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[unique]
    return module

"""Asks git what a file said in earlier commits."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from cli.content import Name, digest, partial_content, prompt_content
from cli.prompt_files import BadPromptFile, load_partial, load_prompt

_COMMITS = 200
_SECONDS = 20


def was_committed(path: Path, name: Name, wanted: str) -> bool:
    """Tell whether an earlier commit of a file has the content with this digest; False outside of git."""
    commits = _git(path, "log", f"--max-count={_COMMITS}", "--format=%H", "--", path.name)
    if commits is None:
        return False
    return any(_digest(path, name, commit) == wanted for commit in commits.decode().split())


def _digest(path: Path, name: Name, commit: str) -> str | None:
    text = _git(path, "show", f"{commit}:./{path.name}")
    if text is None:
        # This commit deleted the file.
        return None
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / path.name
        copy.write_bytes(text)
        try:
            if name.family == "prompt":
                return digest(prompt_content(load_prompt(copy)))
            return digest(partial_content(load_partial(copy)))
        except BadPromptFile:
            return None


def _git(path: Path, *arguments: str) -> bytes | None:
    """Return what git prints, None when it fails or is not there."""
    try:
        done = subprocess.run(["git", *arguments], cwd=path.parent, capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None

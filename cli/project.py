"""Where the files are and which stack to talk to: promptside.yaml, options and environment variables.

prompts: prompts                     the folder with the files
default: local                       the target that counts without --target
targets:
  local:
    url: http://127.0.0.1:8787/v1
  production:
    url: https://abc123.execute-api.eu-west-1.amazonaws.com/prod/v1
    api_key_variable: PROMPTSIDE_PRODUCTION_KEY     the variable that holds the key; never the key itself
    secrets_prefix: /promptside/my-stack            for `promptside secrets`
    region: eu-west-1
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from cli.errors import CommandFailed
from local.options import DEFAULT_KEY, DEFAULT_PORT

FILE = "promptside.yaml"
LOCAL_URL = f"http://127.0.0.1:{DEFAULT_PORT}/v1"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_FIELDS = frozenset({"prompts", "default", "targets"})
_TARGET_FIELDS = frozenset({"url", "api_key_variable", "secrets_prefix", "region"})


@dataclass(frozen=True, slots=True)
class Target:
    """A stack. `api_key` is None when nobody gave one."""

    name: str
    url: str
    api_key: str | None = field(default=None, repr=False)
    key_variable: str = "PROMPTSIDE_API_KEY"
    secrets_prefix: str | None = None
    region: str | None = None

    def __str__(self) -> str:
        """Return the URL, with the name that the user gave it."""
        return f"{self.name} ({self.url})" if self.name else self.url

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return is_local(self.url)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the options of a command say; everything may be absent."""

    url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """A checkout with prompts. `root` holds promptside.yaml and promptside.lock."""

    root: Path
    folder: Path
    default: str | None = None
    targets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def target(self, choice: Choice, environment: Mapping[str, str]) -> Target:
        """Return the stack to talk to: --url, --target, PROMPTSIDE_URL, the default target, the local run.

        Raises CommandFailed.
        """
        url = choice.url or (None if choice.target else environment.get("PROMPTSIDE_URL"))
        name = choice.target or self.default
        if url is not None:
            return _target("", {"url": url}, choice.api_key, environment)
        if name is None:
            return _target("local", {"url": LOCAL_URL}, choice.api_key, environment)
        if name not in self.targets:
            known = ", ".join(self.targets) or "none"
            raise CommandFailed(f"There is no target '{name}' in {self.root / FILE}; known are: {known}")
        return _target(name, self.targets[name], choice.api_key, environment)


def find_project(start: Path) -> Project:
    """Return the project of a folder: the nearest promptside.yaml at or above it, else the folder itself."""
    for directory in (start, *start.parents):
        path = directory / FILE
        if path.is_file():
            return _read(path)
    return Project(start, start / "prompts")


def is_local(url: str) -> bool:
    """Tell whether a URL leads to this machine."""
    return urlsplit(url).hostname in _LOOPBACK


def _read(path: Path) -> Project:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, ValueError) as exc:
        raise CommandFailed(f"{path} is not YAML: {getattr(exc, 'problem', None) or 'unreadable'}") from exc
    _check_mapping(path, "the file", content, _FIELDS)
    targets = content.get("targets") or {}
    if not isinstance(targets, dict):
        raise CommandFailed(f"{path}: 'targets' must be a mapping of names to targets")
    for name, target in targets.items():
        _check_mapping(path, f"target '{name}'", target, _TARGET_FIELDS)
        if not all(isinstance(value, str) for value in target.values()) or "url" not in target:
            raise CommandFailed(f"{path}: target '{name}' needs a 'url', and its fields are texts")
    default = content.get("default")
    if default is not None and default not in targets:
        raise CommandFailed(f"{path}: the default target '{default}' is not among 'targets'")
    folder = content.get("prompts") or "prompts"
    if not isinstance(folder, str):
        raise CommandFailed(f"{path}: 'prompts' must be the name of a folder")
    return Project(path.parent, path.parent / folder, default, targets)


def _check_mapping(path: Path, what: str, value: Any, known: frozenset[str]) -> None:
    if not isinstance(value, dict):
        raise CommandFailed(f"{path}: {what} must be a mapping of fields")
    unknown = [str(name) for name in value if name not in known]
    if unknown:
        raise CommandFailed(f"{path}: {what} has an unknown field '{unknown[0]}'; known are {', '.join(sorted(known))}")


def _target(name: str, fields: Mapping[str, str], api_key: str | None, environment: Mapping[str, str]) -> Target:
    url = fields["url"].rstrip("/")
    if not _is_url(url):
        raise CommandFailed(f"'{url}' is no URL of a stack, such as {LOCAL_URL}")
    if url.lower().startswith("http:") and not is_local(url):
        raise CommandFailed(f"{url} would carry the API key in clear text: use https")
    variable = fields.get("api_key_variable", "PROMPTSIDE_API_KEY")
    # A target that names its variable gets that key and no other: another stack's must not go there.
    found = api_key or environment.get(variable)
    return Target(
        name,
        url,
        found or (DEFAULT_KEY if is_local(url) else None),
        key_variable=variable,
        secrets_prefix=fields.get("secrets_prefix"),
        region=fields.get("region"),
    )


def _is_url(text: str) -> bool:
    try:
        address = urlsplit(text)
        return address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        return False

"""Provider credentials from the environment variables that the providers' own SDKs read; nothing of it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from promptside.providers.base import Provider
from promptside.providers.fields import all_fields
from promptside.providers.registry import MODULES, get_provider
from promptside.store.base import SecretStore

_PREFIX = "providers/"
_REGION = "aws_region"


class AwsChain(Protocol):
    """What botocore finds by itself: profiles, SSO, a web identity. `signs` tells whether there are credentials."""

    def signs(self) -> bool:
        """Tell whether requests can be signed."""
        ...

    def region(self) -> str | None:
        """Return the region of the profile."""
        ...


class EnvironmentSecretStore:
    """A SecretStore that looks into the environment first and then into the local Parameter Store."""

    def __init__(self, environment: Mapping[str, str], stored: SecretStore, aws: AwsChain) -> None:
        self._stored = stored
        self._found = {name: _credentials(get_provider(name), environment, aws) for name in MODULES}

    def find(self, name: str, *, refresh: bool = False) -> dict[str, str] | None:
        """Return the fields of the secret; those of the environment win as a whole."""
        found = self._found.get(name.removeprefix(_PREFIX)) if name.startswith(_PREFIX) else None
        return dict(found) if found is not None else self._stored.find(name, refresh=refresh)

    def path(self, name: str) -> str:
        """Return the full parameter path, for error messages."""
        return self._stored.path(name)

    def live(self) -> list[str]:
        """Return the providers that the environment has credentials for, by name."""
        return sorted(name for name, found in self._found.items() if found is not None)


class BotocoreChain:
    """botocore's own search. The instance metadata service is asked only when the user says so: it costs seconds."""

    def __init__(self) -> None:
        from botocore.session import Session

        self._session = Session()

    def signs(self) -> bool:
        """Tell whether the chain ends in credentials; a broken profile counts as none."""
        from botocore.exceptions import BotoCoreError

        try:
            return self._session.get_credentials() is not None
        except BotoCoreError:
            return False

    def region(self) -> str | None:
        """Return the region of the environment or of the profile."""
        from botocore.exceptions import BotoCoreError

        try:
            region: str | None = self._session.get_config_variable("region")
        except BotoCoreError:
            return None
        return region


def variable(provider: Provider) -> str | None:
    """Return the variable that makes a provider live, for people to read."""
    fields = sorted(all_fields(provider), key=lambda field: (not field.required, not field.secret))
    return next((field.environment[0] for field in fields if field.environment), None)


def _credentials(provider: Provider, environment: Mapping[str, str], aws: AwsChain) -> dict[str, str] | None:
    """Return the fields that the environment has, or None when they are not enough to call the provider."""
    fields = all_fields(provider)
    found: dict[str, str] = {}
    for field in fields:
        value = next((environment[name] for name in field.environment if environment.get(name)), None)
        if value is not None:
            found[field.name] = value
    # The region has a default everywhere, so it says nothing about credentials.
    required = [field.name for field in fields if field.required and field.name != _REGION]
    if required:
        return found if all(name in found for name in required) else None
    if any(field.secret and field.name in found for field in fields):
        return found
    if any(field.name == _REGION for field in fields) and aws.signs():
        # Without keys among the fields, the transport signs with the same chain.
        region = aws.region()
        return {_REGION: region, **found} if region else found
    return None

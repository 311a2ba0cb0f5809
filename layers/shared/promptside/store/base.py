"""What the service needs of the stores. One DynamoDB table and one tree of SSM parameters are behind it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from promptside.schema.config import Sought
from promptside.schema.prompt import ApiKey, Reference, Resolution


class PromptReader(Protocol):
    """The read side that every run uses: one DynamoDB round trip when warm."""

    def resolve(
        self,
        reference: Reference,
        *,
        key_digest: str | None,
        virtual_keys: Collection[str] = (),
        sought: Sought | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Resolution:
        """Read the caller's key, the prompt version, its partials and the virtual keys together, consistently.

        `key_digest` is the SHA-256 of the caller's key in hex, or None for callers that IAM has already checked.
        `virtual_keys` are slugs named by the request; those named by the version are added. `sought` is the config that
        the request brings; the version or the caller's key may name another, and with it come the prompts and virtual
        keys that the stored config names. Where an experiment runs on a prompt that is named without a selector,
        `metadata`, over that of the caller's key, decides on the version. Raises InvalidRequest for an unknown config.
        Raises NotFound for an unknown prompt, version, label or partial, but only when `key_digest` is None or names an
        active key: otherwise Unauthenticated, so that nobody without a key learns what exists. StoreUnavailable when
        DynamoDB fails.
        """
        ...

    def find_api_key(self, digest: str) -> ApiKey | None:
        """Return the key record for management routes, read consistently."""
        ...


class SecretStore(Protocol):
    """Provider secrets, each a flat JSON object of text fields."""

    def find(self, name: str, *, refresh: bool = False) -> dict[str, str] | None:
        """Return the fields of the secret, or None when there is no such parameter.

        A plain-text parameter is read as `{"api_key": text}`. `refresh` skips the cache: the provider refused the
        cached value. Raises StoreUnavailable when SSM fails and nothing usable is cached, ConfigurationError when the
        parameter is unusable.
        """
        ...

    def path(self, name: str) -> str:
        """Return the full parameter path, for error messages."""
        ...


class SecretVault(SecretStore, Protocol):
    """The same secrets for management, which also writes them."""

    def put(self, name: str, fields: Mapping[str, str]) -> None:
        """Store a secret in place of an older one. Raises PayloadTooLarge, InvalidRequest, StoreUnavailable."""
        ...

    def delete(self, name: str) -> None:
        """Remove a secret; that it was not there is no error."""
        ...

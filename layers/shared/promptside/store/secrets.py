"""Provider secrets in SSM Parameter Store, cached for minutes.

SSM answers 40 reads a second and an account shares them, so a function must not ask twice for what it knows. The cache
is our own, because Powertools' has no way to serve an old value while SSM throttles, nor to keep a herd of threads to
one request.
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from promptside.errors import ConfigurationError, InvalidRequest, NotFound, PayloadTooLarge, StoreUnavailable
from promptside.log import log_event
from promptside.store.cache import BoundedCache
from promptside.store.failures import error_code
from promptside.store.patience import Patience, call

LARGEST_SECRET = 4096
"""Bytes; SSM's limit for standard parameters."""
STALE_SECONDS = 3600.0
ABSENT_SECONDS = 30.0
REFRESH_SECONDS = 5.0
"""A refused secret is read again at most this often, however many calls it fails."""
RETRY_SECONDS = 5.0
"""How long an old value is served before SSM, which has just failed, is asked again."""
_NAMES = 2_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}(/[A-Za-z0-9][A-Za-z0-9_.-]{0,127}){0,3}")
_DENIED = frozenset({"AccessDeniedException", "KMSAccessDeniedException", "InvalidKeyId", "DisabledException"})


@dataclass(frozen=True, slots=True)
class _Entry:
    """A cached answer; `fields` is None when there was no such parameter. Times are on the store's clock."""

    fields: Mapping[str, str] | None
    read_at: float
    tried_at: float
    fresh_until: float

    def __repr__(self) -> str:
        """Show nothing of the secret."""
        return "_Entry(...)"


class SsmSecretStore:
    """Implements `SecretStore` over one tree of SecureString parameters; safe to share between threads."""

    def __init__(
        self,
        client: Any,
        *,
        prefix: str,
        ttl_seconds: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
        patience: Patience | None = None,
    ) -> None:
        self._client = client
        self._prefix = prefix.rstrip("/")
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        self._patience = patience or Patience()
        self._entries: BoundedCache[str, _Entry] = BoundedCache(_NAMES)
        self._locks: BoundedCache[str, threading.Lock] = BoundedCache(_NAMES)
        self._guard = threading.Lock()

    def path(self, name: str) -> str:
        """Return the full parameter path, for error messages."""
        return f"{self._prefix}/{name}"

    def find(self, name: str, *, refresh: bool = False) -> dict[str, str] | None:
        """Return the secret's fields, or None when there is no such parameter; see `SecretStore`."""
        _check_name(name)
        entry = self._entries.find(name)
        if entry is not None and self._will_do(entry, refresh=refresh):
            return _copy(entry)
        lock = self._lock(name)
        if not lock.acquire(blocking=refresh or entry is None or not self._is_usable(entry)):
            # Somebody is reading it already; until they are done the old value is good enough.
            return _copy(entry)
        try:
            entry = self._entries.find(name)
            if entry is None or not self._will_do(entry, refresh=refresh):
                entry = self._read(name, entry)
                self._entries.put(name, entry)
            return _copy(entry)
        finally:
            lock.release()

    def put(self, name: str, fields: Mapping[str, str]) -> None:
        """Store a secret as a SecureString, in place of an older one. Raises PayloadTooLarge, InvalidRequest."""
        _check_name(name)
        if not fields or not all(isinstance(value, str) and value for value in fields.values()):
            raise InvalidRequest("A secret needs at least one field, and none may be empty", param="key")
        value = json.dumps(dict(fields))
        if len(value) > LARGEST_SECRET:
            raise PayloadTooLarge(
                f"The secret has {len(value)} bytes; SSM Parameter Store takes {LARGEST_SECRET}", param="key"
            )
        request = {"Name": self.path(name), "Value": value, "Type": "SecureString", "Overwrite": True}
        self._change(name, "put_parameter", lambda: self._client.put_parameter(**request))

    def delete(self, name: str) -> None:
        """Remove a secret; that it was not there is no error."""
        _check_name(name)
        request = {"Name": self.path(name)}

        def remove() -> None:
            try:
                self._client.delete_parameter(**request)
            except ClientError as exc:
                if error_code(exc) != "ParameterNotFound":
                    raise

        self._change(name, "delete_parameter", remove)

    def _change(self, name: str, operation: str, function: Callable[[], Any]) -> None:
        with self._lock(name):
            try:
                call(operation, function, self._patience.start())
            except ConfigurationError as exc:
                raise self._unusable(name, "cannot be written: check the function's role and the KMS key") from exc
            never = float("-inf")
            self._entries.put(name, _Entry(None, never, never, never))

    def _will_do(self, entry: _Entry, *, refresh: bool) -> bool:
        now = self._clock()
        return now - entry.tried_at < REFRESH_SECONDS if refresh else now < entry.fresh_until

    def _is_usable(self, entry: _Entry) -> bool:
        return entry.fields is not None and self._clock() - entry.read_at <= STALE_SECONDS

    def _read(self, name: str, old: _Entry | None) -> _Entry:
        now = self._clock()
        try:
            fields = self._fetch(name)
        except StoreUnavailable:
            if old is None or not self._is_usable(old):
                raise
            log_event("secret_served_stale", secret=self.path(name), age_seconds=round(now - old.read_at))
            return _Entry(old.fields, old.read_at, now, now + RETRY_SECONDS)
        seconds = ABSENT_SECONDS if fields is None else self._ttl_seconds
        # Spread out, so that environments that started together do not come back together.
        return _Entry(fields, now, now, now + seconds * random.uniform(0.8, 1.2))  # noqa: S311 - not for secrecy

    def _fetch(self, name: str) -> Mapping[str, str] | None:
        request = {"Name": self.path(name), "WithDecryption": True}

        def get() -> Any:
            try:
                return self._client.get_parameter(**request)["Parameter"]
            except ClientError as exc:
                if error_code(exc) == "ParameterNotFound":
                    return None
                raise

        try:
            parameter = call("get_parameter", get, self._patience.start())
        except (ConfigurationError, StoreUnavailable) as exc:
            cause = exc.__cause__
            if isinstance(exc, ConfigurationError) or (cause is not None and _is_denied(cause)):
                raise self._unusable(name, "cannot be read: check the function's role and the KMS key") from cause
            raise
        return None if parameter is None else self._fields(name, parameter)

    def _fields(self, name: str, parameter: Mapping[str, Any]) -> Mapping[str, str]:
        if parameter["Type"] != "SecureString":
            raise self._unusable(name, f"is a {parameter['Type']}: store it as a SecureString")
        text: str = parameter["Value"].strip("\r\n")
        if not text.strip():
            raise self._unusable(name, "is empty")
        if not text.lstrip().startswith("{"):
            return {"api_key": text}
        try:
            fields = json.loads(text)
        except ValueError:
            # The exception would quote the value.
            raise self._unusable(name, "starts like a JSON object but is not one") from None
        if not fields or not all(isinstance(value, str) for value in fields.values()):
            raise self._unusable(name, 'must be a JSON object of text fields, such as {"api_key": "..."}')
        return {str(field): value.strip("\r\n") for field, value in fields.items()}

    def _unusable(self, name: str, problem: str) -> ConfigurationError:
        return ConfigurationError(f"The SSM parameter {self.path(name)} {problem}", param=self.path(name))

    def _lock(self, name: str) -> threading.Lock:
        with self._guard:
            lock = self._locks.find(name)
            if lock is None:
                lock = threading.Lock()
                self._locks.put(name, lock)
            return lock


def _copy(entry: _Entry | None) -> dict[str, str] | None:
    return None if entry is None or entry.fields is None else dict(entry.fields)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or ".." in name:
        raise NotFound("There is no secret of that name", param="virtual_key")


def _is_denied(error: BaseException) -> bool:
    return isinstance(error, ClientError) and (error_code(error) in _DENIED or error_code(error).startswith("KMS"))

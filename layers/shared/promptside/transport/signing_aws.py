"""AWS Signature Version 4, made by botocore, with given keys or with those of the function's own role."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from promptside.providers.base import ProviderRequest, SigV4
from promptside.transport.tokens import refused


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """A pair of keys, with the token that makes them temporary."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


class AwsRole:
    """The credentials that the environment gives: a Lambda role, a profile. Looked up on first use, then refreshed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: Any = None
        self._credentials: Any = None

    def keys(self) -> AwsKeys:
        """Return keys that are valid now. Raises ProviderError with status 401 when there are none."""
        # Imported here: only signed calls need it.
        from botocore.exceptions import BotoCoreError

        try:
            with self._lock:
                if self._credentials is None:
                    self._credentials = self._open_session().get_credentials()
            if self._credentials is None:
                raise refused("AWS", "this stack has no AWS credentials of its own")
            frozen = self._credentials.get_frozen_credentials()
        except BotoCoreError as exc:
            raise refused("AWS", "the stack's own AWS credentials cannot be loaded") from exc
        return AwsKeys(frozen.access_key, frozen.secret_key, frozen.token)

    def region(self) -> str:
        """Return the region that the environment names, or us-east-1."""
        with self._lock:
            return self._open_session().get_config_variable("region") or "us-east-1"

    def _open_session(self) -> Any:
        if self._session is None:
            import botocore.session

            self._session = botocore.session.Session()
        return self._session


def sign(request: ProviderRequest, signing: SigV4, role: AwsRole) -> Mapping[str, str]:
    """Return the signature's headers: `authorization`, `x-amz-date` and, for temporary keys, `x-amz-security-token`.

    Of the request's own headers only the content type and those of AWS are signed; others may change on the way.
    """
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    keys = _given(signing) if signing.access_key_id else role.keys()
    signed = {
        name.lower(): value
        for name, value in request.headers.items()
        if name.lower() == "content-type" or name.lower().startswith("x-amz-")
    }
    message = AWSRequest(method="POST", url=request.url, data=request.body, headers=signed)
    credentials = Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    SigV4Auth(credentials, signing.service, signing.region).add_auth(message)
    return {name.lower(): value for name, value in message.headers.items()}


def _given(signing: SigV4) -> AwsKeys:
    if signing.access_key_id is None or not signing.secret_access_key:
        raise refused("AWS", "an access key id needs its secret access key")
    return AwsKeys(signing.access_key_id, signing.secret_access_key, signing.session_token)

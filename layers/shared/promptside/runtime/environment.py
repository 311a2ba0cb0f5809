"""Lambda's reserved variables: the ones a runtime reads, and the one it must write. Settings are in config.py."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RuntimeEnvironment:
    """What Lambda tells a runtime. `runtime_api` is `host:port`; `handler` is `module.function`."""

    runtime_api: str
    handler: str
    function_name: str = ""
    function_version: str = ""
    memory_limit_in_mb: str = ""
    log_group_name: str = ""
    log_stream_name: str = ""
    snap_start: bool = False

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> RuntimeEnvironment:
        """Read the variables. Raises KeyError outside of Lambda, where there is no Runtime API."""
        env = os.environ if environment is None else environment  # noqa: TID251 - see the module's docstring
        return cls(
            runtime_api=env["AWS_LAMBDA_RUNTIME_API"],
            handler=env["_HANDLER"],
            function_name=env.get("AWS_LAMBDA_FUNCTION_NAME", ""),
            function_version=env.get("AWS_LAMBDA_FUNCTION_VERSION", ""),
            memory_limit_in_mb=env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", ""),
            log_group_name=env.get("AWS_LAMBDA_LOG_GROUP_NAME", ""),
            log_stream_name=env.get("AWS_LAMBDA_LOG_STREAM_NAME", ""),
            snap_start=env.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start",
        )


def set_trace_id(trace_id: str) -> None:
    """Publish this invocation's X-Ray header where every tracing library looks for it; empty removes the last one."""
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id  # noqa: TID251 - as above
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)  # noqa: TID251 - as above

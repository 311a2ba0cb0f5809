"""One structured log line per request. Prompts, variables, messages, headers and credentials never reach it."""

from __future__ import annotations

import json

from aws_lambda_powertools import Logger

# One encoder for all lines: by default each line makes its own.
_ENCODER = json.JSONEncoder(separators=(",", ":"), default=str)

logger: Logger = Logger(service="promptside", use_rfc3339=True, utc=True, json_serializer=_ENCODER.encode)


def set_level(level: str) -> None:
    """Apply the level from the settings."""
    logger.setLevel(level.upper())


def log_event(event: str, **fields: object) -> None:
    """Write one info line: `event` in the past tense, fields without any content of prompts or answers."""
    logger.info(event, extra={name: value for name, value in fields.items() if value is not None})


def log_failure(event: str, error: BaseException, **fields: object) -> None:
    """Write one error line that names where our code failed, without the exception's text: it may quote a prompt."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_qualname}")
        trace = trace.tb_next
    logger.error(event, extra={"error_type": type(error).__name__, "frames": frames[-12:], **fields})

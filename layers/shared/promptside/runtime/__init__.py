"""Response streaming for Python on AWS Lambda: a small loop over the documented Lambda Runtime API.

The managed Python runtime's own client answers only whole bodies. This package replaces that client, and nothing else
of the runtime; the exec wrapper `promptside-streaming` at the root of the layer starts it, as
`python -m promptside.runtime`.
Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming (read 2026-11-22).

    __main__ -> boot (load the handler, SnapStart) -> loop (one invocation after the other)
                    client (the calls) · response (one streamed answer) · prelude (its first bytes)
"""

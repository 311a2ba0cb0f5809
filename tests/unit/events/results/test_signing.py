"""Signatures against the example that the libraries for Standard Webhooks are tested with."""

from promptside.events.results.signing import signed_headers, signing_keys
from tests.product import MemorySecrets


def test_the_example_of_the_standard_s_libraries_is_signed_as_they_expect() -> None:
    keys = signing_keys(MemorySecrets([{"api_key": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}]))

    headers = signed_headers(
        keys, identity="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, body=b'{"test": 2432232314}'
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }

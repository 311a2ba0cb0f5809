from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from promptside.errors import InvalidRequest, ProviderUnreachable
from promptside.providers.base import ProviderRequest
from promptside.transport.addresses import is_public
from promptside.transport.base import Limits
from promptside.transport.http import HttpTransport
from tests.upstream import Upstream, json_reply

PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:a00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "not an address",
    "",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_outside_the_public_internet_is_not_public(address: str) -> None:
    assert is_public(address) is False


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_public_internet_is_public(address: str) -> None:
    assert is_public(address) is True


def _limits() -> Limits:
    return Limits(deadline=time.monotonic() + 5)


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"]])
def test_a_guarded_call_connects_to_no_host_with_a_private_address(addresses: list[str]) -> None:
    with Upstream(json_reply({})) as upstream:
        transport = HttpTransport(resolver=lambda host, port: addresses)
        request = ProviderRequest(url=f"http://models.example:{upstream.port}/v1", body=b"{}")
        with pytest.raises(InvalidRequest) as caught:
            transport.send(request, _limits(), guarded=True)
        with pytest.raises(InvalidRequest):
            transport.open(request, _limits(), guarded=True)

    assert upstream.connections == 0
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, "custom_host_refused", "custom_host")
    assert caught.value.message == (
        "The host 'models.example' is not on the public internet, and this stack calls no private hosts"
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.1", "0x7f.1", "2130706433", "0177.0.0.1"])
def test_no_spelling_of_this_machine_passes_the_guard(host: str) -> None:
    with Upstream(json_reply({})) as upstream:
        request = ProviderRequest(url=f"http://{host}:{upstream.port}/v1", body=b"{}")
        with pytest.raises((InvalidRequest, ProviderUnreachable)):
            HttpTransport().send(request, _limits(), guarded=True)

    assert upstream.connections == 0


def test_the_name_is_resolved_once_and_that_address_is_used_with_the_host_unchanged() -> None:
    asked: list[tuple[str, int]] = []

    def rebind(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    with Upstream(json_reply({}), json_reply({})) as upstream:
        transport = HttpTransport(allow_private_hosts=True, resolver=rebind)
        request = ProviderRequest(url=f"http://Models.example:{upstream.port}/v1", body=b"{}")
        statuses = [transport.send(request, _limits(), guarded=True).status for _ in range(2)]
        transport.close()

    assert statuses == [200, 200]
    assert asked == [("models.example", upstream.port)]
    assert upstream.requests[0].headers["host"] == f"models.example:{upstream.port}"


def test_a_guarded_call_never_gets_a_connection_that_was_made_without_the_guard() -> None:
    with Upstream(json_reply({}), json_reply({})) as upstream:
        transport = HttpTransport()
        request = ProviderRequest(url=upstream.url, body=b"{}")
        assert transport.send(request, _limits()).status == 200
        with pytest.raises(InvalidRequest):
            transport.send(request, _limits(), guarded=True)
        transport.close()

    assert len(upstream.requests) == 1


def test_the_next_address_is_tried_when_one_refuses() -> None:
    with Upstream(json_reply({})) as upstream:
        transport = HttpTransport(resolver=lambda host, port: ["127.0.0.9", "127.0.0.1"])
        response = transport.send(ProviderRequest(url=f"http://two.example:{upstream.port}/", body=b""), _limits())
        transport.close()

    assert response.status == 200


def test_a_host_without_addresses_is_unreachable() -> None:
    with pytest.raises(ProviderUnreachable):
        HttpTransport(resolver=lambda host, port: []).send(ProviderRequest("http://none.example/", b""), _limits())

"""What may be given as the endpoint of KV events."""

from __future__ import annotations

import pytest

from engine.errors import InputError
from engine.serving.observe.kv_endpoint import is_loopback, kv_endpoint


@pytest.mark.parametrize(
    ("typed", "endpoint"),
    [
        ("tcp://*:5557", "tcp://gpu-box:5557"),
        (" tcp://127.0.0.1:5557 ", "tcp://127.0.0.1:5557"),
        ("tcp://[::1]:5557", "tcp://[::1]:5557"),
        ("tcp://other.example:1", "tcp://other.example:1"),
        ("ipc:///run/user/1000/kv-events", "ipc:///run/user/1000/kv-events"),
    ],
)
def test_an_endpoint_is_taken_as_in_the_servers_settings(typed: str, endpoint: str) -> None:
    assert kv_endpoint(typed, "gpu-box") == endpoint


def test_a_star_stands_for_the_server_also_where_that_is_a_number() -> None:
    assert kv_endpoint("tcp://*:5557", "::1") == "tcp://[::1]:5557"
    assert kv_endpoint("tcp://*:5557", "10.0.0.7") == "tcp://10.0.0.7:5557"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "5557",
        "localhost:5557",
        "http://localhost:5557",
        "inproc://cache",
        "udp://localhost:5557",
        "tcp://localhost",
        "tcp://localhost:0",
        "tcp://localhost:65536",
        "tcp://eth0;localhost:5557",
        "tcp://a b:5557",
        "tcp://300.1.1.1:5557",
        "ipc://relative",
        "ipc://@abstract",
        "ipc:///" + "x" * 120,
        "ipc:///a\x1b[31m",
        "tcp://" + "x" * 300 + ":5557",
    ],
)
def test_anything_else_is_refused_in_a_sentence(typed: str) -> None:
    with pytest.raises(InputError) as raised:
        kv_endpoint(typed, "localhost")
    assert str(raised.value).isprintable()


def test_loopback_is_this_machine_only() -> None:
    assert is_loopback("tcp://127.0.0.1:5557")
    assert is_loopback("tcp://localhost:5557")
    assert is_loopback("tcp://[::1]:5557")
    assert not is_loopback("tcp://10.0.0.7:5557")
    assert not is_loopback("ipc:///tmp/kv")

"""The address of a server: what is understood, and that every other text is refused in one sentence."""

from __future__ import annotations

import pytest

from engine.errors import InputError
from engine.serving.server.address import LONGEST, server_address


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("localhost:8000", "http://localhost:8000/metrics"),
        ("http://localhost:8000", "http://localhost:8000/metrics"),
        ("  http://localhost:8000/ ", "http://localhost:8000/metrics"),
        ("http://localhost:8000/v1", "http://localhost:8000/metrics"),
        ("http://localhost:8000/v1/", "http://localhost:8000/metrics"),
        ("http://localhost:8000/v1/chat/completions", "http://localhost:8000/metrics"),
        ("http://localhost:8000/v1/completions", "http://localhost:8000/metrics"),
        ("HTTPS://Example.COM", "https://example.com/metrics"),
        ("https://example.com:443/v1", "https://example.com/metrics"),
        ("http://example.com:80", "http://example.com/metrics"),
        ("https://example.com/some/model/v1", "https://example.com/some/model/metrics"),
        ("127.0.0.1:1", "http://127.0.0.1:1/metrics"),
        ("[::1]:8000", "http://[::1]:8000/metrics"),
        ("http://[2001:db8::1]/v1", "http://[2001:db8::1]/metrics"),
        ("my_host.lan.", "http://my_host.lan./metrics"),
        ("gpu-7", "http://gpu-7/metrics"),
    ],
)
def test_what_is_typed_becomes_an_address(typed: str, url: str) -> None:
    assert server_address(typed).url("/metrics") == url
    assert server_address(str(server_address(typed))) == server_address(typed)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("x" * (LONGEST + 1), "more than"),
        ("ftp://host", "not by 'ftp'"),
        ("file:///etc/passwd", "not by 'file'"),
        ("unix://x", "not by 'unix'"),
        ("http://", "no name"),
        ("http:///v1", "no name"),
        ("http://user@host", "user name or a password"),
        ("http://user:hunter2@host", "user name or a password"),
        ("user:hunter2@host", "user name or a password"),
        ("http://host?key=hunter2", "before any ?"),
        ("http://host/#hunter2", "before any ?"),
        ("http://host:99999", "port"),
        ("http://host:0", "port"),
        ("http://host:", "port"),
        ("http://host:eight", "port"),
        ("javascript:alert(1)", "port"),
        ("http://[::1", "bracket"),
        ("http://[nothing]:1", "bracket"),
        ("http://[fe80::1%25eth0]:1", "no name"),
        ("http://1.2.3:80", "no name"),
        ("http://0x7f000001", "no name"),
        ("http://2130706433", "no name"),
        ("http://-x", "no name"),
        ("http://a..b", "no name"),
        ("http://ho st", "space"),
        ("http://ho\\st", "backslash"),
        ("http://ho\nst", "space"),
        ("http://hóst", "outside ASCII"),
        ("http://host/a/../b", "path"),
        ("http://host/%2e%2e", "path"),
        ("http://host//x", "path"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(typed: str, words: str) -> None:
    with pytest.raises(InputError, match=r"^[^\n]+\.$") as caught:
        server_address(typed)
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("typed", "private", "loopback"),
    [
        ("http://localhost", True, True),
        ("http://127.8.8.8:1", True, True),
        ("http://[::1]:1", True, True),
        ("http://localhost.example.com", False, False),
        ("http://10.0.0.1", False, False),
        ("https://example.com", True, False),
    ],
)
def test_a_private_address_is_https_or_this_machine(typed: str, private: bool, loopback: bool) -> None:
    address = server_address(typed)
    assert (address.is_private, address.is_loopback) == (private, loopback)

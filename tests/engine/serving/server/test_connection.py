"""HTTP to a server: whose certificate is trusted, how much is read, and what each fault is called."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from engine.errors import ServerError
from engine.serving.server.address import server_address
from engine.serving.server.connection import Answer, Connection, error_message
from tests.engine.serving.fake_server import FakeServer, Gate, SeenRequest, Wire, answering

KEY = ConnectionKey("nowhere.example", 80, False, True, None, None, None)


@pytest.fixture
def self_signed(tmp_path: Path) -> Iterator[FakeServer]:
    """A server over https with a certificate that nobody has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, which makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with FakeServer({"/health": answering(200, b"{}")}, encrypted=context) as server:
        yield server


def got(url: str, path: str = "/health") -> Answer:
    async def ask() -> Answer:
        async with Connection(server_address(url)) as connection:
            return await connection.get(path, within_s=5.0, most_bytes=1000)

    return asyncio.run(ask())


def test_a_certificate_that_nobody_has_signed_is_not_trusted(self_signed: FakeServer) -> None:
    with pytest.raises(
        ServerError, match=r"^The certificate or the encryption of .* cannot be trusted: self.signed.*\.$"
    ):
        got(self_signed.url)
    assert self_signed.seen == []


def test_a_certificate_of_the_system_is_trusted(
    self_signed: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))  # where OpenSSL looks for the system's
    assert got(self_signed.url).status == 200


def test_a_server_without_https_is_named_as_such() -> None:
    with FakeServer() as server, pytest.raises(ServerError, match="it does not answer in https"):
        got(server.url.replace("http:", "https:"))


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer() as proxy, FakeServer({"/health": answering(200, b"{}")}) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert got(server.url).status == 200
        assert proxy.seen == []


def test_cookies_are_not_sent_back() -> None:
    async def ask(url: str) -> None:
        async with Connection(server_address(url)) as connection:
            for _ in range(2):
                await connection.get("/health")

    with FakeServer({"/health": answering(200, b"{}", set_cookie="a=b")}) as server:
        asyncio.run(ask(server.url.replace("127.0.0.1", "localhost")))
        assert len(server.seen) == 2
        assert not [one for one in server.seen if "cookie" in one.headers]


def test_a_long_answer_is_cut_and_said_to_be() -> None:
    gate = Gate()
    gate.open()

    async def endless(_: SeenRequest, wire: Wire) -> None:
        await wire.head()
        try:
            while True:
                await wire.chunk(b"x" * 10_000)
        finally:
            await gate.passed()

    with FakeServer({"/health": endless}) as server:
        answer = got(server.url)
        gate.wait_reached()
    assert (len(answer.body), answer.whole, answer.json()) == (1000, False, None)


def test_a_compressed_answer_is_not_unpacked() -> None:
    packed = gzip.compress(b'{"a": 1}')
    with FakeServer({"/health": answering(200, packed, content_encoding="gzip")}) as server:
        answer = got(server.url)
    assert (answer.body, answer.whole, answer.json()) == (packed, False, None)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "Name or service not known")),
            "No host of the name 'host' is",
        ),
        (
            aiohttp.ClientConnectorError(KEY, OSError(113, "No route")),
            "Nothing answers at http://host: No route to host.",
        ),
        (aiohttp.ConnectionTimeoutError(), "No connection to the server http://host was made within 10 s."),
        (aiohttp.ServerDisconnectedError(), "was closed before an answer came."),
        (aiohttp.ClientPayloadError("a\nb"), "broke off in the middle of an answer."),
        (ConnectionResetError(104, "reset"), "broke off in the middle of an answer."),
        (ValueError("Can redirect only to http or https\n\x1b[31m"), "is not HTTP that can be read: Can redirect only"),
    ],
)
def test_what_a_fault_is_called(error: Exception, words: str) -> None:
    sentence = Connection(server_address("http://host")).sentence(error)
    assert words in sentence
    assert sentence.isprintable()
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "a", "type": "b"}}', "a"),
        (b'{"error": "a"}', "a"),
        (b'{"object": "error", "message": "a"}', "a"),
        (b'{"detail": "a"}', "a"),
        (b'{"detail": [{"msg": "a"}]}', ""),
        (b'{"error": null}', ""),
        (b"<html>", ""),
        (b"\xff", ""),
        (b"[" * 100_000, ""),
    ],
)
def test_the_message_of_an_error_in_the_forms_of_the_servers(body: bytes, message: str) -> None:
    assert error_message(body) == message

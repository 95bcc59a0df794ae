"""HTTP to one serving engine: what is sent, how much of an answer is read, and every fault as one sentence.

No redirect is followed, no proxy, cookie or .netrc is used, nothing is decompressed, and https is verified with the
system's certificates.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final, Self

import aiohttp
import msgspec

from engine.errors import ServerError
from engine.plain_text import one_line, quoted
from engine.serving.server.address import ServerAddress
from engine.serving.server.api_key import ApiKey

MOST_ANSWER_BYTES: Final = 2**20
"""The most bytes that are read of an answer that is not a stream."""
ANSWER_WITHIN_S: Final = 5.0
CONNECT_WITHIN_S: Final = 10.0
"""Looking up the name, connecting, and the TLS handshake, together."""
MOST_QUOTED: Final = 200
MOST_ERROR_BYTES: Final = 2**14
"""How much is read of the body of a refusal."""
USER_AGENT: Final = "DecodeScope"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a server. `headers` have lower-case names; `whole` is False where the body was longer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool = True

    def json(self) -> object:
        """The body as JSON; None where it is not, or not whole."""
        try:
            return msgspec.json.decode(self.body) if self.whole else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


class Connection:
    """What may be asked of one server, as an asynchronous context manager; used by one event loop."""

    def __init__(self, address: ServerAddress, key: ApiKey | None = None) -> None:
        self.address = address
        self._key = key
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        verified = ssl.create_default_context() if self.address.scheme == "https" else True
        self._session = aiohttp.ClientSession(
            # A connection for each request: a kept one may have been closed by the server, which is seen too late.
            connector=aiohttp.TCPConnector(limit=0, force_close=True, ssl=verified),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_WITHIN_S),
            trust_env=False,
            auto_decompress=False,
            trace_configs=[_stamps()],
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
            await asyncio.sleep(0)  # transports, also of a failed handshake, close in the loop's next turn

    def hidden(self, text: str) -> str:
        """A text of the server with the key left out."""
        return self._key.hidden_in(text) if self._key is not None else text

    async def get(self, path: str, within_s: float = ANSWER_WITHIN_S, most_bytes: int = MOST_ANSWER_BYTES) -> Answer:
        """What the server answers to a GET, whatever its status; raises ServerError where it does not answer."""
        try:
            async with asyncio.timeout(within_s), self._request("GET", path) as response:
                return await self._read(response, most_bytes)
        except aiohttp.ConnectionTimeoutError as error:
            fault = self.sentence(error)
        except TimeoutError:
            fault = f"The server {self.address} did not answer {path} within {within_s:g} s."
        except (aiohttp.ClientError, OSError, ValueError) as error:
            fault = self.sentence(error)
        raise ServerError(fault)  # not from aiohttp's error, which holds the request's headers and so the key

    @asynccontextmanager
    async def post(
        self, path: str, body: bytes, headers: Mapping[str, str], on_sent: Callable[[int], None]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to a POST of JSON, unread; leaving the context before its end closes the connection.

        `on_sent` is given the moment when the request was written, CLOCK_MONOTONIC ns. Raises what aiohttp raises,
        for `sentence`.
        """
        sent = {"Content-Type": "application/json", **headers}
        async with self._request("POST", path, data=body, headers=sent, trace_request_ctx=on_sent) as response:
            try:
                yield response
            finally:
                response.close()

    def _request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        assert self._session is not None, "the connection is not open"
        more |= {"headers": {**self._secret(), **(headers or {})}, "allow_redirects": False}
        return self._session.request(method, self.address.url(path), **more)

    def _secret(self) -> dict[str, str]:
        return self._key.headers(self.address) if self._key is not None else {}

    async def _read(self, response: aiohttp.ClientResponse, most_bytes: int) -> Answer:
        body = bytearray()
        async for data in response.content.iter_any():
            body += data
            if len(body) > most_bytes:
                response.close()
                break
        headers = {name.lower(): value for name, value in response.headers.items()}
        plain = not is_encoded(response)
        return Answer(response.status, headers, bytes(body[:most_bytes]), plain and len(body) <= most_bytes)

    async def refusal(self, response: aiohttp.ClientResponse) -> str:
        """What a server said instead of doing what it was asked, as one sentence; reads the body's beginning."""
        if response.status in range(300, 400):
            return (
                f"The server {self.address} redirects to {self.quote(response.headers.get('Location', ''))}; "
                "DecodeScope follows no redirects, so give that address itself if you trust it."
            )
        answer = await self._read(response, MOST_ERROR_BYTES)
        said = "" if is_encoded(response) else self.said(answer.body)
        meaning = _MEANINGS.get(response.status, "")
        return f"The server {self.address} answered {response.status}{meaning}{': ' + said if said else ''}."

    def said(self, body: bytes) -> str:
        """The message in the body of an error, or the body itself, quoted in at most 200 characters."""
        text = error_message(body) or body.decode("utf-8", "replace").strip()
        return self.quote(text) if text else ""

    def quote(self, text: str) -> str:
        return quoted(self.hidden(text), MOST_QUOTED)

    def sentence(self, error: BaseException) -> str:
        """What went wrong between this program and the server, for the person who attached to it."""
        at = f"the server {self.address}"
        for kinds, words in (
            (_NOT_TRUSTED, f"The certificate or the encryption of {at} cannot be trusted: {self._why(error)}."),
            (aiohttp.ClientConnectorDNSError, f"No host of the name {quoted(self.address.host)} is known."),
            (aiohttp.ClientConnectorError, f"Nothing answers at {self.address}: {self._why(error)}."),
            (aiohttp.ConnectionTimeoutError, f"No connection to {at} was made within {CONNECT_WITHIN_S:g} s."),
            (aiohttp.ServerDisconnectedError, f"The connection to {at} was closed before an answer came."),
            (_NOT_HTTP, f"What {at} answered is not HTTP that can be read: {self._why(error)}."),
        ):
            if isinstance(error, kinds):
                return words
        return f"The connection to {at} broke off in the middle of an answer."

    def _why(self, error: BaseException) -> str:
        """What a library or the system says of an error, as the end of a sentence."""
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
        text = error.message if isinstance(error, aiohttp.ClientResponseError) else str(cause)
        if isinstance(cause, ssl.SSLCertVerificationError):
            text = cause.verify_message
        elif isinstance(cause, ssl.SSLError) and cause.reason in _NOT_TLS:
            text = "it does not answer in https"
        elif isinstance(cause, OSError) and cause.errno and not isinstance(cause, ssl.SSLError):
            text = os.strerror(cause.errno)
        first = text.strip().partition("\n")[0]
        return one_line(self.hidden(first or type(cause).__name__)).rstrip(".:")


def _stamps() -> aiohttp.TraceConfig:
    """Tells a request's `on_sent` when its head is written, which is after the connection is made."""
    trace = aiohttp.TraceConfig()

    async def written(_: object, context: SimpleNamespace, __: object) -> None:
        if context.trace_request_ctx is not None:
            context.trace_request_ctx(time.monotonic_ns())

    trace.on_request_headers_sent.append(written)
    return trace


def is_encoded(response: aiohttp.ClientResponse) -> bool:
    """Whether the body is compressed, which was not asked for and is not read: a little of it may become very much."""
    return response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity")


def error_message(body: bytes) -> str:
    """The message of an error in the forms that serving engines use; empty where there is none."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    for name in ("error", "message", "detail"):
        if isinstance(value, dict) and name in value:
            value = value[name]
    return value if isinstance(value, str) else ""


_NOT_TRUSTED: Final = (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError)
_NOT_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST")
"""What OpenSSL says of bytes that are no TLS, by its version."""
_NOT_HTTP: Final = (aiohttp.ClientResponseError, aiohttp.InvalidURL, ValueError)
_MEANINGS: Final = {
    401: " (it wants a key, or another one)",
    403: " (it does not allow this, or wants another key)",
    404: " (it does not know this path or this model)",
    429: " (it has too many requests)",
    503: " (it is not ready, or has too many requests)",
}

"""Real HTTP exchanges with serving engines, kept as text: how such a file is written, read and recorded.

A file's lines, by their first characters: `# ` a remark (the server, its version and flags, what was changed by hand),
`> ` the request as it was sent, `< ` the head of the answer, and `@ MS TEXT` one chunk of the answer's body, with the
milliseconds since the request was sent and the chunk as a JSON string. A chunk is what the server wrote at once.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

RECORDED: Final = Path(__file__).parent / "recorded"


@dataclass(frozen=True, slots=True)
class RecordedChunk:
    """What the server wrote at once, `ms` milliseconds after the request had been sent."""

    ms: float
    data: bytes


@dataclass(frozen=True, slots=True)
class RecordedExchange:
    """One request and its answer. `head` is the status line and the headers; `body` what was sent."""

    remarks: tuple[str, ...]
    method: str
    path: str
    request_headers: tuple[tuple[str, str], ...]
    body: bytes
    status: int
    head: tuple[tuple[str, str], ...]
    chunks: tuple[RecordedChunk, ...]

    @property
    def answer(self) -> bytes:
        """The whole body of the answer."""
        return b"".join(chunk.data for chunk in self.chunks)


def recorded(name: str) -> RecordedExchange:
    """The exchange of one file of `recorded/`, by its name without the suffix."""
    return read_exchange((RECORDED / f"{name}.txt").read_text(encoding="utf-8"))


def read_exchange(text: str) -> RecordedExchange:
    """An exchange from its text."""
    by_mark: dict[str, list[str]] = {"#": [], ">": [], "<": [], "@": []}
    for line in text.removesuffix("\n").split("\n"):
        by_mark[line[0]].append(line[2:])
    method, path, _ = by_mark[">"][0].split()
    end = by_mark[">"].index("")
    chunks = (one.split(" ", 1) for one in by_mark["@"])
    return RecordedExchange(
        tuple(by_mark["#"]),
        method,
        path,
        _headers(by_mark[">"][1:end]),
        "\n".join(by_mark[">"][end + 1 :]).encode(),
        int(by_mark["<"][0].split()[1]),
        _headers(by_mark["<"][1:]),
        tuple(RecordedChunk(float(ms), json.loads(quoted).encode()) for ms, quoted in chunks),
    )


def write_exchange(one: RecordedExchange) -> str:
    """The text of an exchange; raises UnicodeDecodeError for a chunk that is not UTF-8."""
    lines = [f"# {remark}" for remark in one.remarks]
    lines += [
        f"> {one.method} {one.path} HTTP/1.1",
        *(f"> {name}: {value}" for name, value in one.request_headers),
        ">",
    ]
    lines += [f"> {line}" for line in one.body.decode().split("\n") if one.body]
    lines += [f"< HTTP/1.1 {one.status}", *(f"< {name}: {value}" for name, value in one.head)]
    lines += [f"@ {chunk.ms:.3f} {json.dumps(chunk.data.decode(), ensure_ascii=False)}" for chunk in one.chunks]
    return "\n".join(lines) + "\n"


async def record(
    base: str, method: str, path: str, body: object, remarks: tuple[str, ...], headers: dict[str, str]
) -> RecordedExchange:
    """Send one request to a server and keep what it answers, chunk by chunk."""
    at = urlsplit(base)
    assert at.hostname
    assert at.port
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    data = b"" if body is None else json.dumps(body).encode()
    sent = {**headers, **({"content-type": "application/json", "content-length": str(len(data))} if data else {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    writer.write(f"{method} {path} HTTP/1.1\r\nhost: {at.netloc}\r\nconnection: close\r\n{head}\r\n".encode() + data)
    await writer.drain()
    start = time.monotonic()
    status = int((await reader.readline()).split()[1])
    told = _headers([line async for line in _lines(reader)])
    chunks: list[RecordedChunk] = []
    if dict(told).get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            chunks.append(RecordedChunk((time.monotonic() - start) * 1e3, await reader.readexactly(size)))
            await reader.readline()
    else:
        whole = await reader.read(-1)
        chunks.append(RecordedChunk((time.monotonic() - start) * 1e3, whole))
    writer.close()
    kept = tuple((name, value) for name, value in sent.items() if name != "content-length")
    return RecordedExchange(remarks, method, path, kept, data, status, told, tuple(chunks))


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[str]:
    while line := (await reader.readline()).decode("latin-1").strip():
        yield line


def _headers(lines: list[str]) -> tuple[tuple[str, str], ...]:
    pairs = (line.partition(":") for line in lines)
    return tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)

"""A server of streams whose events say when they were written: `... STREAMS RATE TOKENS together|spread`.

Prints its port. Once STREAMS requests have come, each gets TOKENS events at RATE a second, all at the same moments
(`together`, as the members of a step) or at moments of their own (`spread`). An event's text is CLOCK_MONOTONIC, ns.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress

DONE = b"data: [DONE]\n\n"


class StampingServer:
    """The streams of one run."""

    def __init__(self, streams: int, rate: float, tokens: int, together: bool) -> None:
        self._streams = streams
        self._every_s = 1 / rate
        self._tokens = tokens
        self._together = together
        self._all_came = asyncio.Event()
        self._came = 0

    async def serve(self) -> None:
        server = await asyncio.start_server(self._stream, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        async with server:
            await server.serve_forever()

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        part = 0.0 if self._together else self._came / self._streams
        self._came += 1
        if self._came == self._streams:
            self._all_came.set()
        await self._all_came.wait()
        clock = asyncio.get_running_loop().time
        start_s = clock() + self._every_s * part
        for number in range(1, self._tokens + 1):
            await asyncio.sleep(start_s + number * self._every_s - clock())
            _write(writer, b"data: %s\n\n" % json.dumps(_event(number)).encode())
        _write(writer, DONE)
        writer.write(b"0\r\n\r\n")
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()


def _event(number: int) -> dict[str, object]:
    """An event as vLLM sends it when it is asked for everything."""
    top = {" the": -0.3, " a": -2.9, " her": -3.1, " his": -3.9, " one": -4.5}
    logprobs = {"text_offset": [0], "token_logprobs": [-0.3], "tokens": [" the"], "top_logprobs": [top]}
    choice = {"index": 0, "text": str(time.monotonic_ns()), "logprobs": logprobs, "token_ids": [260]}
    usage = {"prompt_tokens": 5, "total_tokens": 5 + number, "completion_tokens": number}
    return {"id": "cmpl-1", "object": "text_completion", "model": "demo", "choices": [choice], "usage": usage}


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))


async def _main(streams: str, rate: str, tokens: str, order: str) -> None:
    await StampingServer(int(streams), float(rate), int(tokens), order == "together").serve()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))

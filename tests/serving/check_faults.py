"""What befalls a real vLLM when its listener dies or hangs, and a listener when vLLM is killed.

`python -m tests.serving.check_faults`: under load, a listener is stopped (SIGSTOP), then killed; then vLLM is killed
while another listens. Every request must end as it would have.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from engine.serving.recorder.recorder_client import connect
from engine.serving.recorder.recorder_search import recorders_of
from engine.serving.recorder.recorder_wire import Known, Output, Snapshot
from tests.serving.recorder_cost import listen
from tests.serving.vllm_server import Server, vllm

TOKENS = 200


async def ask(session: aiohttp.ClientSession, url: str) -> int:
    body = {"model": "demo", "prompt": list(range(10, 60)), "max_tokens": TOKENS, "ignore_eos": True}
    async with session.post(f"{url}/v1/completions", json=body) as answer:
        return int((await answer.json())["usage"]["completion_tokens"])


async def faults(server: Server) -> dict[str, Any]:
    place = recorders_of(server.url)[0].place
    told: dict[str, Any] = {}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(120)) as session:
        for name, number in (("hangs", signal.SIGSTOP), ("dies", signal.SIGKILL)):
            ready: Any = multiprocessing.Event()
            listening = multiprocessing.Process(target=listen, args=(str(place.path), ready), daemon=True)
            listening.start()
            await asyncio.to_thread(ready.wait, 30)
            asking = [asyncio.create_task(ask(session, server.url)) for _ in range(8)]
            await asyncio.sleep(0.3)
            assert listening.pid is not None
            os.kill(listening.pid, number)
            told[f"requests whole while it {name}"] = sum(got == TOKENS for got in await asyncio.gather(*asking))
            listening.kill()
            listening.join()
        asking = [asyncio.create_task(ask(session, server.url)) for _ in range(8)]
        await asyncio.sleep(0.3)
        async with await connect(place) as connection:
            kinds: list[str] = []
            async for message in connection.messages():
                kinds.append(type(message).__name__)
                if isinstance(message, Snapshot):
                    told["known in mid-run"] = message.known
                if isinstance(message, Output) and kinds.count("Output") == 20:
                    os.kill(connection.hello.pid, signal.SIGKILL)
            told["messages until vLLM was killed"] = len(kinds)
            assert kinds.count(Known.__name__) == told["known in mid-run"]
        for one in asking:
            one.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    told["recorders left"] = len(recorders_of(server.url))
    return told


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        with vllm(Path(folder), "decodescope_recorder.RecordingScheduler") as server:
            told = asyncio.run(faults(server))
            log = server.log.read_text(encoding="utf-8", errors="replace")
        told["lines of the recorder in the log"] = [line for line in log.splitlines() if "DecodeScope" in line]
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    main()

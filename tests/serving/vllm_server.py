"""Starts a real vLLM on loopback with the recorder, for the checks that need one. Nothing here is part of the suite.

The environment VLLM_PYTHON names the Python of an environment with vLLM.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "assets" / "demo" / "target"
IN_VLLM = ROOT / "engine" / "serving" / "in_vllm"
START_S = 300.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running vLLM."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def vllm(
    folder: Path, scheduler: str, flags: Sequence[str] = (), more: dict[str, str] | None = None
) -> Iterator[Server]:
    """A vLLM with this scheduler class ("" for vLLM's own), ended at the end; its log is in `folder`."""
    port = _free_port()
    command = [
        os.environ["VLLM_PYTHON"], "-m", "vllm.entrypoints.openai.api_server", "--model", str(MODEL),
        "--served-model-name", "demo", "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32",
        "--block-size", "32", "--max-num-seqs", "16", *(("--scheduler-cls", scheduler) if scheduler else ()), *flags,
    ]  # fmt: skip
    environment = os.environ | {
        "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": f"{IN_VLLM}:{Path(__file__).parent}", **(more or {}),
    }  # fmt: skip
    log = folder / f"vllm-{port}.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait(f"http://127.0.0.1:{port}", process, log)
        yield Server(f"http://127.0.0.1:{port}", log, process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{url}/health", timeout=2):
            return
        time.sleep(0.5)
    raise RuntimeError(f"vLLM did not come up; its log is {log}.")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])

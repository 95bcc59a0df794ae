"""`decodescope attach`: a server's answers become a session file and figures; every fault is one sentence."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import SessionFileError
from engine.session.file import open_session
from tests.app.cli.conftest import ROOT, Run
from tests.engine.serving.attached_to import vllm
from tests.engine.serving.fake_server import Gate, SeenRequest, Wire

STREAM = "vllm-0.32-completion-ids"


def test_a_prompt_is_sent_and_its_figures_are_printed(decodescope: Run, tmp_path: Path) -> None:
    with vllm(STREAM) as server:
        done = decodescope(
            "attach",
            server.url,
            "--recorder",
            "none",
            "--prompt",
            "a",
            "--max-new-tokens",
            "8",
            "-o",
            "x.dscope",
            "--json",
        )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    session = open_session(tmp_path / "x.dscope")
    assert figures["tokens"] == len(session.tokens) > 0
    assert figures["requests"][0]["token_ids"] == session.tokens["token_id"].tolist()
    assert session.serving is not None
    assert session.serving.url == server.url
    assert session.meta["command"].startswith("decodescope attach http://127.0.0.1")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ftp://x",), "reached by http or https"),
        (("http://user:secret@x",), "holds a user name or a password"),
        (("http://x", "--for", "0"), "--for"),
        (("http://x", "--logprobs", "50"), "--logprobs"),
        (("http://x", "--prompt", "a", "--requests", "b"), "either --prompt or --requests"),
    ],
)
def test_wrong_input_is_one_sentence(decodescope: Run, arguments: tuple[str, ...], said: str) -> None:
    done = decodescope("attach", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "secret" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_where_nobody_answers_one_sentence_says_so_and_no_file_is_left(decodescope: Run, tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound and not listening: a connection is refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        done = decodescope("attach", url, "--prompt", "a", "-o", "x.dscope")
    assert done.returncode == 2
    assert "Nothing answers at" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_watching_ends_after_the_time_that_was_given(decodescope: Run, tmp_path: Path) -> None:
    with vllm() as server:
        done = decodescope("attach", server.url, "--recorder", "none", "--for", "0.1", "-o", "x.dscope")
    assert done.returncode == 0, done.stderr
    assert open_session(tmp_path / "x.dscope").serving is not None


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_signal_keeps_the_session_and_aborts_at_the_server(
    tmp_path: Path, environment: dict[str, str], number: signal.Signals, status: int
) -> None:
    sent, aborted = Gate(), Gate()

    async def endless(_: SeenRequest, wire: Wire) -> None:
        await wire.stream_head()
        await wire.event({"id": "cmpl-1", "choices": [{"index": 0, "text": "x", "token_ids": [5]}]})
        sent.open()
        await wire.gone()
        aborted.open()

    with vllm() as server:
        server.scripts["/v1/completions"] = endless
        command = [sys.executable, "-m", "app.main", "attach", server.url, "--recorder", "none", "--prompt", "a"]
        process = subprocess.Popen(
            [*command, "-o", "x.dscope"], cwd=tmp_path, env={**environment, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        asyncio.run(sent.passed())
        path = tmp_path / "x.dscope"
        while not path.exists() or not _tokens(path):
            os.sched_yield()
        process.send_signal(number)
        _, said = process.communicate()
        asyncio.run(aborted.passed())
    assert process.returncode == status
    assert b"Traceback" not in said
    session = open_session(path)
    assert session.tokens["token_id"].tolist() == [5]
    if number != signal.SIGKILL:
        assert session.requests[0].finish_reason == "cancelled"


def _tokens(path: Path) -> int:
    try:
        return len(open_session(path).tokens)
    except SessionFileError:
        return 0


def test_a_server_that_is_not_there_any_more_is_one_sentence_and_the_file_is_whole(
    decodescope: Run, tmp_path: Path
) -> None:
    async def dies(_: SeenRequest, wire: Wire) -> None:
        await wire.stream_head()
        await wire.event({"id": "cmpl-1", "choices": [{"index": 0, "text": "x", "token_ids": [5]}]})
        server.scripts["/v1/models"] = refuse
        wire.reset()

    async def refuse(_: SeenRequest, wire: Wire) -> None:
        wire.reset()

    with vllm() as server:
        server.scripts["/v1/completions"] = dies
        done = decodescope("attach", server.url, "--recorder", "none", "--prompt", "a", "-o", "x.dscope")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        f"decodescope: The server {server.url} is gone; what was recorded until then is kept."
    )
    assert len(open_session(tmp_path / "x.dscope").tokens) == 1

"""The engine process: what goes in and comes out, and that nothing of it stays behind, however it or its owner dies."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from engine.core.settings import LoadSpec, Observation, RequestSpec, RunSpec
from engine.errors import EngineStoppedError
from engine.host import protocol
from engine.host.process import EngineProcess
from engine.session.schema import AnyEvent, ModelReady, Refused, RunEnded, SessionStarted, Step, Token

PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineProcess]:
    """One process for the tests that leave it alive."""
    with EngineProcess() as process:
        yield process


def open_descriptors() -> set[str]:
    """Each open descriptor with what it leads to.

    A pipe or socket carries a number of its own, so that those which other tests left for the garbage collector cannot
    hide a new one or count as one.
    """
    found = set()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # that of the listing itself
            found.add(f"{number} {os.readlink(f'/proc/self/fd/{number}')}")
    return found


def receive_until(process: EngineProcess, wanted: Callable[[AnyEvent], bool]) -> list[AnyEvent]:
    """Events up to and with the batch in which a wanted one came."""
    events: list[AnyEvent] = []
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        batch = process.receive(1.0)
        events += batch
        if any(wanted(event) for event in batch):
            return events
    raise AssertionError(f"The event did not come; there were {[type(event).__name__ for event in events]}.")


def load(process: EngineProcess, folder: Path) -> None:
    process.send(protocol.Load(LoadSpec(str(folder), dtype="float32", threads=1)))
    receive_until(process, lambda event: isinstance(event, ModelReady))


def endless(detail: str = "phase") -> protocol.Start:
    requests = (RequestSpec("a", 200, ignore_eos=True),) * 1000
    return protocol.Start(RunSpec(requests, observation=Observation(detail)))  # type: ignore[arg-type]


def test_a_run_from_start_to_end(engine: EngineProcess, tiny_llama: Path) -> None:
    load(engine, tiny_llama)
    engine.send(
        protocol.Start(RunSpec((RequestSpec("hello", 12, ignore_eos=True),)), command_line="decodescope record")
    )
    events = receive_until(engine, lambda event: isinstance(event, RunEnded))
    assert [event.id for event in events if isinstance(event, Token)] == list(range(12))
    assert [event.id for event in events if isinstance(event, Step)] == list(range(12))
    started = next(event for event in events if isinstance(event, SessionStarted))
    assert started.meta["command"] == "decodescope record"
    assert next(event.reason for event in events if isinstance(event, RunEnded)) == "finished"


def test_a_missing_folder_is_refused_and_the_process_stays(engine: EngineProcess, tmp_path: Path) -> None:
    engine.send(protocol.Load(LoadSpec(str(tmp_path / "nowhere"))))
    events = receive_until(engine, lambda event: isinstance(event, Refused))
    refused = next(event for event in events if isinstance(event, Refused))
    assert (refused.command, refused.error) == ("Load", "CheckpointError")
    assert "nowhere" in refused.message


def test_receive_without_events_returns_after_the_timeout(engine: EngineProcess) -> None:
    start = time.monotonic()
    assert engine.receive(0.05) == []
    assert time.monotonic() - start < 5


def test_ctrl_c_is_the_owners_to_handle(engine: EngineProcess, tiny_llama: Path) -> None:
    load(engine, tiny_llama)
    os.kill(engine.pid, signal.SIGINT)
    engine.send(protocol.Start(RunSpec((RequestSpec("a", 3, ignore_eos=True),))))
    events = receive_until(engine, lambda event: isinstance(event, RunEnded))
    assert sum(isinstance(event, Token) for event in events) == 3


def test_an_idle_engine_leaves_when_it_is_told_to(tmp_path: Path) -> None:
    process = EngineProcess()
    receive_until_alive(process, tmp_path)
    start = time.monotonic()
    process.close(timeout_s=30.0)
    assert time.monotonic() - start < 10


def test_close_leaves_no_process_no_thread_and_no_descriptor(tiny_llama: Path) -> None:
    threads = threading.active_count()
    descriptors = open_descriptors()
    with EngineProcess() as process:
        load(process, tiny_llama)
        process.send(endless())
        receive_until(process, lambda event: isinstance(event, Token))
        pid = process.pid
    assert not psutil.pid_exists(pid)
    assert threading.active_count() == threads
    assert open_descriptors() - descriptors == set()
    process.close()
    with pytest.raises(EngineStoppedError, match="closed"):
        process.send(protocol.Pause())


def test_an_engine_that_is_closed_while_it_starts_is_not_waited_for() -> None:
    engine = EngineProcess()
    os.kill(engine.pid, signal.SIGSTOP)  # as slow as a start can be
    engine.close(timeout_s=1000.0)
    assert engine._process.returncode == -signal.SIGKILL


def test_kill_9_of_the_engine_says_how_it_ended(tiny_llama: Path) -> None:
    with EngineProcess() as process:
        load(process, tiny_llama)
        process.send(endless())
        receive_until(process, lambda event: isinstance(event, Token))
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(EngineStoppedError) as raised:
            receive_until(process, lambda event: isinstance(event, RunEnded))
        assert str(raised.value) == "The engine process was killed (signal 9)."


def test_what_it_wrote_on_standard_error_is_kept_apart(tmp_path: Path) -> None:
    with EngineProcess() as process:
        receive_until_alive(process, tmp_path)
        os.kill(process.pid, signal.SIGABRT)
        with pytest.raises(EngineStoppedError, match=r"crashed \(signal 6, SIGABRT\)"):
            receive_until(process, lambda event: isinstance(event, RunEnded))
        assert "Current thread" in process.stderr_tail


def receive_until_alive(process: EngineProcess, tmp_path: Path) -> None:
    """Wait until the process answers at all."""
    process.send(protocol.Load(LoadSpec(str(tmp_path / "nowhere"))))
    receive_until(process, lambda event: isinstance(event, Refused))


OWNER = """
import sys
from engine.host import protocol
from engine.host.process import EngineProcess
from engine.core.settings import LoadSpec, RequestSpec, RunSpec
from engine.session.schema import Token

def own():
    process = EngineProcess()
    process.send(protocol.Load(LoadSpec(sys.argv[1], dtype="float32", threads=1)))
    process.send(protocol.Start(RunSpec((RequestSpec("a", 200, ignore_eos=True),) * 500)))
    while True:
        for event in process.receive(1.0):
            if isinstance(event, Token) and event.id == 3:
                print(process.pid, flush=True)

if sys.argv[2] == "main":
    own()
else:
    import threading
    thread = threading.Thread(target=own)
    thread.start()
    thread.join()
"""


@pytest.mark.parametrize("thread", ["main", "worker"])
def test_the_engine_ends_in_mid_step_when_its_owner_is_killed(tiny_llama: Path, thread: str) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tiny_llama), thread], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    assert owner.stdout is not None
    engine = psutil.Process(int(owner.stdout.readline()))
    owner.kill()
    owner.wait()
    owner.stdout.close()
    engine.wait(5)  # raises TimeoutExpired where it lives on


def test_events_of_a_long_run_arrive_though_nobody_reads_for_a_while(tiny_llama: Path) -> None:
    """The engine does not wait for its owner: it goes on while the pipe is full, and no step or token is missing."""
    with EngineProcess() as process:
        load(process, tiny_llama)
        process.send(protocol.Start(RunSpec((RequestSpec("a", 200, ignore_eos=True),) * 12)))
        waiting = psutil.Process(process.pid)
        deadline = time.monotonic() + PATIENCE_S
        idle = 0
        while idle < 3 and time.monotonic() < deadline:  # until the run is over: the process stops using the CPU
            idle = idle + 1 if waiting.cpu_percent(0.1) < 20 else 0
        events = receive_until(process, lambda event: isinstance(event, RunEnded))
        assert [event.id for event in events if isinstance(event, Step)] == list(range(2400))
        assert [event.id for event in events if isinstance(event, Token)] == list(range(2400))

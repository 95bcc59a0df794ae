"""The recorder inside vLLM: its hooks, what waits, its socket, and that nothing it meets reaches the server."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
import stat
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from decodescope_recorder.door import open_door
from decodescope_recorder.facts import hello
from decodescope_recorder.feed import Feed
from decodescope_recorder.hooks import hooks
from decodescope_recorder.messages import wire_form
from decodescope_recorder.recording_stats import StatsTap
from decodescope_recorder.scheduler_tap import SchedulerTap
from engine.serving.recorder_client import RecorderConnection, connect
from engine.serving.recorder_search import Place
from engine.serving.recorder_wire import (
    HEAD,
    AnyMessage,
    Ended,
    Frames,
    Freed,
    Hello,
    Known,
    Output,
    Preempted,
    RecorderError,
    Refused,
    RequestAdded,
    Reset,
    Scheduled,
    Snapshot,
    SwitchedOff,
    login,
)
from tests.engine.serving.inside import FakeRequest, FakeScheduler, recorded

PATIENCE_S = 20.0


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's run-time folder, where the sockets are."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("DECODESCOPE_RECORDER", raising=False)
    return tmp_path


def until(holds: Callable[[], Any]) -> None:
    """Wait for another thread's work to be seen."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.001)


async def take(connection: RecorderConnection, kind: type[AnyMessage]) -> list[AnyMessage]:
    """The messages up to the first of a kind, that one included."""
    taken: list[AnyMessage] = []
    async with asyncio.timeout(PATIENCE_S):
        async for message in connection.messages():
            taken.append(message)
            if isinstance(message, kind):
                return taken
    raise AssertionError(f"no {kind.__name__} among {taken}")


def listener(path: Path) -> socket.socket:
    """A plain socket that has logged in and read the hello."""
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(PATIENCE_S)
    one.connect(str(path))
    one.sendall(login(""))
    assert isinstance(next(read(one)), Hello)
    return one


def read(one: socket.socket, frames: Frames | None = None) -> Any:
    frames = frames or Frames()
    while data := one.recv(65536):
        yield from frames.feed(data)


def test_a_run_is_told_from_a_snapshot_on(folder: Path) -> None:
    async def listen() -> list[AnyMessage]:
        with recorded(folder) as one:
            one.scheduler.add_request(FakeRequest("cmpl-a-0-00000001", [1, 2, 3]))
            one.scheduler.step()
            async with await connect(Place(path=one.path)) as connection:
                until(lambda: one.feed.on)
                second = FakeRequest("cmpl-b-0-00000002", [4, 5])
                one.scheduler.add_request(second)
                one.scheduler.step()
                one.scheduler._preempt_request(one.scheduler.running[0])
                one.scheduler.finish(second)
                one.scheduler.reset_prefix_cache()
                return await take(connection, Reset)

    messages = asyncio.run(listen())
    kinds = [type(message) for message in messages]
    assert kinds == [Snapshot, Known, RequestAdded, Scheduled, Output, Preempted, Ended, Freed, Reset]
    known, step, output = messages[1], messages[3], messages[4]
    assert isinstance(known, Known)
    assert (known.request.id, known.request.prompt, known.computed, known.tables) == (
        "cmpl-a-0-00000001", [1, 2, 3], 1, [[1]],
    )  # fmt: skip
    assert isinstance(step, Scheduled)
    assert step.counts == {"cmpl-a-0-00000001": 1, "cmpl-b-0-00000002": 1}
    assert (step.ids, step.firsts, [one.id for one in step.started]) == (
        ["cmpl-a-0-00000001"], [1], ["cmpl-b-0-00000002"],
    )  # fmt: skip
    assert (step.running, step.free_blocks) == (2, 7)
    assert isinstance(output, Output)
    assert output.number == step.number
    assert output.tokens == [("cmpl-a-0-00000001", [5]), ("cmpl-b-0-00000002", [5])]
    assert step.start_ns <= step.end_ns <= output.start_ns <= output.end_ns


def test_without_a_listener_nothing_is_kept(folder: Path) -> None:
    with recorded(folder) as one:
        one.scheduler.add_request(FakeRequest("a", [1]))
        for _ in range(100):
            one.scheduler.step()
        assert one.feed.take() is None
        assert not one.feed.on


def test_the_socket_and_its_folder_are_the_users_alone(folder: Path) -> None:
    with recorded(folder) as one:
        assert stat.S_IMODE(one.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(one.path.parent.stat().st_mode) == 0o700
        assert one.path.name == f"scheduler-{os.getpid()}.sock"
    assert not one.path.exists()


def test_a_folder_that_others_may_write_is_refused(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "decodescope").mkdir()
    (folder / "decodescope").chmod(0o777)
    assert open_door(Feed(), "scheduler-1.sock", 0, tuple) is None
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "is not a folder of this user alone" in caplog.text


def test_a_folder_that_is_a_link_is_refused(folder: Path) -> None:
    (folder / "elsewhere").mkdir(mode=0o700)
    (folder / "decodescope").symlink_to(folder / "elsewhere")
    assert open_door(Feed(), "scheduler-1.sock", 0, tuple) is None


def test_sockets_of_processes_that_are_gone_are_removed(folder: Path) -> None:
    stale = folder / "decodescope" / "scheduler-999999999.sock"
    stale.parent.mkdir(mode=0o700)
    other = stale.with_name(f"stats-{os.getppid()}-0.sock")
    stale.touch()
    other.touch()
    with recorded(folder):
        assert not stale.exists()
        assert other.exists()


@pytest.mark.parametrize(
    ("where", "token", "sentence"),
    [
        ("tcp://127.0.0.1:9000", "", "needs DECODESCOPE_RECORDER_TOKEN"),
        ("tcp://127.0.0.1:0", "secret", "must be tcp://127.0.0.1:PORT"),
        ("tcp://192.0.2.1:9000", "secret", "must be tcp://127.0.0.1:PORT"),
        ("tcp://example.org:9000", "secret", "must be tcp://127.0.0.1:PORT"),
        ("http://127.0.0.1:9000", "secret", "must be tcp://127.0.0.1:PORT"),
        ("tcp://127.0.0.1", "secret", "must be tcp://127.0.0.1:PORT"),
        ("nonsense", "secret", "must be tcp://127.0.0.1:PORT"),
    ],
)
def test_an_address_that_is_not_ours_alone_is_refused(
    where: str, token: str, sentence: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DECODESCOPE_RECORDER", where)
    monkeypatch.setenv("DECODESCOPE_RECORDER_TOKEN", token)
    assert open_door(Feed(), "scheduler-1.sock", 0, tuple) is None
    assert sentence in caplog.text


@pytest.fixture
def at_port(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A door at a port of loopback, with the token "secret", and its place."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("DECODESCOPE_RECORDER", f"tcp://127.0.0.1:{port}")
    monkeypatch.setenv("DECODESCOPE_RECORDER_TOKEN", "secret")
    door = open_door(Feed(), "unused.sock", 0, lambda: hello("scheduler", {}))
    assert door is not None
    yield Place(host="127.0.0.1", port=port)
    door.close()


@pytest.mark.parametrize("token", ["", "Secret", "secret ", "s" * 3000, "\ud83d\ude00"])
def test_a_wrong_token_is_refused(token: str, at_port: Place) -> None:
    with pytest.raises(RecorderError, match="refuses: The token is wrong"):
        asyncio.run(connect(at_port, token))


def test_the_right_token_is_let_in(at_port: Place) -> None:
    async def greet() -> str:
        async with await connect(at_port, "secret") as connection:
            return connection.hello.role

    assert asyncio.run(greet()) == "scheduler"


def test_a_second_listener_is_refused_until_the_first_is_gone(folder: Path) -> None:
    async def meet() -> None:
        with recorded(folder) as one:
            async with await connect(Place(path=one.path)):
                with pytest.raises(RecorderError, match="Another program listens"):
                    await connect(Place(path=one.path))
            until(lambda: not one.feed.on)
            await (await connect(Place(path=one.path))).close()

    asyncio.run(meet())


def test_a_listener_that_stops_reading_loses_whole_steps_and_begins_again(folder: Path) -> None:
    with recorded(folder, limit_bytes=50_000) as one, listener(one.path) as slow:
        until(lambda: one.feed.on)
        for index in range(40):
            one.scheduler.add_request(FakeRequest(f"cmpl-{index}-0-00000000", list(range(50))))
        steps = 0
        while not one.feed.lost_steps:
            one.scheduler.step()
            steps += 1
            assert steps < 10_000, "what waits is not bounded"
        assert one.feed._put_bytes - one.feed._taken_bytes < 60_000
        frames, told, lost, outputs = Frames(), set(), 0, set()
        snapshots = 0
        for message in read(slow, frames):
            if isinstance(message, Snapshot):
                snapshots += 1
                lost += message.lost_steps
            if isinstance(message, Scheduled):
                told.add(message.number)
            if isinstance(message, Output):
                outputs.add(message.number)
            if snapshots == 2 and len(told) + lost >= steps:
                break
            if snapshots < 2 and one.feed._put_bytes - one.feed._taken_bytes < 20_000:
                one.scheduler.step()
                steps += 1
        assert lost > 0
        assert len(told) + lost == steps


def test_a_listener_that_dies_frees_what_waits(folder: Path) -> None:
    with recorded(folder) as one:
        dying = listener(one.path)
        until(lambda: one.feed.on)
        one.scheduler.add_request(FakeRequest("a", [1]))
        one.scheduler.step()
        dying.close()
        until(lambda: not one.feed.on)
        one.scheduler.step()
        assert one.feed.take() is None


@pytest.mark.parametrize(
    "hostile",
    [b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", HEAD.pack(3) + b"\xc1\xc1\xc1", HEAD.pack(1) + b"\x90",
     HEAD.pack(7) + msgspec.msgpack.encode(["login"]), HEAD.pack(2000) + b"\x91" * 2000,
     HEAD.pack(6) + msgspec.msgpack.encode(["ping", 1])[:6] + b"x" * 100_000],
)  # fmt: skip
def test_a_hostile_listener_is_cut_off_and_the_next_is_let_in(hostile: bytes, folder: Path) -> None:
    with recorded(folder) as one:
        with socket.socket(socket.AF_UNIX) as visitor:
            visitor.settimeout(PATIENCE_S)
            visitor.connect(str(one.path))
            try:
                visitor.sendall(hostile)
                assert visitor.recv(100) == b""
            except ConnectionError:
                pass
        with listener(one.path):
            until(lambda: one.feed.on)
        assert not one.feed.failed


def test_a_server_with_many_open_files_is_recorded(folder: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2000:
        pytest.skip("this user may not open so many files")
    with ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        while stack.enter_context(open(os.devnull, "rb")).fileno() < 1100:
            pass
        with recorded(folder) as one, listener(one.path) as reader:
            until(lambda: one.feed.on)
            one.scheduler.step()
            assert isinstance(next(read(reader)), Snapshot)


def test_a_token_is_not_asked_for_where_the_sockets_mode_guards(folder: Path) -> None:
    async def greet() -> None:
        with recorded(folder) as one:
            await (await connect(Place(path=one.path), "a token of elsewhere")).close()

    asyncio.run(greet())


def test_an_error_of_the_recorder_switches_it_off_with_one_line(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with recorded(folder) as one, listener(one.path) as reader:
        until(lambda: one.feed.on)
        one.scheduler.add_request(FakeRequest("a", [1]))
        one.scheduler.step()
        del one.scheduler.kv_cache_manager.block_pool.get_num_free_blocks
        for _ in range(3):
            assert one.scheduler.step()[0].outputs[0].new_token_ids == [5]
        assert isinstance(list(read(reader))[-1], SwitchedOff)
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert "switched itself off" in errors[0].getMessage()


def test_errors_of_the_server_are_the_servers(folder: Path) -> None:
    class Broken(FakeScheduler):
        def schedule(self, throttle: bool = False) -> Any:
            raise RuntimeError("of vLLM")

    with recorded(folder) as one:
        over = hooks(Broken, SchedulerTap(one.feed, one.scheduler, 0), one.door.close)
        one.scheduler.__class__ = type("RecordingBroken", (Broken,), over)
        with listener(one.path):
            until(lambda: one.feed.on)
            with pytest.raises(RuntimeError, match="of vLLM"):
                one.scheduler.step()
        assert not one.feed.failed


def test_outputs_with_logprobs_do_not_wait_as_they_are(folder: Path) -> None:
    with recorded(folder) as one:
        one.feed.connected()
        one.scheduler.add_request(FakeRequest("a", [1]))
        one.scheduler.step()
        one.scheduler.logprobs = object()
        one.scheduler.step()
        waiting = [message for _, message in one.feed._entries if message[0] == "output"]
        assert isinstance(waiting[0][4], dict)
        assert waiting[1][4] == [("a", [5])]
        assert wire_form(waiting[0])[4] == wire_form(waiting[1])[4]


def test_every_hook_passes_on_what_it_was_given(folder: Path) -> None:
    with recorded(folder) as one, listener(one.path):
        until(lambda: one.feed.on)
        assert one.scheduler.schedule(throttle=True) is not None
        assert one.scheduler.reset_prefix_cache() is True
        assert one.scheduler.resets == 1


def test_figures_of_the_front_end_are_sampled_as_far_as_they_are_there(folder: Path) -> None:
    tap = StatsTap(object(), 0)
    path = folder / "decodescope" / f"stats-{os.getpid()}-0.sock"

    class Stats:
        num_running_reqs = 3
        kv_cache_usage = 0.5
        prefix_cache_stats = None

    class Iteration:
        num_generation_tokens = 4
        num_preempted_reqs = "no number"

    try:
        with listener(path) as reader:
            until(lambda: tap.feed.on)
            tap.record(scheduler_stats=Stats(), iteration_stats=Iteration(), mm_cache_stats=None, engine_idx=1)
            tap.record(None, None)
            message = next(read(reader))
        assert dict(message.values) == {"running": 3.0, "kv_usage": 0.5, "generation_tokens": 4.0}
        assert message.engine == 1
    finally:
        tap.close()


def test_a_refusal_is_a_sentence(folder: Path) -> None:
    with recorded(folder) as one, listener(one.path), socket.socket(socket.AF_UNIX) as second:
        second.settimeout(PATIENCE_S)
        second.connect(str(one.path))
        refused = next(read(second))
    assert isinstance(refused, Refused)
    assert refused.sentence.endswith(".")

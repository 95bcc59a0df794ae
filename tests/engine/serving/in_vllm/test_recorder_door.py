"""The recorder's door: whose socket it is, who may come in, and what becomes of those who do not behave."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
import stat
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from decodescope_recorder import door
from decodescope_recorder.door import Door, open_door
from decodescope_recorder.facts import hello
from decodescope_recorder.feed import Feed
from decodescope_recorder.sockets import socket_folder, unix_socket
from engine.serving.recorder.recorder_client import connect
from engine.serving.recorder.recorder_search import Place
from engine.serving.recorder.recorder_wire import HEAD, Hello, RecorderError, Refused, Snapshot, login
from tests.engine.serving.in_vllm.inside import FakeRequest, FakeScheduler, recorded
from tests.engine.serving.in_vllm.listener import PATIENCE_S, listener, read, until


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's run-time folder, where the sockets are."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("DECODESCOPE_RECORDER", raising=False)
    return tmp_path


def test_the_socket_and_its_folder_are_the_users_alone(folder: Path) -> None:
    with recorded(folder) as one:
        assert stat.S_IMODE(one.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(one.path.parent.stat().st_mode) == 0o700
        assert one.path.name == f"scheduler-{os.getpid()}.sock"
    assert not one.path.exists()


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720, 0o702])
def test_a_folder_that_others_may_write_is_refused(mode: int, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "decodescope").mkdir()
    (folder / "decodescope").chmod(mode)
    assert open_door(Feed(), "scheduler-1.sock", 0, tuple) is None
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "is not a folder of this user alone" in caplog.text
    assert not list((folder / "decodescope").iterdir())


def test_a_folder_of_another_user_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "decodescope").mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    assert open_door(Feed(), "scheduler-1.sock", 0, tuple) is None
    assert "is not a folder of this user alone" in caplog.text
    assert not list((folder / "decodescope").iterdir())


def test_a_folder_that_is_a_link_is_refused(folder: Path) -> None:
    (folder / "elsewhere").mkdir(mode=0o700)
    (folder / "decodescope").symlink_to(folder / "elsewhere")
    assert open_door(Feed(), "scheduler-1.sock", 0, tuple) is None


@pytest.mark.parametrize("name", ["scheduler-999999999", "stats-999999999-0", "scheduler-9999999999999999", "x", "-"])
def test_sockets_of_processes_that_are_gone_are_removed(name: str, folder: Path) -> None:
    stale = folder / "decodescope" / f"{name}.sock"
    stale.parent.mkdir(mode=0o700)
    others = [stale.with_name(f"stats-{os.getppid()}-0.sock"), stale.with_name("scheduler-999999999.txt")]
    for path in (stale, *others):
        path.touch()
    with recorded(folder) as one:
        assert not stale.exists()
        assert {*others, one.path} == set(stale.parent.iterdir())


def test_the_socket_of_an_earlier_process_of_this_number_is_taken_over(folder: Path) -> None:
    left = folder / "decodescope" / f"scheduler-{os.getpid()}.sock"
    left.parent.mkdir(mode=0o700)
    left.touch()
    with recorded(folder) as one, listener(one.path):
        until(lambda: one.feed.on)


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
    opened = open_door(Feed(), "unused.sock", 0, lambda: hello("scheduler", {}))
    assert opened is not None
    yield Place(host="127.0.0.1", port=port)
    opened.close()


@pytest.mark.parametrize("token", ["", "Secret", "secret ", "s" * 3000, "\ud83d\ude00"])
def test_a_wrong_token_is_refused(token: str, at_port: Place) -> None:
    with pytest.raises(RecorderError, match="refuses: The token is wrong"):
        asyncio.run(connect(at_port, token))


def test_the_right_token_is_let_in(at_port: Place) -> None:
    async def greet() -> str:
        async with await connect(at_port, "secret") as connection:
            return connection.hello.role

    assert asyncio.run(greet()) == "scheduler"


def test_a_token_is_not_asked_for_where_the_sockets_mode_guards(folder: Path) -> None:
    async def greet() -> None:
        with recorded(folder) as one:
            await (await connect(Place(path=one.path), "a token of elsewhere")).close()

    asyncio.run(greet())


def test_a_second_listener_is_refused_until_the_first_is_gone(folder: Path) -> None:
    async def meet() -> None:
        with recorded(folder) as one:
            async with await connect(Place(path=one.path)):
                with pytest.raises(RecorderError, match="Another program listens"):
                    await connect(Place(path=one.path))
            until(lambda: not one.feed.on)
            await (await connect(Place(path=one.path))).close()

    asyncio.run(meet())


def test_a_refusal_is_a_sentence(folder: Path) -> None:
    with recorded(folder) as one, listener(one.path), socket.socket(socket.AF_UNIX) as second:
        second.settimeout(PATIENCE_S)
        second.connect(str(one.path))
        refused = next(read(second))
    assert isinstance(refused, Refused)
    assert refused.sentence.endswith(".")


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


def test_a_visitor_that_says_nothing_is_cut_off_and_the_next_is_let_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "LOGIN_S", 0.05)
    with recorded(folder) as one, socket.socket(socket.AF_UNIX) as silent:
        silent.settimeout(PATIENCE_S)
        silent.connect(str(one.path))
        assert silent.recv(100) == b""
        with listener(one.path):
            until(lambda: one.feed.on)


def test_a_socket_that_cannot_be_removed_does_not_keep_the_server_from_ending(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[object] = []
    monkeypatch.setattr(FakeScheduler, "shutdown", ended.append)
    with recorded(folder) as one:
        one.path.unlink()
        one.path.mkdir()
        one.scheduler.shutdown()
        assert ended == [one.scheduler]


def test_a_message_that_cannot_be_encoded_switches_the_recorder_off(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with recorded(folder) as one, listener(one.path) as reader:
        until(lambda: one.feed.on)
        one.scheduler.add_request(FakeRequest("a", [1], priority=object()))  # type: ignore[arg-type]
        assert list(read(reader)) is not None
        until(lambda: one.feed.failed)
        assert not one.feed.on
        assert one.scheduler.step()[0].outputs[0].new_token_ids == [5]
    assert [record.levelno for record in caplog.records if record.levelno >= logging.ERROR] == [logging.ERROR]


def test_a_run_time_folder_whose_path_is_too_long_for_a_socket_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert socket_folder() == folder / "decodescope"
    long = folder / ("x" * 60)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    assert socket_folder() == Path(f"/tmp/decodescope-{os.getuid()}")


def test_a_listener_that_leaves_and_comes_again_at_once_is_let_in(folder: Path) -> None:
    (folder / "decodescope").mkdir(mode=0o700)
    path = folder / "decodescope" / "scheduler-1.sock"
    listening = unix_socket(path)
    one = Door(Feed(), listening, "", lambda: hello("scheduler", {}), path)
    with ExitStack() as stack:
        stack.callback(listening.close)
        first, second = (stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2))
        first.connect(str(path))
        one._turn()
        first.sendall(login(""))
        one._turn()
        assert isinstance(next(read(first)), Hello)
        first.close()  # both before the door's thread has its next turn
        second.connect(str(path))
        second.sendall(login(""))
        for _ in range(2):
            one._turn()
        assert isinstance(next(read(second)), Hello)
        one._drop()

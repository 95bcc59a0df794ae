"""The recorder's hooks: nothing that happens in them, or to their listener, reaches the server."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from decodescope_recorder import door
from decodescope_recorder.hooks import hooks
from decodescope_recorder.messages import wire_form
from decodescope_recorder.recording_stats import StatsTap
from decodescope_recorder.scheduler_tap import SchedulerTap
from engine.serving.recorder.recorder_wire import SwitchedOff
from tests.engine.serving.in_vllm.inside import FakeRequest, FakeScheduler, recorded
from tests.engine.serving.in_vllm.listener import PATIENCE_S, listener, read, until


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's run-time folder, where the sockets are."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("DECODESCOPE_RECORDER", raising=False)
    return tmp_path


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


def test_every_hook_passes_on_what_it_was_given(folder: Path) -> None:
    with recorded(folder) as one, listener(one.path):
        until(lambda: one.feed.on)
        assert one.scheduler.schedule(throttle=True) is not None
        assert one.scheduler.reset_prefix_cache() is True
        assert one.scheduler.resets == 1


@dataclass
class Flag:
    """A feed to which nobody listens, that counts how often it is asked."""

    asked: int = 0

    @property
    def on(self) -> bool:
        self.asked += 1
        return False


HOOKS: dict[str, int] = {
    "schedule": 0, "update_from_output": 2, "add_request": 1, "_preempt_request": 1, "_free_request": 1,
    "_free_blocks": 1, "reset_prefix_cache": 0,
}  # fmt: skip
"""How many arguments each is given."""


@pytest.mark.parametrize("name", HOOKS)
def test_without_a_listener_a_hook_is_one_test_of_a_flag(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = object()
    monkeypatch.setattr(FakeScheduler, name, lambda *_: answer)
    flag = Flag()
    over = hooks(FakeScheduler, SimpleNamespace(feed=flag), tuple)  # type: ignore[arg-type]
    assert over[name](FakeScheduler(), *[object()] * HOOKS[name]) is answer
    assert flag.asked == 1


@pytest.mark.parametrize(
    ("name", "spoiled"),
    [*((name, "put") for name in HOOKS), ("schedule", "wants_snapshot"), ("add_request", "wants_snapshot")],
)
def test_an_error_in_any_hook_costs_the_recording_and_nothing_else(
    name: str, spoiled: str, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("spoiled")

    with recorded(folder) as one:
        scheduler = one.scheduler
        one.feed.connected()
        first, second = FakeRequest("a", [1]), FakeRequest("b", [2])
        scheduler.add_request(first)
        output = FakeScheduler.schedule(scheduler)
        arguments = {
            "update_from_output": (output, SimpleNamespace(sampled_token_ids=[[5]])), "add_request": (second,),
            "schedule": (), "reset_prefix_cache": (),
        }.get(name, (first,))  # fmt: skip
        answer = {"schedule": output, "update_from_output": {}}.get(name, object())
        monkeypatch.setattr(FakeScheduler, name, lambda *_: answer)
        monkeypatch.setattr(one.feed, spoiled, fail)
        for _ in range(3):
            assert getattr(scheduler, name)(*arguments) is answer
            assert not one.feed.on
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors == ["DecodeScope's recorder switched itself off (KeyError: 'spoiled'); the server goes on."]


@pytest.mark.parametrize("name", ["schedule", "update_from_output", "_free_request"])
def test_what_vllm_no_longer_has_costs_the_recording_and_nothing_else(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recorded(folder) as one:
        one.feed.connected()
        one.scheduler.add_request(FakeRequest("a", [1]))
        answer = object()
        monkeypatch.setattr(FakeScheduler, name, lambda *_: answer)
        assert getattr(one.scheduler, name)(*[object()] * HOOKS[name]) is answer
        assert one.feed.failed.startswith("AttributeError: 'object' object has no attribute")


def test_an_error_among_the_figures_costs_their_recording_and_nothing_else(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Stats:
        @property
        def num_running_reqs(self) -> int:
            raise ValueError("spoiled")

    tap = StatsTap(object(), 0)
    try:
        tap.feed.connected()
        for _ in range(3):
            tap.record(Stats(), None)
        assert tap.feed.failed == "ValueError: spoiled"
    finally:
        tap.close()
    assert [record.levelno for record in caplog.records if record.levelno >= logging.ERROR] == [logging.ERROR]


def test_a_listener_that_hangs_never_blocks_the_scheduler(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where the daemon thread is stuck with it."""
    stuck, go_on = threading.Event(), threading.Event()

    def wait(message: tuple[Any, ...]) -> tuple[Any, ...]:
        stuck.set()
        assert go_on.wait(PATIENCE_S)
        return wire_form(message)

    monkeypatch.setattr(door, "wire_form", wait)
    with recorded(folder, limit_bytes=50_000) as one, listener(one.path):
        try:
            until(lambda: one.feed.on)
            one.scheduler.add_request(FakeRequest("a", [1]))
            one.scheduler.step()
            assert stuck.wait(PATIENCE_S)
            for _ in range(1000):
                assert one.scheduler.step()[0].outputs[0].new_token_ids == [5]
            assert one.feed.on
            assert one.feed._put_bytes - one.feed._taken_bytes < 60_000
            assert one.feed.lost_steps > 800
        finally:
            go_on.set()


def test_a_listener_that_comes_after_a_failure_is_told_of_it(folder: Path) -> None:
    with recorded(folder) as one:
        one.feed.fail(ValueError("earlier"))
        with listener(one.path) as late:
            assert list(read(late)) == [SwitchedOff("ValueError: earlier")]
        assert not one.feed.on

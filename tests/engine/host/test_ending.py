"""Whatever kills a thread of the engine process ends that process with a sentence, never in a wait of its owner."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.core.settings import LoadSpec, RequestSpec, RunSpec
from engine.errors import EngineStoppedError, InputError
from engine.host import protocol
from engine.host.process import EngineProcess
from engine.session.schema import DeviceSample, Mark, ModelReady, Refused, RunEnded, Token
from tests.engine.host.test_process import load, receive_until, receive_until_alive

DEMO = Path(__file__).parents[3] / "assets" / "demo" / "target"

COMMANDS = """
from multiprocessing.connection import Connection
def broken(self, maxlength=None):
    raise MemoryError("no room for a command")
Connection.recv_bytes = broken
"""
EVENTS = """
from engine.host.outbox import Outbox
real = Outbox.take
def broken(self):
    events = real(self)
    if events:
        raise RuntimeError("the outbox is in pieces")
    return events
Outbox.take = broken
"""
UNSAYABLE = """
from engine.session import schema
from engine.host.outbox import Outbox
real = Outbox.take
def broken(self):
    return [schema.Mark(2**70, "user", "") for _ in real(self)]
Outbox.take = broken
"""
FULL = """
from multiprocessing.connection import Connection
def broken(self, data):
    raise OSError(105, "No buffer space available")
Connection.send_bytes = broken
"""
MAIN = """
from engine.host.service import Service
class Panic(BaseException):
    pass
def broken(self):
    raise Panic("called `Option::unwrap()` on a `None` value")
Service.rest = broken
"""
STEP = """
from engine.decode.engine import Engine
class Panic(BaseException):
    pass
def broken(self):
    raise Panic("called `Option::unwrap()` on a `None` value")
Engine.step = broken
"""
LOADING = """
from engine.host import service
class Panic(BaseException):
    pass
def broken(spec, tell):
    raise Panic("called `Option::unwrap()` on a `None` value")
service.load_model = broken
"""
DEVICE = """
from engine.measure.device import HostDevice
def broken(self):
    raise LookupError("the counters have gone")
HostDevice.read = broken
"""


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose `sitecustomize.py` every Python process that is started runs first."""
    folder = tmp_path / "broken"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder / "sitecustomize.py"


def ask_and_wait(process: EngineProcess) -> None:
    process.send(protocol.Load(LoadSpec("no/where")))
    receive_until(process, lambda event: isinstance(event, RunEnded))


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (COMMANDS, "its thread “commands” failed: MemoryError: no room for a command"),
        (EVENTS, "its thread “events” failed: RuntimeError: the outbox is in pieces"),
        (UNSAYABLE, "The engine's Mark cannot be sent"),
        (FULL, "its thread “events” failed: OSError: [Errno 105] No buffer space available"),
        (MAIN, "called `Option::unwrap()` on a `None` value"),
    ],
)
def test_a_thread_that_dies_ends_the_process_with_a_sentence(broken: Path, fault: str, says: str) -> None:
    broken.write_text(fault)
    with EngineProcess() as process:
        with pytest.raises(EngineStoppedError) as raised:  # and not: no event within a minute
            ask_and_wait(process)
        assert str(raised.value).startswith("The engine process ended: ")
        assert says in str(raised.value)
        assert "Traceback" in raised.value.details


def test_what_a_library_panics_with_refuses_the_command_and_the_process_stays(broken: Path, tiny_llama: Path) -> None:
    broken.write_text(LOADING)
    with EngineProcess() as process:
        for _ in range(2):
            process.send(protocol.Load(LoadSpec(str(tiny_llama))))
            events = receive_until(process, lambda event: isinstance(event, Refused))
            (refused,) = (event for event in events if isinstance(event, Refused))
            assert refused.command == "Load"
            assert "Option::unwrap" in refused.message


def test_a_panic_in_a_step_ends_the_run_and_not_the_process(broken: Path, tiny_llama: Path) -> None:
    broken.write_text(STEP)
    with EngineProcess() as process:
        load(process, tiny_llama)
        process.send(protocol.Start(RunSpec((RequestSpec("a", 3),))))
        events = receive_until(process, lambda event: isinstance(event, RunEnded))
        assert [event.reason for event in events if isinstance(event, RunEnded)] == ["failed"]
        assert any("Option::unwrap" in event.message for event in events if isinstance(event, Refused))
        receive_until_alive(process, broken.parent)


def test_a_device_that_cannot_be_read_leaves_the_run_alone(broken: Path, tiny_llama: Path) -> None:
    broken.write_text(
        DEVICE + "from engine.measure import device\ndevice.DeviceSampler.__init__.__defaults__ = (0.001,)\n"
    )
    with EngineProcess() as process:
        load(process, tiny_llama)
        process.send(protocol.Start(RunSpec((RequestSpec("a", 200, ignore_eos=True),) * 12)))
        events = receive_until(process, lambda event: isinstance(event, RunEnded))
        assert sum(isinstance(event, Token) for event in events) == 2400
        assert not any(isinstance(event, DeviceSample) for event in events)
        assert [event.label for event in events if isinstance(event, Mark)] == [
            "The device cpu is read no more: LookupError the counters have gone."
        ]


def test_a_command_that_cannot_be_sent_is_refused_and_the_engine_goes_on(tmp_path: Path) -> None:
    with EngineProcess() as process:
        with pytest.raises(InputError, match=r"^The text '/models/\\udcff' holds characters that are not Unicode"):
            process.send(protocol.Load(LoadSpec("/models/\udcff")))
        with pytest.raises(InputError, match="SetSwitches cannot be sent to the engine"):
            process.send(protocol.SetSwitches({"k": 2**70}))
        receive_until_alive(process, tmp_path)


def test_a_refusal_that_quotes_half_a_surrogate_pair_arrives(tmp_path: Path) -> None:
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_bytes((DEMO / name).read_bytes())
    (tmp_path / "config.json").write_text('{"architectures": ["\\ud800"], "model_type": "x\\udfff"}')
    with EngineProcess() as process:
        process.send(protocol.Load(LoadSpec(str(tmp_path))))
        events = receive_until(process, lambda event: isinstance(event, Refused | ModelReady))
        (refused,) = (event for event in events if isinstance(event, Refused))
        assert (refused.command, refused.error) == ("Load", "CheckpointError")
        assert "The architecture \ufffd is not supported" in refused.message


def test_no_temporary_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    descriptors = descriptors_open()
    with pytest.raises(EngineStoppedError, match="could not be started"):
        EngineProcess()
    assert descriptors_open() == descriptors


def descriptors_open() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0

"""Signals end a recording and the window as Ctrl-C and the close button do; without a display no window is begun."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from app.start import signals
from app.start.display import check_display
from engine.errors import InputError
from engine.session.file import open_session
from tests.app.cli.conftest import ROOT

LONG = ("record", "--max-new-tokens", "100000", "--kv", "none", "--ignore-eos", "-o", "t.dscope")
WAIT_S = 120.0


def start(arguments: tuple[str, ...], folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "app.main", *arguments], cwd=folder, text=True,
        env={**environment, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_for_steps(path: Path) -> None:
    """Wait until a recording has committed some steps."""
    deadline = time.monotonic() + WAIT_S
    log = path.with_name(f"{path.name}-wal")
    while not (log.exists() and log.stat().st_size > 100_000):
        assert time.monotonic() < deadline
        select.select([], [], [], 0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_a_recording_whole(tmp_path: Path, environment: dict[str, str], number: signal.Signals) -> None:
    process = start(LONG, tmp_path, environment)
    wait_for_steps(tmp_path / "t.dscope")
    process.send_signal(number)
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 128 + number
    assert err.splitlines()[-1] == "decodescope: interrupted; the session until then is in t.dscope."
    assert [one.name for one in tmp_path.glob("t.dscope*")] == ["t.dscope"]
    alone = tmp_path / "elsewhere" / "copy.dscope"
    alone.parent.mkdir()
    shutil.copyfile(tmp_path / "t.dscope", alone)
    session = open_session(alone)
    assert len(session.steps) > 0
    assert session.requests[0].finish_reason == "cancelled"


def test_a_lost_terminal_ends_a_recording_whole(tmp_path: Path, environment: dict[str, str]) -> None:
    """The window of the terminal is closed: SIGHUP, and nothing more can be written to it."""
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "app.main", *LONG], cwd=tmp_path, stdin=slave, stdout=slave, stderr=slave,
        env={**environment, "PYTHONPATH": str(ROOT)}, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    wait_for_steps(tmp_path / "t.dscope")
    os.close(master)
    process.send_signal(signal.SIGHUP)
    assert process.wait(WAIT_S) == 128 + signal.SIGHUP
    assert open_session(tmp_path / "t.dscope").requests[0].finish_reason == "cancelled"


def hang_up_then_terminate() -> None:
    """The first is ignored, the second is said where what must not be broken off is over."""
    with signals.noted() as asked:
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        signal.raise_signal(signal.SIGHUP)
        assert asked.number == 0
        signal.raise_signal(signal.SIGTERM)


def test_before_signals_are_taken_nothing_of_ours_is_imported() -> None:
    """Until then Ctrl-C is a traceback, so that there is only Python's own start for it."""
    run = (
        "import sys, app.main\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('app', 'engine', 'kernels')])"
    )
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout == "['app', 'app.main']\n", done.stderr


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup leaves it
    try:
        with pytest.raises(signals.Ended) as ended:
            hang_up_then_terminate()
        assert ended.value.exit_status == 143
    finally:
        signal.signal(signal.SIGHUP, before)


def test_signals_wait_until_a_piece_is_done() -> None:
    done = []
    with signals.noted() as asked:
        asked.raise_if_asked()
        signal.raise_signal(signal.SIGTERM)
        done.append(1)
        with pytest.raises(signals.Ended):
            asked.raise_if_asked()
    assert done == [1]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


IN_C = """
import os, signal, sqlite3, sys, threading
from pathlib import Path
from app.start import signals
from engine import leftovers
signals.watch()
with leftovers.folder(beside=Path.cwd()) as folder, leftovers.removed(Path("half")) as half:
    half.write_text("half")
    (folder / "part").write_text("part")
    print("ready", flush=True)
    if sys.argv[1] == "query":
        sqlite3.connect(":memory:").execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        )
    if sys.argv[1] == "callback":
        class Swallows:
            def __del__(self):
                while True: pass
        Swallows()
    if sys.argv[1] == "stuck":
        with signals.noted(0.1):
            threading.Event().wait()
"""


@pytest.mark.parametrize("where", ["query", "callback", "stuck"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_what_works_in_c_and_takes_away_what_is_half_made(
    tmp_path: Path, environment: dict[str, str], where: str, number: signal.Signals
) -> None:
    """Python's own KeyboardInterrupt waits for the end of the query, and is swallowed by the destructor."""
    process = subprocess.Popen(
        [sys.executable, "-c", IN_C, where], cwd=tmp_path, text=True, env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    process.send_signal(number)  # a second one makes nothing worse
    _, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, err) == (128 + number, "")
    assert os.listdir(tmp_path) == []


def test_a_recording_whose_engine_is_in_a_long_step_ends_at_once(tmp_path: Path, environment: dict[str, str]) -> None:
    """The engine cannot answer; what it said is kept, and it is ended."""
    process = start(LONG, tmp_path, environment)
    wait_for_steps(tmp_path / "t.dscope")
    (engine,) = psutil.Process(process.pid).children()
    engine.suspend()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=5)  # a fraction of a second; it was above nine
    assert process.returncode == 130
    assert err.splitlines()[-1] == "decodescope: interrupted; the session until then is in t.dscope."
    assert not engine.is_running()
    assert len(open_session(tmp_path / "t.dscope").steps) > 0
    assert [one.name for one in tmp_path.glob("t.dscope*")] == ["t.dscope"]


def test_a_loading_model_is_no_reason_to_wait(tmp_path: Path, environment: dict[str, str]) -> None:
    process = start(LONG, tmp_path, environment)
    deadline = time.monotonic() + WAIT_S
    while not (engines := psutil.Process(process.pid).children()):
        assert time.monotonic() < deadline
        select.select([], [], [], 0.01)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, err) == (143, "decodescope: interrupted.\n")
    assert not engines[0].is_running()
    assert list(tmp_path.glob("t.dscope*")) == []


WINDOW = """
import sys
from PySide6.QtCore import QTimer
from app.window import gui
made = gui.make_window
def make(preferences):
    window = made(preferences)
    def begun():
        if window.shown.session is not None and len(window.shown.session.steps) > 50:
            window.shown.save_as(gui.Path("saved.dscope"))
            print(window.shown.path, flush=True)
            timer.stop()
    timer = QTimer(window)
    timer.timeout.connect(begun)
    timer.start(50)
    window.run_panel.ignore_eos.setChecked(True)
    window.run_panel.tokens.setValue(900)
    window.feed.model_ready.connect(lambda _: window.control.run_prompt())
    return window
gui.make_window = make
sys.exit(gui.run_window(None, "demo"))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_closes_the_window_with_its_recording_whole(
    tmp_path: Path, environment: dict[str, str], number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WINDOW], cwd=tmp_path, text=True, env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    path = Path(process.stdout.readline().strip())
    process.send_signal(number)
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 128 + number, err
    assert [one.name for one in path.parent.glob("*.dscope*")] == [path.name]
    session = open_session(path)
    assert len(session.steps) > 50
    assert session.requests[0].finish_reason is not None
    saved = open_session(tmp_path / "saved.dscope")
    assert len(saved.steps) == len(session.steps)


@pytest.mark.skipif(sys.platform != "linux", reason="displays are named by the environment")
def test_without_a_display_the_window_says_so(tmp_path: Path, environment: dict[str, str]) -> None:
    bare = {k: v for k, v in environment.items() if k not in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY")}
    for more, says in (({}, "neither DISPLAY nor WAYLAND_DISPLAY is set"), ({"DISPLAY": ":4711"}, "does not answer")):
        process = start((), tmp_path, {**bare, **more})
        out, err = process.communicate(timeout=WAIT_S)
        assert (process.returncode, out) == (2, "")
        assert err.startswith("decodescope: ")
        assert says in err
        assert "These work without one: decodescope record, decodescope attach, decodescope info" in err
        assert err.count("\n") == 1


def test_a_display_that_answers_or_was_chosen_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_display({"QT_QPA_PLATFORM": "offscreen"}, ("record",), "linux")
    check_display({}, ("record",), "darwin")
    check_display({}, ("record",), "win32")
    check_display({"DISPLAY": "far:0"}, ("record",), "linux")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "wayland-0"))
        with pytest.raises(InputError, match="does not answer"):
            check_display({"WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": str(tmp_path)}, ("record",), "linux")
        server.listen()
        monkeypatch.setattr("app.start.display.TIMEOUT_S", 0.1)
        with pytest.raises(InputError, match="does not answer"):  # it takes connections, and says nothing
            check_display({"WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": str(tmp_path)}, ("record",), "linux")
        server.accept()[0].close()
        monkeypatch.setattr("app.start.display.TIMEOUT_S", WAIT_S)

        def answer() -> None:
            one, _ = server.accept()
            with one:
                one.sendall(one.recv(100))

        answering = threading.Thread(target=answer)
        answering.start()
        check_display({"WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": str(tmp_path)}, ("record",), "linux")
        answering.join()


@pytest.mark.skipif(sys.platform != "linux", reason="platforms have other names elsewhere")
@pytest.mark.parametrize("more", [{"QT_QPA_PLATFORM": "nonsense"}, {"DISPLAY": "nowhere.invalid:0"}, {"DISPLAY": "x"}])
def test_what_qt_gives_up_at_is_a_sentence_and_no_crash(
    tmp_path: Path, environment: dict[str, str], more: dict[str, str]
) -> None:
    bare = {k: v for k, v in environment.items() if k not in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY")}
    out, err = (process := start((), tmp_path, {**bare, **more})).communicate(timeout=WAIT_S)
    assert (process.returncode, out) == (2, "")
    (sentence,) = err.splitlines()
    # That it has no such platform, that it cannot open a window there, or what is not installed.
    assert sentence.startswith(("decodescope: Qt ", "decodescope: QT_QPA_PLATFORM is 'nonsense', which"))

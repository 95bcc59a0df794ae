"""Starts the window, and draws sessions without one; the only place where the parts are put together."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import (
    QCoreApplication,
    QEventLoop,
    QMessageLogContext,
    QSettings,
    QSocketNotifier,
    Qt,
    QTimer,
    QtMsgType,
    qInstallMessageHandler,
)
from PySide6.QtWidgets import QApplication

from app.core.preferences import Preferences
from app.look import theme
from app.start.freed_memory import give_back_large_blocks
from app.start.qt_environment import take_environment
from app.start.qt_start import told_instead_of_aborted
from app.start.signals import Asked, Ended, noted
from app.start.unforeseen import told
from engine import leftovers
from engine.errors import InputError
from engine.export.span import check_steps
from engine.figures.step_range import StepRange

PICTURE_SIZE = (1000, 520)
"""Width and height of a panel in a report, in logical pixels."""
CLOSED_WITHIN_S = 10.0
"""How long the window may take to close after a signal. An engine in a long step is killed earlier
(`EngineThread.close`)."""

if TYPE_CHECKING:
    from app.panels.frame import PanelDock
    from app.window.feed import Feed
    from app.window.main_window import MainWindow
    from engine.export.report import Picture
    from engine.session.store import Session


def run_window(path: str | None, model: str | None, replay: bool = False) -> int:
    """Open the window, with a session file (which may be replayed) or a model, and run until it is closed."""
    app = make_application()
    preferences = Preferences.of_user()
    window = make_window(preferences)
    if path is not None:
        window.start.leave()  # the session is there in a moment
    window.show()
    load_after_first_paint(window, path, model, replay)

    def tell(sentence: str, details: str) -> None:
        def show() -> None:
            if window.isVisible():
                window.show_error(sentence, details)

        QTimer.singleShot(0, window, show)  # no dialog may open during a paint event

    try:
        with closed_by_signals(window), told(tell):
            status = app.exec()
    except Ended as ended:
        status = ended.exit_status
    if window.left_something_behind:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # destroying objects that a thread still uses would crash
    return status


@contextmanager
def closed_by_signals(window: MainWindow) -> Iterator[Asked]:
    """A signal that asks for the end closes the window as its close button does, so that the recording is complete."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    notifier = QSocketNotifier(ours.fileno(), QSocketNotifier.Type.Read)

    def wake() -> None:
        with suppress(OSError):  # Qt's event loop does not wake for a signal
            theirs.send(b"!")

    def close() -> None:
        with suppress(BlockingIOError):
            ours.recv(64)
        window.unattended = True
        QApplication.closeAllWindows()  # the dialogs, too
        window.close()
        QCoreApplication.exit(0)

    notifier.activated.connect(close)
    with noted(CLOSED_WITHIN_S) as asked:
        asked.wake = wake
        if asked.number:  # a signal came before this watch
            wake()
        try:
            yield asked
        finally:
            notifier.setEnabled(False)
            ours.close()
            theirs.close()


def make_application() -> QApplication:
    """The application with its names and desktop file; an existing application is used."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    take_environment(os.environ)
    give_back_large_blocks()
    QApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    QCoreApplication.setOrganizationName("DecodeScope")
    QCoreApplication.setApplicationName("DecodeScope")
    with told_instead_of_aborted():
        app = QApplication(sys.argv[:1])
    app.setApplicationDisplayName("DecodeScope")
    app.setDesktopFileName("decodescope")
    return app


def make_window(preferences: Preferences, feed: Feed | None = None) -> MainWindow:
    """The window in the user's theme and language; `feed` is the real engine's unless another one is given."""
    from app.core.translation import Translation
    from app.look.icons import application_icon
    from app.window.main_window import MainWindow

    app = make_application()
    theme.apply(preferences.scheme)
    translation = Translation(app)
    translation.use(preferences.language)
    app.setWindowIcon(application_icon())
    return MainWindow(feed or make_feed(), preferences, translation)


def make_feed() -> Feed:
    """The feed of the real engine process, recording into the user's folder."""
    from app.window.feed import Feed
    from app.window.trash import move_to_trash
    from engine.client.engine_source import EngineSource
    from engine.client.recordings import Recordings, user_folder
    from engine.session.writer import SessionWriter

    return Feed(EngineSource, SessionWriter, Recordings(user_folder(), move_to_trash))


def load_after_first_paint(window: MainWindow, path: str | None, model: str | None, replay: bool = False) -> None:
    """Start the engine process, load the model and open (or replay) the session as soon as the window can be seen."""

    def begin() -> None:
        window.control.start(model or "demo")
        window.kept.begin()
        window.tell_of_settings()
        if path is not None:
            if replay:
                once = Qt.ConnectionType.SingleShotConnection
                window.shown.opened.connect(lambda _: window.replay.begin_or_leave(), once)
            window.open_path(path)

    window.first_painted.connect(begin)


def render(
    session_path: str,
    out: str,
    panel: str | None,
    size: tuple[int, int],
    fmt: Literal["png", "svg"],
    steps: StepRange = None,
) -> None:
    """Draw the window or one panel with a recorded session into a file; needs no display.

    `size` is in logical pixels; `steps` are selected. Raises InputError for steps that are not there, an unknown panel,
    a panel with nothing to show, or a file that cannot be written, SessionFileError where the session cannot be read.
    """
    from engine.importing.open_any import is_trace, open_any
    from engine.session.file import open_session

    if sys.platform == "linux":
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    if not Path(out).absolute().parent.is_dir():
        raise InputError(f"The folder {Path(out).absolute().parent} does not exist; the picture cannot be written.")
    with ExitStack() as ends:  # the session of a trace is in a temporary folder while it is drawn
        if is_trace(session_path):
            session, _ = open_any(session_path, ends.enter_context(leftovers.folder()))
        else:
            session = open_session(session_path)
        ends.callback(getattr(session.source, "close", lambda: None))
        _render(session, session_path, out, panel, size, fmt, steps)


def _render(
    session: Session,
    session_path: str,
    out: str,
    panel: str | None,
    size: tuple[int, int],
    fmt: Literal["png", "svg"],
    steps: StepRange,
) -> None:
    before = qInstallMessageHandler(_say_unless_offscreen)
    try:
        check_steps(session, steps)
        make_application()
        theme.apply(Preferences.of_user().scheme)
        if panel is None:
            _render_window(session, session_path, Path(out), size, fmt, steps)
        else:
            _render_panel(session, Path(out), panel, size, fmt, steps)
    finally:
        qInstallMessageHandler(before)


def panel_pictures(session: Session, steps: StepRange = None, size: tuple[int, int] = PICTURE_SIZE) -> list[Picture]:
    """A PNG picture, in the light theme, of every panel that has something to show of a session, with these steps
    selected; needs no display.
    """
    from app.core.selection import Selection
    from app.look.pictures import picture_bytes
    from app.panels.base import PanelContext
    from app.panels.frame import PanelDock
    from app.panels.registry import PANELS
    from engine.export.report import Picture

    if sys.platform == "linux":
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    before = qInstallMessageHandler(_say_unless_offscreen)
    found = []
    try:
        make_application()
        theme.apply("light")
        selection, feed = Selection(), make_feed()
        for one in PANELS:
            dock = PanelDock(one, PanelContext(selection, feed))
            dock.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
            dock.show_session(session)
            selection.reset(session)
            selection.change(steps=steps)
            dock.select(selection.now)
            if not dock.build().is_empty:
                dock.resize(*size)
                dock.show()
                _settle()
                dock.refresh()
                _settle(dock)
                found.append(Picture(one.english, one.english_help, picture_bytes(dock)))
            dock.close()
    finally:
        qInstallMessageHandler(before)
    return found


def _render_window(
    session: Session,
    session_path: str,
    out: Path,
    size: tuple[int, int],
    fmt: Literal["png", "svg"],
    steps: StepRange,
) -> None:
    # A picture must not depend on the user's arrangement of the window, nor change it.
    with leftovers.folder() as folder:
        preferences = Preferences(QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat))
        preferences.scheme = "dark" if theme.theme().dark else "light"
        window = make_window(preferences)
        _draw_window(window, session, session_path, out, size, fmt, steps)


def _draw_window(
    window: MainWindow,
    session: Session,
    session_path: str,
    out: Path,
    size: tuple[int, int],
    fmt: Literal["png", "svg"],
    steps: StepRange,
) -> None:
    from app.look.pictures import save_picture

    window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    window.resize(*size)
    window.panels.restore_layout()
    window.show()
    _settle()
    window.shown.show(session, session_path)
    window.selection.change(steps=steps)
    window.status.show_state("recorded", recorded=False)
    window.refresher.draw_all()
    _settle(*window.docks.values())
    save_picture(window, out, fmt)
    window.close()


def _render_panel(
    session: Session, out: Path, name: str, size: tuple[int, int], fmt: Literal["png", "svg"], steps: StepRange
) -> None:
    from app.core.selection import Selection
    from app.look.pictures import save_picture
    from app.panels.base import PanelContext
    from app.panels.frame import PanelDock
    from app.panels.registry import entry

    selection = Selection()
    dock = PanelDock(entry(name), PanelContext(selection, make_feed()))
    dock.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    dock.show_session(session)
    selection.reset(session)
    selection.change(steps=steps)
    dock.select(selection.now)
    panel = dock.build()
    if panel.is_empty:
        why = panel.untold_text()
        raise InputError(f"The panel {name} has nothing to show of this session{f': {why}' if why else '.'}")
    dock.resize(*size)
    dock.show()
    _settle()
    dock.refresh()
    _settle(dock)
    save_picture(dock, out, fmt)
    dock.close()


def _settle(*docks: PanelDock) -> None:
    """Let layouts and queued drawing finish, and let visible panels finish reading."""
    for _ in range(5):
        QCoreApplication.processEvents()
    timer = QTimer()
    timer.setSingleShot(True)
    timer.start(0)
    while timer.isActive():
        QCoreApplication.processEvents()
    while any(dock.is_seen and dock.panel is not None and dock.panel.is_behind for dock in docks):
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    QCoreApplication.processEvents()  # a panel may need more room for what it has read


def _say_unless_offscreen(_kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
    """Print a message, unless it says that the offscreen platform does not support raising windows or size hints."""
    if not message.startswith("This plugin does not support"):
        print(message, file=sys.stderr)

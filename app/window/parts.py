"""The parts of a window that its commands act on; `MainWindow` makes them."""

from __future__ import annotations

from PySide6.QtWidgets import QMainWindow

from app.core.selection import Selection
from app.window.attach_control import AttachControl
from app.window.compare_control import CompareControl
from app.window.documents import Documents
from app.window.edits import Edits
from app.window.exports import Exports
from app.window.find_control import FindControl
from app.window.keep_control import KeepControl
from app.window.keyboard import Keyboard
from app.window.mark_control import MarkControl
from app.window.menus import Menus
from app.window.panels import Panels
from app.window.precision_control import PrecisionControl
from app.window.recordings_browser import RecordingsBrowser
from app.window.refresher import Refresher
from app.window.replay_control import ReplayControl
from app.window.run_control import RunControl
from app.window.run_panel import RunPanel
from app.window.scenario_control import ScenarioControl
from app.window.shown_session import ShownSession
from app.window.start_control import StartControl
from app.window.take_over import TakeOver
from app.window.watch_control import WatchControl


class WindowParts(QMainWindow):
    """A window with these parts, each of which has its own class."""

    selection: Selection
    shown: ShownSession
    edits: Edits
    menus: Menus
    documents: Documents
    exports: Exports
    comparing: CompareControl
    run_panel: RunPanel
    control: RunControl
    marks: MarkControl
    take_over: TakeOver
    server: AttachControl
    replay: ReplayControl
    finding: FindControl
    panels: Panels
    precision: PrecisionControl
    keyboard: Keyboard
    scenarios: ScenarioControl
    start: StartControl
    watching: WatchControl
    keeping: KeepControl
    browser: RecordingsBrowser
    refresher: Refresher

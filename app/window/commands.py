"""What each entry of the menus does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt

from app.window.help import show_about, show_keys, show_palette, show_panel_help
from app.window.parts import WindowParts


def commands(window: WindowParts) -> dict[str, Callable[[], object]]:
    """The function of each menu entry, by the entry's name."""
    keys = {
        "previous": Qt.Key.Key_Left, "next": Qt.Key.Key_Right, "up": Qt.Key.Key_Up, "down": Qt.Key.Key_Down,
        "frame": Qt.Key.Key_F, "zoom_in": Qt.Key.Key_W, "zoom_out": Qt.Key.Key_S, "pan_left": Qt.Key.Key_A,
        "pan_right": Qt.Key.Key_D,
    }  # fmt: skip
    return {
        "open": window.documents.ask_open,
        "recordings": window.browser.show,
        "save": window.documents.ask_save,
        "keep": window.keeping.keep,
        "compare": window.comparing.ask,
        "model_folder": window.run_panel.model.choose_folder,
        "model_file": window.run_panel.model.choose_file,
        "requests": window.run_panel.choose_requests,
        "attach": window.server.ask,
        "attach_again": window.server.attach_again,
        "detach": window.server.detach,
        "export": partial(_export_picture, window),
        "export_panel": lambda: window.panels.with_focused(window.exports.ask_panel_picture),
        "export_trace": window.exports.ask_trace,
        "export_report": window.exports.ask_report,
        "export_csv": partial(window.exports.ask_tables, "csv"),
        "export_parquet": partial(window.exports.ask_tables, "parquet"),
        "copy_picture": lambda: window.panels.with_focused(window.exports.copy_picture),
        "copy_csv": lambda: window.panels.with_focused(window.exports.copy_csv),
        "quit": window.close,
        "undo": window.edits.stack.undo,
        "redo": window.edits.stack.redo,
        "run": lambda: window.scenarios.run_or(window.control.run_or_pause),
        "run_prompt": lambda: window.scenarios.run_or(window.control.run_prompt),
        "step": window.control.step,
        "stop": window.control.stop,
        "mark": window.marks.put,
        "rename_mark": window.marks.rename,
        "remove_mark": window.marks.remove,
        "previous_mark": partial(window.marks.walk, -1),
        "next_mark": partial(window.marks.walk, 1),
        **window.replay.slots,
        "take_over": window.take_over.take_over,
        "measure_ceilings": window.control.measure_ceilings,
        "find": window.finding.ask,
        "find_next": partial(window.finding.go, 1),
        "find_previous": partial(window.finding.go, -1),
        "clear": partial(_clear_or_stop, window),
        "back": window.selection.back,
        "forward": window.selection.forward,
        **{name: partial(window.keyboard.key, key) for name, key in keys.items()},
        "start_page": window.start.show,
        "follow": window.keyboard.follow,
        "show_live": window.shown.show_live,
        "restore_layout": window.panels.restore_layout,
        "full_screen": lambda: window.setWindowState(window.windowState() ^ Qt.WindowState.WindowFullScreen),
        "palette": lambda: show_palette(window, window.menus, window.run_panel),
        "keys": lambda: show_keys(window, window.menus),
        "panel_help": lambda: window.panels.with_focused(partial(show_panel_help, window)),
        "about": lambda: show_about(window),
    }


def _export_picture(window: WindowParts) -> None:
    """Ask where to put a picture of the window, with all panels drawn."""
    if window.refresher.has_turns:
        window.refresher.draw_all()
    window.exports.ask_picture(window, "decodescope")


def _clear_or_stop(window: WindowParts) -> None:
    """Leave the start page, or clear the selection; where neither is there, stop the run."""
    if window.start.is_shown and window.shown.session is not None:
        window.start.leave()
    elif not window.selection.clear():
        window.control.stop()

"""The menus: every command of the window with its key, as data; the window gives the function of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from app.core.preferences import KEEP_CHOICES, WATCH_CHOICES
from app.look.units import count
from app.panels.registry import PANELS
from app.widgets.plain import menu_text, plain
from app.window import unavailable_words
from engine.client.source import Tells

SEPARATOR: Final = "-"
Standard = QKeySequence.StandardKey

LAYOUT: Final[dict[str, tuple[str, ...]]] = {
    "file": (
        "open", "recent", "recordings", "save", "keep", "compare", "kept", "watched", "-",
        "model_folder", "model_file", "requests", "-",
        "attach", "attach_again", "detach", "-",
        "export_report", "export_csv", "export_parquet", "export_trace", "-",
        "export", "export_panel", "copy_picture", "copy_csv", "-", "quit",
    ),
    "edit": (
        "undo", "redo", "-", "mark", "rename_mark", "remove_mark", "-", "previous_mark", "next_mark",
    ),
    "run": (
        "run", "run_prompt", "step", "stop", "-", "take_over", "-",
        "replay", "replay_play", "replay_previous", "replay_next", "replay_begin", "replay_end", "-",
        "measure_ceilings",
    ),
    "scenarios": (),
    "selection": (
        "find", "find_next", "find_previous", "-", "clear", "-", "back", "forward", "-",
        "previous", "next", "up", "down", "-", "frame",
    ),
    "view": (
        "start_page", "-", "panels", "-", "zoom_in", "zoom_out", "pan_left", "pan_right", "follow", "show_live", "-",
        "theme", "language", "restore_layout", "full_screen",
    ),
    "help": ("palette", "keys", "panel_help", "-", "about"),
}  # fmt: skip
"""Entries of each menu in order; `recent`, `kept`, `panels`, `theme` and `language` are menus themselves."""

KEYS: Final[dict[str, tuple[str | QKeySequence.StandardKey, ...]]] = {
    "open": (Standard.Open,),
    "save": (Standard.Save,),
    "keep": ("Ctrl+Shift+K",),
    "recordings": ("Ctrl+Shift+R",),
    "compare": ("Ctrl+Shift+D",),
    "model_folder": ("Ctrl+Shift+O",),
    "attach": ("Ctrl+Shift+A",),
    "export": ("Ctrl+E",),
    "copy_picture": ("Ctrl+Shift+C",),
    "quit": ("Ctrl+Q",),
    "undo": (Standard.Undo,),
    "redo": (Standard.Redo,),
    "rename_mark": ("F2",),
    "previous_mark": ("[",),
    "next_mark": ("]",),
    "run": ("Space",),
    "run_prompt": ("Ctrl+Return",),
    "step": ("F10", "."),
    "mark": ("M",),
    "replay": ("Ctrl+R",),
    "find": (Standard.Find,),
    "find_next": ("F3", "Ctrl+G"),
    "find_previous": ("Shift+F3", "Ctrl+Shift+G"),
    "clear": ("Esc",),
    "back": ("Alt+Left",),
    "forward": ("Alt+Right",),
    "previous": ("Left",),
    "next": ("Right",),
    "up": ("Up",),
    "down": ("Down",),
    "frame": ("F",),
    "zoom_in": ("W",),
    "zoom_out": ("S",),
    "pan_left": ("A",),
    "pan_right": ("D",),
    "follow": ("L",),
    "full_screen": ("F11",),
    "palette": ("Ctrl+Shift+P",),
    "keys": ("?",),
    "panel_help": ("F1",),
}
REPLAY_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "replay_play": ("Space",),
    "replay_next": ("F10", "."),
    "replay_previous": (",",),
    "replay_begin": ("Home",),
    "replay_end": ("End",),
}
"""The keys while a recording is replayed; those of a run that are among them belong to the run otherwise."""
CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "theme": ("system", "dark", "light"),
    "language": ("system", "en", "zh_CN"),
    "kept": tuple(str(number) for number in KEEP_CHOICES),
    "watched": tuple(str(minutes) for minutes in WATCH_CHOICES),
}


class Menus(QObject):
    """Builds the menu bar: `actions` by name, `choices` as in `choices["theme"]["dark"]`, `panels` by panel.

    `connect_actions` connects the actions, once the parts of the window exist that perform them.
    """

    chosen = Signal(str, str)
    """(which choice, its value): "theme" and "dark", for example."""
    panel_wanted = Signal(str)

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self.actions: dict[str, QAction] = {}
        self.menus: dict[str, QMenu] = {}
        self.choices: dict[str, dict[str, QAction]] = {}
        self.panels: dict[str, QAction] = {}
        self._tells = Tells()
        self._state, self._blocked, self._queued = "starting", "", False
        self._replays = self._can_replay = False
        bar = window.menuBar()
        for menu_name, entries in LAYOUT.items():
            menu = self.menus[menu_name] = bar.addMenu("")
            menu.setToolTipsVisible(True)
            for name in entries:
                if name == SEPARATOR:
                    menu.addSeparator()
                elif name == "panels":
                    for number, entry in enumerate(PANELS, 1):
                        action = menu.addAction("", partial_slot(self.panel_wanted.emit, entry.name))
                        if number <= 9:
                            action.setShortcut(str(number))
                        self.panels[entry.name] = action
                elif name in CHOICES:
                    self._add_choice(menu, name)
                elif name == "recent":
                    self.menus["recent"] = menu.addMenu("")
                else:
                    action = menu.addAction("")
                    action.setShortcuts([QKeySequence(keys) for keys in KEYS.get(name, ())])
                    self.actions[name] = action
        self.retranslate()

    @property
    def top(self) -> list[QMenu]:
        """The menus of the bar, in order."""
        return [self.menus[name] for name in LAYOUT]

    def connect_actions(self, slots: Mapping[str, Callable[[], object]]) -> None:
        """Connect each action to its function in `slots`, by the action's name."""
        for name, action in self.actions.items():
            action.triggered.connect(partial_slot(slots[name]))

    def show_recent(
        self, recent: list[tuple[str, str]], open_: Callable[[str], object], clear: Callable[[], object]
    ) -> None:
        """Fill the menu of recent sessions: (path, what it is called there) of each."""
        menu = self.menus["recent"]
        menu.clear()
        for path, words in recent:
            action = menu.addAction(menu_text(words), partial_slot(open_, path))
            action.setToolTip(plain(path))  # else Qt makes a tool tip of the text, and reads it as HTML
        menu.setEnabled(bool(recent))
        if recent:
            menu.addSeparator()
            menu.addAction(self.tr("Clear this list"), clear)

    def show_run(self, state: str, tells: Tells | None = None, queued: bool = False) -> None:
        """Name and enable the run's entries for this state of the engine, and for what it takes (None: as before).

        `queued`: a run waits for the model that is loaded.
        """
        self._tells, self._state, self._queued = (tells := tells or self._tells), state, queued
        blocked = bool(self._blocked) and not queued and state not in ("running", "paused")
        run = self.actions["run"]
        run.setText(self._run_text(state, queued))
        run.setEnabled(not blocked and (tells.pauses or state not in ("running", "paused")))
        run.setToolTip(plain(self._run_tip(state, tells, queued)))
        for name, enabled in (
            ("run_prompt", not self._blocked),
            ("step", tells.pauses and not blocked and state in ("idle", "running", "paused")),
            ("stop", queued or state in ("running", "paused")),
            ("measure_ceilings", tells.measures_ceilings and state == "idle"),
            ("attach_again", not tells.loads_models),
            ("detach", not tells.loads_models),
        ):
            self.actions[name].setEnabled(enabled)
        for name, able, tip, why in (
            ("step", tells.pauses, self.tr("Run one step, then pause"), unavailable_words.no_pause()),
            ("measure_ceilings", tells.measures_ceilings,
             self.tr("Measure again how fast this device reads and multiplies at most: "
                     "MBU and the roofline rest on it"),
             unavailable_words.no_ceilings()),
        ):  # fmt: skip
            self.actions[name].setToolTip(plain(tip if able else why))
        self.actions["run_prompt"].setToolTip(plain(self._blocked or self.tr("Begin a new run; one that goes on ends")))

    def show_replay(self, on: bool, can_begin: bool) -> None:
        """Name and enable the entries of the replay; while it is on, Space and the keys of steps are its own."""
        self._replays, self._can_replay = on, can_begin
        self.actions["replay"].setText(self._replay_text())
        self.actions["replay"].setEnabled(on or can_begin)
        self.actions["replay"].setToolTip(plain(self._replay_tip()))
        taken = {key for keys in REPLAY_KEYS.values() for key in keys} if on else set()
        for name in ("run", "step"):
            self.actions[name].setShortcuts([QKeySequence(key) for key in KEYS[name] if key not in taken])
        for name, keys in REPLAY_KEYS.items():
            self.actions[name].setEnabled(on)
            self.actions[name].setShortcuts([QKeySequence(key) for key in keys] if on else [])

    def _replay_text(self) -> str:
        return self.tr("Leave the replay") if self._replays else self.tr("Replay this recording")

    def _replay_tip(self) -> str:
        if self._replays:
            return self.tr("Show the whole recording again")
        if self._can_replay:
            return self.tr("Show the recording again as it went on, at its own speed, slower, faster or step by step")
        return self.tr("A run can be replayed when it is over, a recording when it is shown")

    def show_history(self, undo: str | None, redo: str | None) -> None:
        """Name what Undo and Redo would do; None where there is nothing to undo, or to redo."""
        for name, words, alone, of in (
            ("undo", undo, self.tr("Undo"), self.tr("Undo: {}")), ("redo", redo, self.tr("Redo"), self.tr("Redo: {}")),
        ):  # fmt: skip
            self.actions[name].setText(alone if words is None else of.format(words))
            self.actions[name].setEnabled(words is not None)

    def show_blocked(self, reason: str) -> None:
        """Disable what starts a run, for this reason; an empty one enables it again."""
        self._blocked = reason
        self.show_run(self._state, queued=self._queued)

    def _run_text(self, state: str, queued: bool) -> str:
        if queued:
            return self.tr("Cancel run")
        return {
            "running": self.tr("Pause"), "paused": self.tr("Resume"), "starting": self.tr("Queue run"),
            "loading": self.tr("Queue run"),
        }.get(state, self.tr("Run"))  # fmt: skip

    def _run_tip(self, state: str, tells: Tells, queued: bool) -> str:
        if queued:
            return self.tr("The run starts as soon as the model is ready; press to cancel it")
        if self._blocked and state not in ("running", "paused"):
            return self._blocked
        if not tells.pauses:
            return unavailable_words.no_pause() if state == "running" else self.tr("Record what the server does")
        return {
            "running": self.tr("Stop after the step in progress, and go on later"),
            "paused": self.tr("Go on"),
            "starting": self.tr("Starts the run as soon as the model is ready"),
            "loading": self.tr("Starts the run as soon as the model is ready"),
        }.get(state, self.tr("Generate text from the prompt and record every step"))

    def retranslate(self, state: str = "starting", queued: bool = False) -> None:
        """Set all texts anew, in the current language."""
        for name, text in self._menu_texts().items():
            self.menus[name].setTitle(text)
        for name, text in self._texts().items():
            self.actions[name].setText(text)
        self.actions["stop"].setToolTip(self.tr("End the run; its recording is kept"))
        self.actions["replay"].setToolTip(plain(self._replay_tip()))
        texts = {
            "theme": {"system": self.tr("As the system"), "dark": self.tr("Dark"), "light": self.tr("Light")},
            "language": {"system": self.tr("As the system"), "en": "English", "zh_CN": "简体中文"},
            "kept": {
                str(number): self.tr("The newest {}").format(count(number)) if number else self.tr("All")
                for number in KEEP_CHOICES
            },
            "watched": {
                "0": self.tr("Everything, a recording an hour"),
                "240": self.tr("The last 4 hours, older parts deleted"),
                "60": self.tr("The last hour, older parts deleted"),
                "10": self.tr("The last 10 minutes, older parts deleted"),
            },
        }  # fmt: skip
        for name, values in texts.items():
            for value, text in values.items():
                self.choices[name][value].setText(text)
        for entry in PANELS:
            self.panels[entry.name].setText(entry.title())
        self.show_run(state, queued=queued)

    def _menu_texts(self) -> dict[str, str]:
        return {
            "file": self.tr("&File"), "edit": self.tr("&Edit"), "run": self.tr("&Run"),
            "scenarios": self.tr("S&cenarios"), "selection": self.tr("&Selection"),
            "view": self.tr("&View"), "help": self.tr("&Help"), "recent": self.tr("Open recent"),
            "theme": self.tr("Theme"), "language": self.tr("Language"),
            "kept": self.tr("Recordings that are kept"), "watched": self.tr("Of a watch of a server is kept"),
        }  # fmt: skip

    def _texts(self) -> dict[str, str]:
        return {
            "open": self.tr("Open session…"),
            "recordings": self.tr("Recordings…"),
            "save": self.tr("Save session as…"),
            "keep": self.tr("Keep what just happened"),
            "compare": self.tr("Compare with a session…"),
            "model_folder": self.tr("Open model folder…"),
            "model_file": self.tr("Open GGUF file…"),
            "requests": self.tr("Open request list…"),
            "attach": self.tr("Attach to a server…"),
            "attach_again": self.tr("Attach again"),
            "detach": self.tr("Detach from the server"),
            "export": self.tr("Export picture of the window…"),
            "export_panel": self.tr("Export picture of the panel…"),
            "export_trace": self.tr("Export trace…"),
            "export_report": self.tr("Export report as HTML…"),
            "export_csv": self.tr("Export tables as CSV…"),
            "export_parquet": self.tr("Export tables as Parquet…"),
            "copy_picture": self.tr("Copy panel as picture"),
            "copy_csv": self.tr("Copy panel as CSV"),
            "quit": self.tr("Quit"),
            "run_prompt": self.tr("Run from the start"),
            "step": self.tr("Step"),
            "stop": self.tr("Stop"),
            "undo": self.tr("Undo"),
            "redo": self.tr("Redo"),
            "mark": self.tr("Put a mark here"),
            "replay": self._replay_text(),
            "replay_play": self.tr("Play or pause the replay"),
            "replay_previous": self.tr("Replay: one step back"),
            "replay_next": self.tr("Replay: one step on"),
            "replay_begin": self.tr("Replay: to the beginning"),
            "replay_end": self.tr("Replay: to the end"),
            "rename_mark": self.tr("Rename mark…"),
            "remove_mark": self.tr("Remove mark"),
            "previous_mark": self.tr("Previous mark"),
            "next_mark": self.tr("Next mark"),
            "take_over": self.tr("Use this recording's settings for the next run"),
            "measure_ceilings": self.tr("Measure ceilings again"),
            "find": self.tr("Find…"),
            "find_next": self.tr("Find next"),
            "find_previous": self.tr("Find previous"),
            "clear": self.tr("Clear selection, else stop"),
            "back": self.tr("Back"),
            "forward": self.tr("Forward"),
            "previous": self.tr("Previous token or step"),
            "next": self.tr("Next token or step"),
            "up": self.tr("Previous request or layer"),
            "down": self.tr("Next request or layer"),
            "frame": self.tr("Frame the selection, then all"),
            "zoom_in": self.tr("Zoom in"),
            "zoom_out": self.tr("Zoom out"),
            "pan_left": self.tr("Pan left"),
            "pan_right": self.tr("Pan right"),
            "start_page": self.tr("Start page"),
            "follow": self.tr("Follow live"),
            "show_live": self.tr("Back to the live run"),
            "restore_layout": self.tr("Restore layout"),
            "full_screen": self.tr("Full screen"),
            "palette": self.tr("Command palette…"),
            "keys": self.tr("Keys…"),
            "panel_help": self.tr("What does this panel show?"),
            "about": self.tr("About DecodeScope…"),
        }

    def _add_choice(self, menu: QMenu, name: str) -> None:
        inner = self.menus[name] = menu.addMenu("")
        group = QActionGroup(self)
        self.choices[name] = {}
        for value in CHOICES[name]:
            action = inner.addAction("", partial_slot(self.chosen.emit, name, value))
            action.setCheckable(True)
            group.addAction(action)
            self.choices[name][value] = action


def partial_slot(function: Callable[..., object], *values: object) -> Callable[[], None]:
    """A slot that calls the function with these values, and ignores the arguments of the signal."""

    def slot() -> None:
        function(*values)

    return slot

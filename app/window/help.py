"""The dialogs of the Help menu, and "What does this show?" of a panel's menu.

Each is imported when it is first opened, so that the window opens sooner.
"""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.panels.frame import PanelDock
from app.window.menus import Menus
from app.window.run_panel import RunPanel


def show_palette(window: QWidget, menus: Menus, panel: RunPanel) -> None:
    """Offer every entry of the menus, and every value of the run panel's switches, by its name."""
    from app.dialogs.palette import CommandPalette
    from app.window.switch_commands import switch_commands

    palette = CommandPalette(menus.top, window)
    palette.offer(switch_commands(panel, palette))
    palette.open()


def show_keys(window: QWidget, menus: Menus) -> None:
    """List the keys of the menus' entries."""
    from app.dialogs.shortcuts import ShortcutSheet

    ShortcutSheet(menus.top, window).open()


def show_about(window: QWidget) -> None:
    """Say what this program is and what it runs on."""
    from app.dialogs import about

    about.show_about(window)


def show_panel_help(window: QWidget, dock: PanelDock) -> None:
    """Say what a panel shows, how to read it, and which keys work in it."""
    from app.dialogs.panel_help import PanelHelp
    from app.panels import help_words

    entry = dock.entry
    paragraphs = [entry.help(), help_words.how_to_read(entry), help_words.keys_in(entry), help_words.marks()]
    PanelHelp(entry.title(), paragraphs, window).open_beside(dock)

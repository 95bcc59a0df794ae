"""The dialogs of the Help menu; each is imported when it is first opened, so that the window opens sooner."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.window.menus import Menus


def show_palette(window: QWidget, menus: Menus) -> None:
    """Offer every entry of the menus by its name."""
    from app.dialogs.palette import CommandPalette

    CommandPalette(menus.top, window).open()


def show_keys(window: QWidget, menus: Menus) -> None:
    """List the keys of the menus' entries."""
    from app.dialogs.shortcuts import ShortcutSheet

    ShortcutSheet(menus.top, window).open()


def show_about(window: QWidget) -> None:
    """Say what this program is and what it runs on."""
    from app.dialogs import about

    about.show_about(window)

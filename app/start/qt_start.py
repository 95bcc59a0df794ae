"""Qt ends the program if it finds no platform to draw on; this module prints the reason first."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

from app.start.system_check import missing_packages, sentence
from engine.errors import InputError


@contextmanager
def told_instead_of_aborted() -> Iterator[None]:
    """Context for making the application: if Qt gives up, the program ends as after wrong input, with a sentence.

    Qt's messages about platforms that fail before one works are dropped.
    """

    def handle(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
        if kind == QtMsgType.QtFatalMsg:
            print(f"decodescope: {why(os.environ)}", file=sys.stderr, flush=True)
            os._exit(InputError.exit_status)  # Qt aborts the process when this returns
        elif not str(context.category or "").startswith("qt.qpa"):
            print(message, file=sys.stderr)

    before = qInstallMessageHandler(handle)
    try:
        yield
    finally:
        qInstallMessageHandler(before)


def why(environment: Mapping[str, str], platform: str = sys.platform) -> str:
    """The most likely reason why Qt finds no platform to draw on, and what to do about it."""
    missing = missing_packages(window=True) if platform.startswith("linux") else []
    if missing:
        return sentence(missing)
    chosen = environment.get("QT_QPA_PLATFORM")
    if chosen:
        return f"Qt cannot open a window on the platform that QT_QPA_PLATFORM names ({chosen}); try without it."
    shown = [f"{name}={environment[name]}" for name in ("WAYLAND_DISPLAY", "DISPLAY") if environment.get(name)]
    return f"Qt cannot open a window on the display that is named ({' and '.join(shown) or 'none'})."

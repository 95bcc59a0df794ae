"""Imports what cases need before they are forked, and starts no thread while doing so."""

from __future__ import annotations

import importlib
from typing import Final

WINDOW: Final = (
    "app.window.gui", "app.window.main_window", "app.cli.report", "app.window.feed", "app.panels.registry",
    "PySide6.QtSvg",
)  # fmt: skip
COMMANDS: Final = (
    "app.main", "app.cli.info", "app.cli.compare", "app.cli.export", "app.cli.screenshot", "app.cli.record",
    "app.cli.scenario",
    "engine.export.chrome", "engine.export.perfetto", "engine.export.tables", "engine.export.report",
)  # fmt: skip
ENGINE: Final = (
    "torch",
    "engine.host.child",
    "engine.host.service",
    "engine.host.sender",
    "tests.engine.model.checkpoints",
)


def import_everything(*, window: bool, engine: bool, fork: bool) -> None:
    """Import what cases use: the window, the engine; `fork`: their engine processes are forked, too."""
    for module in (*COMMANDS, *(WINDOW if window else ())):
        importlib.import_module(module)
    if engine or fork:
        for module in ENGINE:
            importlib.import_module(module)
        import torch

        torch.set_num_threads(1)
    if fork:
        from engine.host import process
        from tests.prepared.forking import fork_engine

        process.spawn = fork_engine

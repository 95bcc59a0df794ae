"""Every panel on a session, and some of its steps selected, as a user would who opens it in the window."""

from __future__ import annotations

import sys
from pathlib import Path

from app.core.selection import Selection
from app.panels.base import PanelContext
from app.panels.frame import PanelDock
from app.panels.registry import PANELS
from app.window.gui import _settle, make_application, make_feed
from engine.errors import DecodeScopeError
from engine.session.file import SessionFile, open_session


def walk(path: Path) -> int:
    """Build every panel, select first, middle and last step and all of them; 2 where the file is refused."""
    try:
        session = open_session(path)
    except DecodeScopeError as error:
        print(f"decodescope: {error}", file=sys.stderr)
        return error.exit_status
    make_application()
    selection, feed = Selection(), make_feed()
    docks = [PanelDock(one, PanelContext(selection, feed)) for one in PANELS]
    selection.reset(session)
    for dock in docks:
        selection.changed.connect(dock.select)
    for dock in docks:
        dock.show_session(session)
        dock.build()
        dock.resize(700, 420)
        dock.show()
    count, tokens = len(session.steps), len(session.tokens)
    for step in dict.fromkeys((0, count // 2, count - 1)) if count else ():
        selection.change(step=step, steps=(step, count - 1), token=min(step, tokens - 1) if tokens else None)
        _settle(*docks)
        for dock in docks:
            dock.refresh()
        _settle(*docks)
    for dock in docks:
        dock.grab()
        dock.close()
    if isinstance(session.source, SessionFile):
        session.source.close()
    return 0

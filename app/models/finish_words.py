"""Why a request ended, in the language of the window."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.look.units import count, name_of
from engine.session.store import RecordedRequest


def finish_words(request: RecordedRequest) -> str:
    """Why a request ended; "" while it goes on. A reason of a server that is not known is said as it is."""
    translate = QCoreApplication.translate
    reason = request.finish_reason or ""
    if reason == "context":
        held = request.prompt_tokens + len(request.token_rows)
        return translate("Finish", "context full ({})").format(count(held))
    return {
        "": "",
        "length": translate("Finish", "length reached"),
        "eos": translate("Finish", "end of text"),
        "stop": translate("Finish", "stop string"),
        "cancelled": translate("Finish", "stopped"),
    }.get(reason, name_of(reason))

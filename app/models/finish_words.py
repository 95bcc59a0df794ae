"""Why a request ended, in the language of the window."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.look.units import count, name_of
from engine.session.store import RecordedRequest


def finish_words(request: RecordedRequest) -> str:
    """Why a request ended; "" while it goes on."""
    return reason_words(request.finish_reason or "", request.prompt_tokens + len(request.token_rows))


def reason_words(reason: str, held: int) -> str:
    """A reason in words, of a request that held so many positions; one that is not known, of a server, as it is."""
    translate = QCoreApplication.translate
    if reason == "context":
        return translate("Finish", "context full ({})").format(count(held))
    return {
        "": "",
        "length": translate("Finish", "length reached"),
        "eos": translate("Finish", "end of text"),
        "stop": translate("Finish", "stop string"),
        "cancelled": translate("Finish", "stopped"),
    }.get(reason, name_of(reason))

"""What a server did not tell, in the words of the screen."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QCoreApplication

from app.look.translation_marks import QT_TRANSLATE_NOOP
from engine.session.serving import Topic
from engine.session.store import Session

CONTEXT: Final = "Untold"
REASONS: Final = (
    QT_TRANSLATE_NOOP("Untold", "Not told by this server."),
    QT_TRANSLATE_NOOP("Untold", "Not told: it needs the recorder inside vLLM (see README, “vLLM and other servers”)."),
    QT_TRANSLATE_NOOP("Untold", "Not asked for: attach with --logprobs N."),
)
"""The reasons that sessions of servers give in English; any other is shown as it is."""


def not_told() -> str:
    """What stands in the place of a figure that the server did not tell."""
    return QCoreApplication.translate("Untold", "not told by this server")


def why_untold(session: Session | None, *topics: Topic) -> str:
    """Why the first of these topics that the server did not tell is missing; "" where all were told, as always by our
    own engine.
    """
    reasons = (session.untold(topic) for topic in topics) if session is not None else ()
    found = next((reason for reason in reasons if reason is not None), "")
    return QCoreApplication.translate(CONTEXT, found) if found else ""

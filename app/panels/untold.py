"""What a server did not tell, in the words of the screen."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QCoreApplication

from app.look.translation_marks import QT_TRANSLATE_NOOP
from engine.plain_text import one_line
from engine.session.serving import Topic
from engine.session.store import Session

CONTEXT: Final = "Untold"
REASONS: Final = (
    QT_TRANSLATE_NOOP("Untold", "Not told by this server."),
    QT_TRANSLATE_NOOP("Untold", "Not told: it needs the recorder inside vLLM (see README, “vLLM and other servers”)."),
    QT_TRANSLATE_NOOP("Untold", "Not asked for: attach with --logprobs N."),
    QT_TRANSLATE_NOOP("Untold", "Not told by a profiler's trace."),
    QT_TRANSLATE_NOOP(
        "Untold",
        "No range of the trace names its steps: call the profiler's step(), or name ranges decode, prefill or step.",
    ),
)
"""The reasons that sessions of servers give in English; any other is shown as it is."""
MOST_OF_REASON: Final = 300
"""Most characters of a reason that are shown; `info --json` has all of it."""


def not_told(session: Session | None = None) -> str:
    """What stands in the place of a figure that the server, or the imported trace, did not tell."""
    if is_imported(session):
        return QCoreApplication.translate("Untold", "not told by this trace")
    return QCoreApplication.translate("Untold", "not told by this server")


def is_imported(session: Session | None) -> bool:
    """Whether a session was imported from a profiler's trace."""
    return session is not None and session.serving is not None and session.serving.imported


def of_trace(session: Session | None) -> str:
    """Why a panel shows nothing of an imported trace that needs what no trace tells; "" for any other session."""
    if not is_imported(session):
        return ""
    return QCoreApplication.translate(
        "Untold",
        "A profiler's trace tells of kernels and ranges, not of tokens, positions or memory. This panel needs a run "
        "of DecodeScope's own engine, or a server. Timeline and Kernels show the trace.",
    )


def of_precision(session: Session | None) -> str:
    """Why a panel shows nothing of a comparison of precisions, which has no steps; "" for any other session."""
    if session is None or not session.meta.get("precision"):
        return ""
    return QCoreApplication.translate(
        "Untold",
        "A comparison of two precisions tells of a text that is given, not of one that is generated step by step. This "
        "panel needs a run; Precision shows the comparison.",
    )


def why_untold(session: Session | None, *topics: Topic) -> str:
    """Why the first of these topics that the server did not tell is missing; "" where all were told, as always by our
    own engine.
    """
    reasons = (session.untold(topic) for topic in topics) if session is not None else ()
    found = next((reason for reason in reasons if reason is not None), "")
    return one_line(QCoreApplication.translate(CONTEXT, found), MOST_OF_REASON) if found else ""

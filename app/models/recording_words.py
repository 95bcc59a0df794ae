"""What a recording is called in a list, and what is said about it, in few words."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from PySide6.QtCore import QCoreApplication

from app.core.recent_recordings import RecentRecording
from app.look.units import count, memory, name_of
from app.models import counted
from engine.client.recordings import OWN_NAME

MOST_OF_PROMPT: Final = 60
"""Characters of a prompt that stands for a name."""


def title_of(one: RecentRecording) -> str:
    """What a recording is called: its name; else its file's name, where a person chose that; else its first prompt.

    Where nothing is known of it, it is the file's name without its ending.
    """
    if one.name:
        return name_of(one.name)
    path = Path(one.path)
    prompt = " ".join(one.prompts[0].split()) if one.prompts else ""
    if not prompt or not OWN_NAME.fullmatch(path.name):
        return name_of(path.stem)
    cut = prompt if len(prompt) <= MOST_OF_PROMPT else f"{prompt[: MOST_OF_PROMPT - 1]}…"
    more = f" +{count(one.requests - 1)}" if one.requests is not None and one.requests > 1 else ""
    return f"“{name_of(cut)}”{more}"


def facts_of(one: RecentRecording) -> str:
    """Its model, its tokens and its size."""
    tokens = None if one.tokens is None else counted.tokens(one.tokens)
    return " · ".join(part for part in (name_of(one.model), tokens, memory(one.size_bytes)) if part)


def when_of(one: RecentRecording) -> str:
    """When it was recorded: the time of day where it was today; "" where that is not known."""
    date, time = date_and_time(one.began_s)
    if not date or not one.began_s:
        return ""
    if date == f"{datetime.now():%Y-%m-%d}":
        return QCoreApplication.translate("RecordingWords", "today {}").format(time)
    return f"{date} {time}"


def date_and_time(seconds: float) -> tuple[str, str]:
    """(date, time of day) of a moment, in the time of this machine; texts without content where it has none."""
    try:
        moment = datetime.fromtimestamp(seconds)
    except (ValueError, OverflowError, OSError):
        return "", ""
    return f"{moment:%Y-%m-%d}", f"{moment:%H:%M}"

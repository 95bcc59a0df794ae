"""What went wrong with a recording or a command, in the language of the window."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.core.background import failure_of
from app.core.engine_sentences import in_window_language
from app.window import unavailable_words
from engine.client.changes import FileFailed, KeptElsewhere
from engine.client.commands import NO_SUITE
from engine.client.recordings import FolderError
from engine.session import schema


def refused(event: schema.Refused) -> str:
    """Why a command was not carried out."""
    return unavailable_words.no_suite() if event.message == NO_SUITE else in_window_language(event.message)


def file_failed(change: FileFailed) -> str:
    """Why a run is not recorded in its file, or not any longer."""
    sentence = sentence_of(change.error)
    if not change.never_begun:
        return sentence
    words = QCoreApplication.translate("Feed", "{} The run is kept in memory only, until the next one begins.")
    return words.format(sentence)


def kept_elsewhere(change: KeptElsewhere) -> str:
    """Why recordings are not in their folder, and where they are."""
    words = QCoreApplication.translate(
        "Feed",
        "{reason} Runs are recorded in {folder} instead, which the system may empty: save what you want to keep.",
    )
    return words.format(reason=sentence_of(change.error), folder=change.folder)


def sentence_of(error: Exception) -> str:
    """The error as a sentence; an error of the folder of recordings is translated."""
    if not isinstance(error, FolderError):
        return failure_of(error).sentence
    words = QCoreApplication.translate("Recordings", "Recordings cannot be kept in {folder}: {reason}.")
    no_folder = QCoreApplication.translate("Recordings", "it is no folder")
    return words.format(folder=error.folder, reason=no_folder if error.is_no_folder else error.reason)

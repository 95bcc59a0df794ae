"""What the program remembers between two starts: theme, language, layout, and what was opened last."""

from __future__ import annotations

import weakref
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, get_args

from PySide6.QtCore import QSettings

from app.core.baselines import MOST as MOST_BASELINES
from app.core.settings_values import Bytes, Names, OneOf, SealedBytes, text_of
from app.look.theme import Scheme
from engine.regular_file import check_regular

Language = Literal["system", "en", "zh_CN"]

RECENT: Final = 10
"""How many recent sessions and models are remembered."""
QUERIES: Final = 40
"""How many queries are remembered."""
KEEP_ALL: Final = 0
"""The value that means: keep all recordings."""
KEEP_CHOICES: Final = (KEEP_ALL, 1000, 200, 50)
WATCH_CHOICES: Final = (KEEP_ALL, 240, 60, 10)
SAVED_MOST: Final = 1000
"""How many files that the user saved in the folder of recordings are remembered."""
MOST_BYTES: Final = 16 * 2**20
"""Largest settings file that is read; an ordinary one has a few KiB."""


def _forget(settings: QSettings, folder: TemporaryDirectory[str]) -> None:
    """Delete the temporary folder of settings that are not kept, after Qt has written to it for the last time."""
    settings.sync()
    folder.cleanup()


class Preferences:
    """Typed access to the settings file; a value that cannot be read counts as not set."""

    scheme = OneOf[Scheme]("view/scheme", get_args(Scheme), "system")
    language = OneOf[Language]("view/language", get_args(Language), "system")
    kept_recordings = OneOf[int | None]("recordings/keep", KEEP_CHOICES, None)
    """How many of the newest recordings are kept (KEEP_ALL: all); None until the user has chosen."""
    watch_kept = OneOf[int]("recordings/watch", WATCH_CHOICES, KEEP_ALL)
    """How many of the last minutes of a watch of a server are kept (KEEP_ALL: all of it)."""
    saved_recordings = Names("recordings/saved", SAVED_MOST)
    """Names of the files that the user saved in the folder of recordings."""
    more_settings = OneOf[bool]("run/more_settings", (True, False), False)
    """Whether the folded part of the run panel is open."""
    geometry = Bytes("window/geometry")
    layout = SealedBytes("window/layout")
    """How the panels were arranged; None if it was never stored or is damaged: Qt may hang on a damaged state."""
    recent_sessions = Names("recent/sessions", RECENT)
    recent_models = Names("recent/models", RECENT)
    queries = Names("query/history", QUERIES)
    """Queries that were run, the newest first; one that is longer than a path can be is not remembered."""
    recent_servers = Names("recent/servers", RECENT)
    """Addresses of servers; never a key."""
    baselines = Names("compare/baselines", MOST_BASELINES)
    """Pinned baselines of comparisons, as `app.core.baselines` writes them."""
    baseline_on = OneOf[bool]("compare/automatic", (True, False), False)
    """Whether the first baseline is compared with whatever is shown."""

    def __init__(self, settings: QSettings) -> None:
        self.settings = settings
        self.path = Path(settings.fileName())
        self.usable = True
        """Whether the file could be read, and can be written."""

    @classmethod
    def of_user(cls) -> Preferences:
        """The user's settings, in the place where the platform keeps settings."""
        # Qt is asked for the place by another file name: if DecodeScope.ini is a pipe, opening it would wait.
        beside = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "DecodeScope", "beside")
        return cls.at(Path(beside.fileName()).with_name("DecodeScope.ini"))

    @classmethod
    def at(cls, path: Path) -> Preferences:
        """The settings in this file; if it is not a regular file or too large, defaults that are not stored."""
        try:
            usable = check_regular(path).st_size <= MOST_BYTES
        except FileNotFoundError:
            usable = not path.is_symlink()
        except (OSError, ValueError):
            usable = False
        if usable:
            kept = cls(QSettings(str(path), QSettings.Format.IniFormat))
            kept.usable = kept.settings.status() == QSettings.Status.NoError and kept.settings.isWritable()
        else:
            folder = TemporaryDirectory(prefix="decodescope-settings-")
            settings = QSettings(str(Path(folder.name) / path.name), QSettings.Format.IniFormat)
            kept = cls(settings)
            kept.usable = False
            weakref.finalize(kept, _forget, settings, folder)
        kept.path = path
        return kept

    def sync(self) -> None:
        """Write to disk now."""
        self.settings.sync()

    def remember_saved_recording(self, name: str) -> None:
        """Remember that the user saved this file in the folder of recordings."""
        self.saved_recordings = [name, *self.saved_recordings]

    def remember_session(self, path: str) -> None:
        """Put this session file first in the list of recent ones."""
        self.recent_sessions = [path, *self.recent_sessions]

    def forget_sessions(self) -> None:
        """Empty the list of recent session files; the files stay."""
        self.recent_sessions = []

    def remember_model(self, path: str) -> None:
        """Put this model folder first in the list of recent ones."""
        self.recent_models = [path, *self.recent_models]

    def remember_server(self, address: str) -> None:
        """Put this server's address first in the list of recent ones."""
        self.recent_servers = [address, *self.recent_servers]

    def folder(self, purpose: str) -> str:
        """The last folder used for this purpose ("open", "save", "export", "model", "requests")."""
        return text_of(self.settings, f"folders/{purpose}")

    def remember_folder(self, purpose: str, folder: str) -> None:
        """Remember the folder for this purpose."""
        self.settings.setValue(f"folders/{purpose}", folder)

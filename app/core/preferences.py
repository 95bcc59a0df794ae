"""What the program remembers between two starts: theme, language, layout, and what was opened last."""

from __future__ import annotations

import weakref
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, cast, get_args

from PySide6.QtCore import QByteArray, QSettings

from app.look.theme import Scheme
from engine.regular_file import check_regular

Language = Literal["system", "en", "zh_CN"]

RECENT: Final = 10
"""How many recent sessions and models are remembered."""


KEEP_ALL: Final = 0
"""What stands for as many recordings as there are."""
KEEP_CHOICES: Final = (KEEP_ALL, 1000, 200, 50)
SAVED_MOST: Final = 1000
"""How many files that a person saved among the recordings are remembered."""


PATH_LETTERS: Final = 4096
"""More than any system takes."""
MOST_BYTES: Final = 16 * 2**20
"""A file of settings is some KiB."""
SEAL_BYTES: Final = 4


def _seal(content: bytes) -> bytes:
    """What shows that these bytes are those that were written."""
    return zlib.crc32(content).to_bytes(SEAL_BYTES, "big")


def _forget(settings: QSettings, folder: TemporaryDirectory[str]) -> None:
    """Take away the folder of settings that are kept nowhere, after what Qt still has to write there."""
    settings.sync()
    folder.cleanup()


class Preferences:
    """Typed access to the settings file; a value that cannot be read counts as never set."""

    def __init__(self, settings: QSettings) -> None:
        self._settings = settings
        self.path = Path(settings.fileName())
        self.usable = True
        """Whether the file could be read, and can be written."""

    @classmethod
    def of_user(cls) -> Preferences:
        """The settings of the person at this machine, in the place the platform keeps them."""
        # The file itself is not asked: Qt would wait for a pipe in its place.
        beside = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "DecodeScope", "beside")
        return cls.at(Path(beside.fileName()).with_name("DecodeScope.ini"))

    @classmethod
    def at(cls, path: Path) -> Preferences:
        """The settings in this file; where it is none, or too large to be one, those of a first start, kept nowhere."""
        try:
            usable = check_regular(path).st_size <= MOST_BYTES
        except FileNotFoundError:
            usable = not path.is_symlink()
        except (OSError, ValueError):
            usable = False
        if usable:
            kept = cls(QSettings(str(path), QSettings.Format.IniFormat))
            kept.usable = kept._settings.status() == QSettings.Status.NoError and kept._settings.isWritable()
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
        self._settings.sync()

    @property
    def scheme(self) -> Scheme:
        value = self._text("view/scheme", "system")
        return cast(Scheme, value) if value in get_args(Scheme) else "system"

    @scheme.setter
    def scheme(self, value: Scheme) -> None:
        self._settings.setValue("view/scheme", value)

    @property
    def language(self) -> Language:
        value = self._text("view/language", "system")
        return cast(Language, value) if value in get_args(Language) else "system"

    @language.setter
    def language(self, value: Language) -> None:
        self._settings.setValue("view/language", value)

    @property
    def kept_recordings(self) -> int | None:
        """How many of the newest recordings stay (KEEP_ALL: all); None as long as nobody has said."""
        value = self._text("recordings/keep", "")
        return next((one for one in KEEP_CHOICES if value == str(one)), None)

    @kept_recordings.setter
    def kept_recordings(self, value: int) -> None:
        self._settings.setValue("recordings/keep", str(value))

    @property
    def saved_recordings(self) -> list[str]:
        """Names of files in the folder of recordings that a person saved there."""
        return self._list("recordings/saved")[:SAVED_MOST]

    def remember_saved_recording(self, name: str) -> None:
        """This file in the folder of recordings was saved there by a person."""
        kept = [name, *(one for one in self.saved_recordings if one != name)]
        self._settings.setValue("recordings/saved", kept[:SAVED_MOST])

    @property
    def geometry(self) -> QByteArray | None:
        return self._bytes("window/geometry")

    @geometry.setter
    def geometry(self, value: QByteArray) -> None:
        self._settings.setValue("window/geometry", value)

    @property
    def layout(self) -> QByteArray | None:
        """How the panels were arranged; None where that was never kept, or is damaged: Qt may take for ever over it."""
        kept = self._bytes("window/layout")
        whole = b"" if kept is None else bytes(kept.data())
        seal, content = whole[:SEAL_BYTES], whole[SEAL_BYTES:]
        return QByteArray(content) if content and seal == _seal(content) else None

    @layout.setter
    def layout(self, value: QByteArray | None) -> None:
        if value is None:
            self._settings.remove("window/layout")
        else:
            self._settings.setValue("window/layout", QByteArray(_seal(bytes(value.data())) + bytes(value.data())))

    @property
    def recent_sessions(self) -> list[str]:
        return self._list("recent/sessions")[:RECENT]

    def remember_session(self, path: str) -> None:
        """Put this session file first in the list of recent ones."""
        self._remember("recent/sessions", path)

    def forget_sessions(self) -> None:
        """Empty the list of recent session files; the files stay."""
        self._settings.remove("recent/sessions")

    @property
    def recent_models(self) -> list[str]:
        return self._list("recent/models")[:RECENT]

    def remember_model(self, path: str) -> None:
        """Put this model folder first in the list of recent ones."""
        self._remember("recent/models", path)

    def folder(self, purpose: str) -> str:
        """The folder that was used last for this purpose ("open", "save", "export", "model", "requests")."""
        return self._text(f"folders/{purpose}", "")

    def remember_folder(self, purpose: str, folder: str) -> None:
        self._settings.setValue(f"folders/{purpose}", folder)

    def _remember(self, key: str, path: str) -> None:
        self._settings.setValue(key, [path, *(one for one in self._list(key) if one != path)][:RECENT])

    def _text(self, key: str, default: str) -> str:
        value = self._settings.value(key, default)
        return value if isinstance(value, str) else default

    def _bytes(self, key: str) -> QByteArray | None:
        value = self._settings.value(key)
        return value if isinstance(value, QByteArray) and not value.isEmpty() else None

    def _list(self, key: str) -> list[str]:
        value = self._settings.value(key, [])
        if isinstance(value, str):  # an INI file cannot tell a list of one from a text
            value = [value]
        return (
            [one for one in value if isinstance(one, str) and len(one) <= PATH_LETTERS]
            if isinstance(value, list)
            else []
        )

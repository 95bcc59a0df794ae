"""Typed values in a settings file: each is declared once, with its key and its default."""

from __future__ import annotations

import zlib
from typing import Final, Generic, Protocol, TypeVar

from PySide6.QtCore import QByteArray, QSettings

T = TypeVar("T")
PATH_LETTERS: Final = 4096
"""Longest path that is stored, in characters: more than any system accepts."""
SEAL_BYTES: Final = 4


class Settings(Protocol):
    """An object with settings values; `settings` is the file that stores them."""

    @property
    def settings(self) -> QSettings: ...


class OneOf(Generic[T]):
    """One of a few values, kept as text; `default` where it was never set, or cannot be read."""

    def __init__(self, key: str, values: tuple[T, ...], default: T) -> None:
        self._key = key
        self._by_text = {str(value): value for value in values}
        self._default = default

    def __get__(self, owner: Settings, _kind: type[object]) -> T:
        return self._by_text.get(text_of(owner.settings, self._key), self._default)

    def __set__(self, owner: Settings, value: T) -> None:
        owner.settings.setValue(self._key, str(value))


class Names:
    """A list of texts, the newest first, without repetitions, of at most `most` entries."""

    def __init__(self, key: str, most: int) -> None:
        self._key = key
        self._most = most

    def __get__(self, owner: Settings, _kind: type[object]) -> list[str]:
        value = owner.settings.value(self._key, [])
        if isinstance(value, str):  # an INI file stores a list of one entry as a plain text
            value = [value]
        if not isinstance(value, list):
            return []
        return [one for one in value if isinstance(one, str) and len(one) <= PATH_LETTERS][: self._most]

    def __set__(self, owner: Settings, value: list[str]) -> None:
        owner.settings.setValue(self._key, list(dict.fromkeys(value))[: self._most])


class Bytes:
    """A QByteArray; None where none is stored."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __get__(self, owner: Settings, _kind: type[object]) -> QByteArray | None:
        value = owner.settings.value(self._key)
        return value if isinstance(value, QByteArray) and not value.isEmpty() else None

    def __set__(self, owner: Settings, value: QByteArray | None) -> None:
        if value is None:
            owner.settings.remove(self._key)
        else:
            owner.settings.setValue(self._key, value)


class SealedBytes(Bytes):
    """Bytes with a checksum; None also if the checksum does not match."""

    def __get__(self, owner: Settings, kind: type[object]) -> QByteArray | None:
        kept = super().__get__(owner, kind)
        whole = b"" if kept is None else bytes(kept.data())
        seal, content = whole[:SEAL_BYTES], whole[SEAL_BYTES:]
        return QByteArray(content) if content and seal == _seal(content) else None

    def __set__(self, owner: Settings, value: QByteArray | None) -> None:
        content = None if value is None else bytes(value.data())
        super().__set__(owner, None if content is None else QByteArray(_seal(content) + content))


def text_of(settings: QSettings, key: str) -> str:
    """The text stored under `key`; "" where there is none."""
    value = settings.value(key, "")
    return value if isinstance(value, str) else ""


def _seal(content: bytes) -> bytes:
    """The checksum of these bytes."""
    return zlib.crc32(content).to_bytes(SEAL_BYTES, "big")

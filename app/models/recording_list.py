"""The list of recordings: which of them match what is looked for, and their order; without widgets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from app.core.recent_recordings import RecentRecording
from app.models.recording_words import title_of

COLUMNS: Final = ("name", "model", "tokens", "steps", "length", "size", "date", "file")
MOST_SOUGHT: Final = 20_000
"""Characters of notes in which is looked for a text."""


class Listed:
    """A file of the list. `known` is what was read of it, or only its file while `read` is false."""

    __slots__ = ("changed_ns", "file", "known", "path", "read", "size_bytes", "sought", "title")

    def __init__(self, path: str, size_bytes: int, changed_ns: int) -> None:
        self.path = path
        self.file = Path(path).name
        self.size_bytes = size_bytes
        self.changed_ns = changed_ns
        self.read = False
        self.tell(RecentRecording(path, size_bytes=size_bytes, began_s=changed_ns / 1e9))
        self.read = False

    def tell(self, known: RecentRecording) -> None:
        """Take what was read of the file."""
        self.known, self.read = known, True
        self.title = title_of(known)
        words = (self.title, known.name, known.model, self.file, known.notes[:MOST_SOUGHT], *known.prompts)
        self.sought = "\n".join(words).casefold()
        """All that is looked in, in small letters."""


@dataclass(slots=True)
class RecordingList:
    """All recordings, and `shown`: those that match, in the chosen order."""

    column: str = "date"
    descending: bool = True
    shown: list[Listed] = field(default_factory=list)
    _all: dict[str, Listed] = field(default_factory=dict)
    _words: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        return len(self._all)

    @property
    def size_bytes(self) -> int:
        """Of all recordings together."""
        return sum(one.size_bytes for one in self._all.values())

    @property
    def unread(self) -> list[str]:
        """The files that were not read yet: those in sight first, in their order."""
        shown = [one.path for one in self.shown if not one.read]
        known = set(shown)
        return shown + [one.path for one in self._all.values() if not one.read and one.path not in known]

    def put(self, files: Iterable[tuple[str, int, int]]) -> None:
        """(path, bytes, when it was changed in ns) of all files there are; what was read of an unchanged one stays."""
        before, self._all = self._all, {}
        for path, size_bytes, changed_ns in files:
            one = before.get(path)
            if one is None or (one.size_bytes, one.changed_ns) != (size_bytes, changed_ns):
                one = Listed(path, size_bytes, changed_ns)
            self._all[path] = one
        self.arrange()

    def tell(self, found: Iterable[RecentRecording]) -> None:
        """Take what was read of files."""
        for facts in found:
            one = self._all.get(facts.path)
            if one is not None:
                one.tell(facts)
        self.arrange()

    def rename(self, path: str, name: str) -> None:
        """A recording has another name now."""
        one = self._all.get(path)
        if one is not None and one.read and one.known.name != name:
            one.tell(replace(one.known, name=name))
            self.arrange()

    def look_for(self, text: str) -> None:
        """Show only recordings in which each word of a text occurs; "" shows all."""
        self._words = tuple(text.casefold().split())
        self.arrange()

    def sort(self, column: str, descending: bool) -> None:
        """Choose the order; what is not known comes last in both directions."""
        self.column, self.descending = column, descending
        self.arrange()

    def arrange(self) -> None:
        """Find `shown` anew."""
        matching = [one for one in self._all.values() if all(word in one.sought for word in self._words)]
        key = KEYS[self.column]
        keyed = [(key(one), one) for one in matching]
        known = [pair for pair in keyed if pair[0] is not None]
        known.sort(key=lambda pair: (pair[0], pair[1].path), reverse=self.descending)
        self.shown = [one for _, one in known] + [one for value, one in keyed if value is None]


def _fact(name: str) -> Callable[[Listed], Any]:
    return lambda one: None if not one.read or one.known.fault else getattr(one.known, name)


KEYS: Final[dict[str, Callable[[Listed], Any]]] = {
    "name": lambda one: one.title.casefold(),
    "model": lambda one: one.known.model.casefold() or None,
    "tokens": _fact("tokens"),
    "steps": _fact("steps"),
    "length": _fact("length_s"),
    "size": lambda one: one.size_bytes,
    "date": lambda one: one.known.began_s,
    "file": lambda one: one.file.casefold(),
}
"""By what each column sorts."""

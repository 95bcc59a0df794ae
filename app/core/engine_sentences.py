"""What the engine says, in the language of the window.

The engine writes English sentences: it loads no Qt, and the command line prints them as they are. Those that reach the
window are looked up here by their form. `assets/translations/engine_*.toml` gives for each form, the English sentence
with {} in place of each field, the translated one. A sentence that has no known form stays as it is.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from PySide6.QtCore import QCoreApplication, QObject, QTranslator

CONTEXT: Final = "Engine"
FIELD: Final = re.compile(r"\{(\d*)\}")
END: Final = re.compile(r"(?<=\.) (?=[A-Z])")
MOST_MATCHED: Final = 4000
"""Characters of the longest sentence that is looked up: a message may quote a whole file."""


def in_window_language(sentence: str) -> str:
    """A sentence of the engine in the language of the window, or as it is."""
    return QCoreApplication.translate(CONTEXT, sentence) if sentence else sentence


@dataclass(frozen=True, slots=True)
class _Form:
    pattern: re.Pattern[str]
    translation: str

    def of(self, sentence: str) -> tuple[str, ...] | None:
        found = self.pattern.fullmatch(sentence)
        return None if found is None else found.groups()


class SentenceTable:
    """Sentences of one language, by their form in English."""

    def __init__(self, translations: Mapping[str, str]) -> None:
        self._plain = {english: there for english, there in translations.items() if "{}" not in english}
        forms = [english for english in translations if "{}" in english]
        # A form with more words of its own says more than one that is nearly all fields: "{} {}." fits everything.
        forms.sort(key=lambda english: -len(english.replace("{}", "")))
        self._forms = [_Form(_pattern(english), translations[english]) for english in forms]

    @staticmethod
    def of_file(path: Path) -> SentenceTable:
        """The table of a TOML file of `"English" = "translation"`."""
        return SentenceTable(tomllib.loads(path.read_text(encoding="utf-8")))

    def translated(self, sentence: str) -> str | None:
        """The sentence in this language, or None if it has no known form.

        Fields that are sentences themselves are translated too; of several sentences in a row, those that are known.
        """
        if len(sentence) > MOST_MATCHED:
            return None
        parts = END.split(sentence)
        known = [self._one(part) for part in parts]
        if len(parts) > 1 and not all(known) and (whole := self._one(sentence)) is not None:
            return whole
        if not any(known):
            return None
        return "".join(there or f"{part} " for part, there in zip(parts, known, strict=True)).rstrip()

    def _one(self, sentence: str) -> str | None:
        unended = sentence.removesuffix(".")  # a reason is written without a full stop, and may be told with one
        if (plain := self._plain.get(sentence)) is not None:
            return plain
        if (plain := self._plain.get(unended)) is not None:
            return f"{plain}。"
        for form in self._forms:
            fields = form.of(sentence)
            if fields is not None:
                return _filled(form.translation, [self._field(field) for field in fields])
            fields = None if unended == sentence else form.of(unended)
            if fields is not None:
                return f"{_filled(form.translation, [self._field(field) for field in fields])}。"
        return None

    def _field(self, field: str) -> str:
        """A field that is itself a sentence, with or without its full stop, is translated; a name stays."""
        if " " not in field:
            return field
        if (there := self._one(field)) is not None:
            return there
        without = self._one(f"{field}.")
        return field if without is None else without.removesuffix("。")


class SentenceTranslator(QTranslator):
    """Answers Qt's look-ups of the context `Engine` from a table; installed before all others, it is asked last.

    The table is read with the first sentence: a window that starts has none to translate.
    """

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path

    @cached_property
    def _table(self) -> SentenceTable:
        return SentenceTable.of_file(self._path)

    def isEmpty(self) -> bool:
        return False

    def translate(self, context: str, text: str, disambiguation: str | None = None, n: int = -1) -> str | None:
        """The translation, or None where this table has none (an empty text would be taken for a translation)."""
        return self._table.translated(text) if context == CONTEXT else None


def _pattern(english: str) -> re.Pattern[str]:
    return re.compile(".+?".join(re.escape(part) for part in english.split("{}")).replace(".+?", "(.*?)"), re.DOTALL)


def _filled(translation: str, fields: list[str]) -> str:
    rest = iter(fields)
    return FIELD.sub(lambda found: fields[int(found[1])] if found[1] else next(rest), translation)

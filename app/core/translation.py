"""The language of the window: installs and replaces translators while the program runs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication, QLibraryInfo, QLocale, QObject, QTranslator

from app.core.engine_sentences import SentenceTranslator
from app.core.preferences import Language

FOLDER: Final = Path(__file__).resolve().parents[2] / "assets" / "translations"
QT_STRINGS: Final = (
    QT_TRANSLATE_NOOP("QFileDialog", "&Look in:"),
    QT_TRANSLATE_NOOP("QFileDialog", "Files of &type:"),
    QT_TRANSLATE_NOOP("QAbstractFileIconProvider", "Folder"),
)
"""Texts of Qt's own dialogs whose translation Qt does not have: they are in our files."""


class Translation(QObject):
    """Holds the installed translators; Qt sends widgets a QEvent.LanguageChange when they change."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._installed: list[QTranslator] = []

    def use(self, language: Language) -> None:
        """Install this language; a text without a translation stays English."""
        for translator in self._installed:
            QCoreApplication.removeTranslator(translator)
        self._installed = []
        name = resolve(language)
        if name == "en":
            return
        self._install(SentenceTranslator(FOLDER / f"engine_{name}.toml", self))
        qt_folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
        for stem, folder in ((f"qtbase_{name}", qt_folder), (f"decodescope_{name}", str(FOLDER))):
            translator = QTranslator(self)
            if translator.load(stem, folder):
                self._install(translator)

    def _install(self, translator: QTranslator) -> None:
        QCoreApplication.installTranslator(translator)
        self._installed.append(translator)


def resolve(language: Language) -> str:
    """The language to use: for "system", Chinese if the system's language is Chinese, else English."""
    if language != "system":
        return language
    return "zh_CN" if QLocale.system().language() == QLocale.Language.Chinese else "en"

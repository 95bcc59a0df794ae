"""Every string a person reads has a Chinese translation, and the window changes its language while it runs."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path
from string import Formatter
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QTranslator
from PySide6.QtWidgets import QAbstractButton, QApplication, QFileDialog, QLabel
from pytestqt.qtbot import QtBot

from app.core.translation import FOLDER, Translation

ROOT = Path(__file__).parents[2]
TS = FOLDER / "decodescope_zh_CN.ts"
Message = tuple[str, str, str | None]
"""Context, source, finished translation."""


def messages(path: Path) -> list[Message]:
    found = []
    for context in ElementTree.parse(path).getroot().iter("context"):
        for message in context.iter("message"):
            translation = message.find("translation")
            assert translation is not None
            if translation.get("type") != "vanished":
                text = translation.text if translation.get("type") is None else None
                found.append((context.findtext("name", ""), message.findtext("source", ""), text))
    return found


def placeholders(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> list[Message]:
    """What the sources hold now, with the translations there are."""
    copy = tmp_path_factory.mktemp("ts") / TS.name
    shutil.copyfile(TS, copy)
    tool = Path(sys.executable).with_name("pyside6-lupdate")
    sources = [str(path) for path in sorted((ROOT / "app").rglob("*.py"))]
    subprocess.run([str(tool), *sources, "-locations", "none", "-ts", str(copy)], check=True, capture_output=True)
    return messages(copy)


def test_every_string_is_translated_with_the_same_placeholders(collected: list[Message]) -> None:
    assert len(collected) > 400
    assert [(context, source) for context, source, text in collected if not text] == []
    wrong = [source for _, source, text in collected if text and placeholders(source) != placeholders(text)]
    assert wrong == []


def test_the_compiled_file_says_what_the_source_file_says(collected: list[Message], qapp: QApplication) -> None:
    translator = QTranslator()
    assert translator.load(TS.stem, str(FOLDER))
    differing = [source for context, source, text in collected if translator.translate(context, source) != text]
    assert differing == []


def test_every_string_given_to_a_translation_is_collected(collected: list[Message]) -> None:
    """`pyside6-lupdate` does not look into f-strings, nor at a context that is a name: such a string stays English."""
    known = {(context, source) for context, source, _ in collected}
    sources = {source for _, source in known}
    unknown = []
    for path in sorted((ROOT / "app").rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            texts = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            if name == "tr" and texts:
                unknown += [f"{path.name}:{call.lineno}: {text}" for text in texts if text not in sources]
            elif name in ("translate", "QT_TRANSLATE_NOOP") and len(texts) == 2 and tuple(texts) not in known:
                unknown.append(f"{path.name}:{call.lineno}: {texts[1]}")
            elif name == "translate" and len(texts) == 1 and isinstance(call.args[-1], ast.Constant):
                unknown.append(f"{path.name}:{call.lineno}: {texts[0]}")  # its context is a name
    assert unknown == []


def test_the_dialogs_of_qt_are_translated_too(qtbot: QtBot) -> None:
    translation = Translation()
    translation.use("zh_CN")
    try:
        for accept in (QFileDialog.AcceptMode.AcceptOpen, QFileDialog.AcceptMode.AcceptSave):
            dialog = QFileDialog(None, "")
            qtbot.addWidget(dialog)
            dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
            dialog.setAcceptMode(accept)
            texts = [one.text() for kind in (QLabel, QAbstractButton) for one in dialog.findChildren(kind)]
            assert [text for text in texts if text and text.isascii()] == []
    finally:
        translation.use("en")

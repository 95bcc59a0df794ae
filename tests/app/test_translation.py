"""Every string a person reads has a Chinese translation, and the window changes its language while it runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from string import Formatter
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QTranslator
from PySide6.QtWidgets import QApplication

from app.core.translation import FOLDER

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

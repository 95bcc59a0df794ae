"""What a model or a person wrote is shown as it stands, wherever it reaches the screen."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from PySide6 import QtGui
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage, QPainter, QTextDocument
from PySide6.QtWidgets import QApplication, QLabel, QToolTip
from pytestqt.qtbot import QtBot

from app.dialogs.palette import CommandPalette
from app.dialogs.shortcuts import all_actions
from app.widgets.plain import PlainLabel, PlainStaticText, menu_text, plain, title_text, without_keys
from app.window.main_window import MainWindow
from tests.app.test_window import a_recording

APP = Path(__file__).parents[2] / "app"
READ_AS_HTML = {
    "setHtml", "insertHtml", "appendHtml", "setMarkdown", "insertMarkdown", "TextItem", "LabelItem", "QTextBrowser",
    "setWhatsThis", "QStaticText", "QErrorMessage",
}  # fmt: skip
"""Calls after which a text may be read as HTML whatever it is; a message box made with its text has no format yet."""
TOKENS = [
    "<s>",
    "<table>",
    "</s>",
    "<b>bold</b>",
    "<|im_start|>",
    "a < b & c > d",
    "<!DOCTYPE html>",
    "&lt;",
    "two\nlines",
    "",
]


def seen(text: str) -> str:
    """What a tool tip shows of a text: Qt reads it as HTML where it may be."""
    document = QTextDocument()
    if QtGui.Qt.mightBeRichText(text):
        document.setHtml(text)
    else:
        document.setPlainText(text)
    return document.toPlainText()


@pytest.mark.parametrize("token", TOKENS)
def test_a_tool_tip_shows_a_token_as_it_is(qtbot: QtBot, token: str) -> None:
    for text in (token, f"token “{token}” of request 0", f"{token}\n{token}"):
        assert seen(plain(text)) == text
        assert seen(plain(text, wrap=False)) == text


def test_the_rule_is_needed() -> None:
    assert seen("<s>") == ""


@pytest.mark.parametrize("token", TOKENS)
def test_labels_show_a_token_as_it_is(qtbot: QtBot, token: str) -> None:
    label = PlainLabel(token)
    qtbot.addWidget(label)
    assert label.textFormat() == Qt.TextFormat.PlainText
    assert label.text() == token


def test_names_with_marks_of_keys_and_titles() -> None:
    assert without_keys(menu_text("R&D/a&&b.dscope")) == "R&D/a&&b.dscope"
    assert without_keys("S&cenarios") == "Scenarios"
    assert title_text("a[*].dscope") == "a[*][*].dscope"


def test_a_recent_session_is_named_as_it_is_in_menu_palette_and_title(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    path = a_recording(tmp_path / "R&D <s> [*].dscope")
    with qtbot.waitSignal(window.shown.opened):
        window.open_path(str(path))
    names = [without_keys(action.text()) for menu in window.menus.top for action in all_actions(menu)]
    assert "R&D <s> [*]" in names
    palette = CommandPalette(window.menus.top, window)
    assert any(entry.endswith("R&D <s> [*]") for entry, _ in palette.entries)
    palette.close()
    shown = window.windowTitle().replace("[*][*]", "[*]")
    assert shown == "R&D <s> [*].dscope — DecodeScope"


def test_the_timeline_shows_a_token_in_its_tool_tip(qtbot: QtBot) -> None:
    QToolTip.showText(QPoint(0, 0), plain("<s>"), None)
    assert seen(QToolTip.text()) == "<s>"
    QToolTip.hideText()


def test_nothing_reaches_a_tool_tip_or_a_label_by_another_way() -> None:
    """Every tool tip is a sentence of this program or goes through `plain`; no label is a bare one."""
    found = []
    for path in sorted(APP.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            if name == "QLabel":
                found.append(f"{path.name}:{node.lineno}: QLabel")
            if name.rpartition(".")[2] in READ_AS_HTML or (name == "QMessageBox" and len(node.args) > 1):
                found.append(f"{path.name}:{node.lineno}: {name}")
            if name.endswith(".setToolTip") and not _is_plain(node.args[-1]):
                found.append(f"{path.name}:{node.lineno}: {ast.unparse(node.args[-1])}")
            if name == "QToolTip.showText" and not _is_plain(node.args[1]):
                found.append(f"{path.name}:{node.lineno}: {ast.unparse(node.args[1])}")
            if name.endswith("setItemData") and "ToolTipRole" in ast.unparse(node) and not _is_plain(node.args[1]):
                found.append(f"{path.name}:{node.lineno}: {ast.unparse(node.args[1])}")
    assert found == []


def test_every_label_of_the_window_shows_plain_text(window: MainWindow) -> None:
    rich = [
        label
        for label in window.findChildren(QLabel)
        if label.textFormat() != Qt.TextFormat.PlainText
        and label.parent() is not None
        and label is not window.status.state
    ]
    assert [(label.objectName(), label.text()) for label in rich] == []


def test_no_text_but_the_dot_of_the_state_is_rich() -> None:
    """Labels say that they are plain; the one that is not escapes its words."""
    rich = [
        f"{path.name}: {ast.unparse(node)}"
        for path in sorted(APP.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("RichText", "AutoText", "MarkdownText")
    ]
    assert rich == ["status_bar.py: Qt.TextFormat.RichText"]


def test_the_state_of_the_engine_is_escaped(window: MainWindow) -> None:
    window.status.show_state("<img src='x'>", recorded=False)
    assert seen(window.status.state.text()) == "● <img src='x'>"


def _is_plain(argument: ast.expr) -> bool:
    """Whether it is a sentence of this program, without anything filled in, or passed through `plain`."""
    if isinstance(argument, ast.Constant):
        return True
    return isinstance(argument, ast.Call) and ast.unparse(argument.func).split(".")[-1] in ("tr", "plain")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("&File", "File"),
        ("文件(&F)", "文件"),
        ("打开(&O)…", "打开…"),
        ("Open (&O)", "Open"),
        ("a && b (c)", "a & b (c)"),
    ],
)
def test_a_command_is_listed_without_the_letter_of_its_key(text: str, shown: str) -> None:
    assert without_keys(text) == shown


def test_a_text_that_is_laid_out_once_is_painted_literally(qapp: QApplication) -> None:
    image = QImage(200, 30, QImage.Format.Format_RGB32)

    def painted(text: str) -> QImage:
        image.fill(Qt.GlobalColor.white)
        painter = QPainter(image)
        painter.drawStaticText(0, 0, PlainStaticText(text))
        painter.end()
        return image.copy()

    assert PlainStaticText("<b>x</b>").size().width() > 2 * PlainStaticText("x").size().width()
    assert painted("<i></i>") != painted("")

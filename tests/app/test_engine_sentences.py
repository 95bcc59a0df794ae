"""Every sentence of the engine has its Chinese, and the window shows it with its fields in place."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication

from app.core.background import failure_of
from app.core.engine_sentences import SentenceTable, in_window_language
from app.core.translation import FOLDER, Translation
from engine.errors import InputError
from engine.session.format_document import examples

ROOT = Path(__file__).parents[2]
TABLE = tomllib.loads((FOLDER / "engine_zh_CN.toml").read_text(encoding="utf-8"))
OF_PROGRAMMERS = {
    "AssertionError", "AttributeError", "KeyError", "NotImplementedError", "RuntimeError", "TypeError", "ValueError",
}  # fmt: skip
"""Errors that a user never reads as they are; what is in their messages need not be translated."""
ELSEWHERE = ("in_vllm", "export/report")
"""Files whose sentences no window shows: the recorder runs inside a server, a report is in English."""


def form(node: ast.expr) -> str | None:
    """A text of the source with {} in place of each field; None for another expression."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def sentences_of(source: str) -> Iterator[str]:
    """The whole sentences that a module's code holds, without its docstrings."""
    tree = ast.parse(source)
    left_out: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            left_out.add(node.value)  # a docstring
        elif isinstance(node, ast.JoinedStr):
            left_out |= {part for part in ast.walk(node) if part is not node}
        elif isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if called in OF_PROGRAMMERS:
                left_out |= {part for argument in node.args for part in ast.walk(argument)}
    for node in ast.walk(tree):
        text = form(node) if isinstance(node, ast.expr) and node not in left_out else None
        if text and " " in text and len(text) > 12 and text.endswith(".") and re.match(r"[A-Z{]", text):
            yield text


def test_every_question_in_sql_that_is_offered_has_its_chinese() -> None:
    assert [one.title for one in examples() if one.title not in TABLE] == []


def test_every_sentence_of_the_engine_is_in_the_table() -> None:
    found = {
        text: path.relative_to(ROOT)
        for room in ("engine", "kernels")
        for path in sorted((ROOT / room).rglob("*.py"))
        if not any(part in str(path) for part in ELSEWHERE)
        for text in sentences_of(path.read_text(encoding="utf-8"))
    }
    assert len(found) > 250
    missing = {text: str(path) for text, path in found.items() if text not in TABLE}
    assert missing == {}


def test_every_reason_that_a_sentence_ends_in_is_in_the_table() -> None:
    """Such as "A step cannot be compiled here: {reason}."."""
    found = {
        text
        for path in ("engine/graphs/compiled.py", "kernels/cpu/step.py")
        for function in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef) and function.name == "unavailable"
        for node in ast.walk(function)
        if isinstance(node, ast.Return) and node.value is not None
        if (text := form(node.value.body if isinstance(node.value, ast.IfExp) else node.value))
    }
    assert len(found) == 3
    assert found <= TABLE.keys()


def test_a_translation_has_each_field_once() -> None:
    for english, chinese in TABLE.items():
        fields, places = english.count("{}"), re.findall(r"\{(\d*)\}", chinese)
        assert len(places) == fields, english
        if any(places):
            assert sorted(map(int, places)) == list(range(fields)), english


def test_fields_keep_their_places_and_sentences_in_fields_are_translated() -> None:
    table = SentenceTable(TABLE)
    assert (
        table.translated("Line 3 of a b.jsonl is wrong: it gives 'prompt' twice.")
        == "a b.jsonl 的第 3 行有误：'prompt' 给出了两次。"
    )
    assert table.translated("speculate=draft cannot run here: No draft model is loaded.") == (
        "speculate=draft 无法在此运行：没有加载草稿模型。"
    )
    assert table.translated("There is no folder /a. No model is loaded.") == "没有文件夹 /a。尚未加载模型。"
    assert table.translated("No model is loaded. Something else.") == "尚未加载模型。Something else."
    assert table.translated("A sentence of another program.") is None


def test_a_more_exact_form_is_found_before_a_general_one() -> None:
    table = SentenceTable({"The server {} {}.": "甲 {} {}。", "The server {} gave no token within {} s.": "乙 {} {}。"})
    assert table.translated("The server x gave no token within 3 s.") == "乙 x 3。"
    assert table.translated("The server x is silent.") == "甲 x is silent。"


@pytest.fixture
def chinese(qapp: QCoreApplication) -> Iterator[None]:
    translation = Translation()
    translation.use("zh_CN")
    yield
    translation.use("en")


@pytest.mark.usefixtures("chinese")
def test_the_window_speaks_chinese_where_the_engine_speaks_english() -> None:
    assert in_window_language("There is no folder /a.") == "没有文件夹 /a。"
    assert in_window_language("not a sentence that is known") == "not a sentence that is known"
    assert QCoreApplication.translate("Menus", "no such text") == "no such text"
    assert failure_of(InputError("A stop text must not be empty.")).translated().sentence == "停止串不能为空。"


def test_english_stays_english(qapp: QCoreApplication) -> None:
    assert in_window_language("There is no folder /a.") == "There is no folder /a."


def test_a_reason_that_is_told_with_a_full_stop_keeps_its_own_form() -> None:
    table = SentenceTable({"{} must be {}.": "{} 必须是 {}。", '"{}" must be a whole number': '"{}" 必须是整数'})
    assert table.translated('"seed" must be a whole number') == '"seed" 必须是整数'
    assert table.translated('"seed" must be a whole number.') == '"seed" 必须是整数。'

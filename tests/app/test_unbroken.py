"""A wrapped sentence never begins a line with a unit or a mark."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from app.look.units import DERIVED, MEASURED, PREDICTED, seconds
from app.widgets.claim_table import ClaimTable
from app.widgets.themed_table import Cell
from app.widgets.unbroken import unbroken, words_of


def test_a_number_its_unit_and_its_mark_stay_together() -> None:
    assert " " not in unbroken(f"{seconds(0.5)} {MEASURED}")
    assert unbroken(f"up to it {DERIVED}") == f"up to it\u00a0{DERIVED}"
    assert unbroken(f"so many {PREDICTED} of all") == f"so many\u00a0{PREDICTED} of all"


def test_a_line_ends_at_spaces_and_in_chinese_between_characters_but_not_before_a_full_stop() -> None:
    assert words_of("teacher-forced pass · 50–80 %") == ["teacher-forced", "pass", "·", "50–80", "%"]
    assert words_of("没有读数；更长") == ["没", "有", "读", "数；", "更", "长"]
    assert words_of("每次 1.00 个 𝒳中") == ["每", "次", "1.00", "个", "𝒳", "中"]
    assert words_of("") == [""]


def test_a_table_of_chinese_is_as_narrow_as_its_words_allow(qtbot: QtBot) -> None:
    table = ClaimTable("总结")
    qtbot.addWidget(table)
    table.resize(500, 300)
    table.show()
    qtbot.waitExposed(table)
    sentence = "未报告：这些步骤期间没有读数；更长的运行会有一些，所以这一句话要换行才能显示"
    table.show_rows([("指标", ""), ("训练", ""), ("推理", "")], [[Cell("设备忙碌"), Cell(sentence), Cell(sentence)]])
    assert sum(table.columnWidth(column) for column in range(3)) <= table.viewport().width()

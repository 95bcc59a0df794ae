"""What the Query panel says of an answer and of a question that runs. The translation context is QueryPanel."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.look.units import MEASURED, count, seconds
from engine.session.asking import Answered


def answer_words(answered: Answered) -> str:
    """How many rows there are, why there are no more, and how long the question took."""
    translate = QCoreApplication.translate
    rows = len(answered.rows)
    words = translate("QueryPanel", "1 row") if rows == 1 else translate("QueryPanel", "{n} rows").format(n=count(rows))
    more = {
        "whole": "",
        "rows": translate("QueryPanel", "more were left off"),
        "time": translate("QueryPanel", "its time was over before all were there"),
    }[answered.ended]
    return " · ".join(filter(None, (words, more, f"{seconds(answered.seconds)} {MEASURED}")))


def chosen_words(fields: dict[str, object]) -> str:
    """What a row has selected in the window; "" where it selects nothing."""
    translate = QCoreApplication.translate
    named = {
        "token": translate("QueryPanel", "token {n}"),
        "step": translate("QueryPanel", "step {n}"),
        "request": translate("QueryPanel", "request {n}"),
    }
    parts = [named[name].format(n=count(int(str(value)))) for name, value in fields.items()]
    return translate("QueryPanel", "selected {what}").format(what=", ".join(parts)) if parts else ""

"""The table of `record` and `info` says how much of the attention was left out, and how much is kept."""

from __future__ import annotations

from app.cli.table import figures
from app.look.units import count, memory
from engine.core.settings import BYTES_A_STEP, ROWS_A_SPAN
from engine.figures.metrics import summarise
from tests.engine.figures.test_attention_gaps import STEPS, WORK, session_of


def test_the_table_says_what_was_left_out() -> None:
    lines = dict(figures(summarise(session_of(STEPS, WORK))))
    assert lines["attention rows left out of long prompts"] == "7"
    assert lines["  kept of a prompt in a step"] == f"the last {count(ROWS_A_SPAN)}, or {memory(BYTES_A_STEP)}"
    assert lines["steps without attention recorded"] == "1"
    whole = dict(figures(summarise(session_of([("1/2", 0)], []))))
    assert not any(name.startswith(("attention rows", "steps without")) for name in whole)

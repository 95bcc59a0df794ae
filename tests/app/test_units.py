"""Numbers as a person reads them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.look import units

T = units.THIN_SPACE


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00321, f"3.21{T}ms"),
        (5.06, f"5.06{T}s"),
        (0.0, f"0{T}s"),
        (0.0009999, f"1.00{T}ms"),
        (0.09996, f"100{T}ms"),
        (2e-10, f"0.200{T}ns"),
        (1234.0, f"1230{T}s"),
        (None, "—"),
        (float("nan"), "—"),
    ],
)
def test_seconds(value: float | None, text: str) -> None:
    assert units.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, f"0{T}B"),
        (12, f"12{T}B"),
        (1.5 * 2**20, f"1.50{T}MiB"),
        (2**30, f"1.00{T}GiB"),
        (1023.9 * 1024, f"1.00{T}MiB"),
    ],
)
def test_memory(value: float, text: str) -> None:
    assert units.memory(value) == text


def test_rate_percent_and_count() -> None:
    assert units.rate(412.3, "tokens/s") == f"412{T}tokens/s"
    assert units.rate(1.2e9, "FLOP") == f"1.20{T}GFLOP"
    assert units.percent(0.1234) == f"12.3{T}%"
    assert units.percent(0) == f"0{T}%"
    assert units.count(1234567) == f"1{T}234{T}567"
    assert (units.parameters(6_850_000), units.parameters(7_240_000_000)) == (f"6.85{T}M", f"7.24{T}B")


def test_white_space_in_tokens_is_drawn() -> None:
    assert units.visible_token(" the\n") == "⋅the↵"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_finite_number_is_shown_as_none(value: float) -> None:
    """A model that went wrong leaves such figures in a session, which can be looked at all the same."""
    assert {units.significant(value), units.memory(value), units.percent(value), units.rate(value, "B/s")} == {"—"}


@pytest.mark.parametrize("shown", [units.visible_token, units.name_of, units.cut])
def test_what_turns_the_writing_around_is_escaped_and_other_scripts_are_not(shown: Callable[[str], str]) -> None:
    assert shown("ab\u202egpj\u2069") == r"ab\u202egpj\u2069"
    assert shown("\u05e9\u05dc\u05d5\u05dd\u200f!") == "\u05e9\u05dc\u05d5\u05dd\u200f!"

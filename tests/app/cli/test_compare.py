"""`compare`: exit statuses of the gate, what is printed, what JSON holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from app.main import main
from engine.session import schema
from tests.engine.figures.served import write
from tests.engine.session.synthetic import synthetic_events

STEPS = 120


def events(factor: float, seed: int) -> list[schema.AnyEvent]:
    """A synthetic run, all its times longer by a factor."""
    found: list[schema.AnyEvent] = []
    for batch in synthetic_events(STEPS, seed=seed, attention_rows=0):
        for event in batch:
            changes = {
                name: round(getattr(event, name) * factor)
                for name in getattr(event, "__struct_fields__", ())
                if name.endswith("_ns") and isinstance(getattr(event, name), int) and getattr(event, name) > 0
            }
            found.append(replace(event, **changes))
    return found  # fmt: skip


@pytest.fixture
def paths(tmp_path: Path) -> tuple[str, str]:
    """A run, and one of the same times by a half longer."""
    return (
        str(write(events(1.0, 1), tmp_path / "fast.dscope")),
        str(write(events(1.5, 2), tmp_path / "slow.dscope")),
    )


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    status = main(["compare", *arguments, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_the_gate_exits_with_3_on_a_regression_only(paths: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    fast, slow = paths
    for arguments, status in (
        ((fast, slow, "--gate", "5"), 3),
        ((slow, fast, "--gate", "5"), 0),
        ((fast, fast, "--gate", "0"), 0),
        ((fast, slow, "--gate", "60"), 0),
        ((fast, slow, "--gate", "5", "--figure", "step time p50"), 3),
        ((fast, slow), 0),
    ):
        assert main(["compare", *arguments]) == status, arguments
    said = capsys.readouterr()
    assert "worse by more than 5.00\u2009%" in said.err
    assert "not shown to be worse by more than" in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--gate", "-1"), "is not a number of percent"),
        (("--gate", "x"), "is not a number of percent"),
        (("--figure", "speed"), "speed"),
        (("--steps", "0:500"), "500"),
        (("--gate", "5", "--steps", "10:14"), "has no interval"),
        (("--gate", "5", "--figure", "step time p99"), "has no interval"),
        (("--gate", "5", "--figure", "positions new"), "neither better nor worse"),
    ],
)
def test_a_gate_that_cannot_say_is_wrong_input(
    paths: tuple[str, str], capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    try:
        status = main(["compare", *paths, *arguments])
    except SystemExit as ended:
        status = int(ended.code or 0)
    assert status == 2
    assert words in capsys.readouterr().err


def test_json_has_intervals_what_is_significant_and_what_explains(
    paths: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    status, found = told(capsys, *paths, "--gate", "5", "--steps", "20:99")
    assert status == 3
    assert found["steps"] == [20, 99]
    assert {"a", "b", "same_tokens", "settings", "figures", "requests"} <= found.keys()  # what scripts read before
    time = found["differences"]["time per token"]
    low, high = time["interval"]
    assert low < 0.5 < high
    assert time["significant"] is True
    assert time["p"] < 0.001
    assert found["false_alarm_rate"] == 0.05
    assert found["gate"] == {"figure": "tokens/s", "limit": 0.05, "regressed": True}
    parts = found["explained"]["parts_s"]
    assert sum(parts.values()) == pytest.approx(found["explained"]["difference_s"])
    assert found["explained"]["difference_s"] == pytest.approx(time["absolute"])


def test_a_session_and_itself(paths: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", paths[0], paths[0]]) == 0
    text = capsys.readouterr().out
    assert "No difference." in text
    assert "◆" not in text.split("Intervals:")[0]
    assert "The difference explained" not in text


def test_the_rule_is_printed(paths: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *paths]) == 0
    text = capsys.readouterr().out
    assert "Of pairs of equal recordings at most 5.00\u2009% have any ◆" in text
    assert "difference of the time per token" in text
    assert "B is 0.6" in text

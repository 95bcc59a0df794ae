"""What is printed as JSON can be read by whoever reads JSON."""

from __future__ import annotations

import json

import pytest

from app.cli.output import print_json


def test_what_is_not_finite_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON has no word for NaN; Python would write one."""
    print_json({"rows": [{"ratio": float("nan")}, (float("inf"), 1.5)], "rate": -float("inf")})

    def refuse(word: str) -> None:
        pytest.fail(f"{word} is no JSON")

    said = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert said == {"rows": [{"ratio": None}, [None, 1.5]], "rate": None}

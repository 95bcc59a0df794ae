"""A wrapped sentence never begins a line with a unit or a mark."""

from __future__ import annotations

from app.look.units import DERIVED, MEASURED, PREDICTED, seconds
from app.widgets.unbroken import unbroken


def test_a_number_its_unit_and_its_mark_stay_together() -> None:
    assert " " not in unbroken(f"{seconds(0.5)} {MEASURED}")
    assert unbroken(f"up to it {DERIVED}") == f"up to it\u00a0{DERIVED}"
    assert unbroken(f"so many {PREDICTED} of all") == f"so many\u00a0{PREDICTED} of all"

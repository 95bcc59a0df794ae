"""A step laid out in the order in which the model runs."""

from __future__ import annotations

import numpy as np
import pytest

from engine.figures.chronology import OUTSIDE, chronology
from engine.session.schema import PHASES


def table(layers: int, outside: dict[str, float], *inside: dict[str, float]) -> np.ndarray:
    made = np.zeros((layers + 1, len(PHASES)), np.float32)
    for row, times in zip((layers, *range(layers)), (outside, *inside), strict=False):
        for phase, us in times.items():
            made[row, PHASES.index(phase)] = us
    return made


def test_phases_stand_end_to_end_in_the_order_of_the_model() -> None:
    outside = {"lm_head": 5.0, "sample": 2.0, "embed": 1.0, "schedule": 3.0, "norm": 0.5, "other": 4.0}
    first = {"ffn": 6.0, "norm": 2.0, "attention": 4.0, "qkv": 3.0}
    found = chronology(table(2, outside, first, {"ffn": 7.0, "norm": 1.0}), 40.0)
    assert found is not None
    named = [(int(layer), PHASES[phase]) for layer, phase in zip(found.layer, found.phase, strict=True)]
    assert named == [
        (OUTSIDE, "schedule"), (OUTSIDE, "embed"), (0, "norm"), (0, "qkv"), (0, "attention"), (0, "ffn"), (1, "norm"),
        (1, "ffn"), (OUTSIDE, "norm"), (OUTSIDE, "lm_head"), (OUTSIDE, "sample"), (OUTSIDE, "other"),
    ]  # fmt: skip
    assert found.start_us.tolist() == pytest.approx([0, 3, 4, 6, 9, 13, 19, 20, 27, 27.5, 32.5, 34.5])
    assert found.us[-1] == pytest.approx(5.5), "what is left of the step's time, with what was recorded as other"
    assert found.span_us == pytest.approx(40.0)
    assert found.layers() == [(0, 4.0, 19.0), (1, 19.0, 27.0)]
    assert [found.at(us) for us in (-1.0, 0.0, 5.0, 39.0, 40.0)] == [None, 0, 2, 11, None]


def test_every_phase_has_a_place() -> None:
    outside = dict.fromkeys(PHASES, 1.0)
    found = chronology(table(1, outside, outside), 100.0)
    assert found is not None
    assert len(found.us) == 2 * len(PHASES) - 1  # `other` once, last
    assert found.span_us == pytest.approx(100.0)


def test_without_times_by_layer_there_is_no_order() -> None:
    assert chronology(table(2, {"ffn": 3.0}), 4.0) is None
    assert chronology(np.zeros((1, len(PHASES)), np.float32), 4.0) is None
    assert chronology(np.zeros((0, len(PHASES)), np.float32), 4.0) is None

"""NVTX ranges carry the phases' names, close in order, and leave the times of the timer inside as they are."""

from __future__ import annotations

import numpy as np
import pytest

from engine.core.settings import Observation, RequestSpec, RunSpec
from engine.core.timing import NoTimer
from engine.decode.engine import Engine
from engine.errors import InputError
from engine.measure.host_timer import HostTimer
from engine.measure.nvtx import NvtxTimer
from engine.model.loader import LoadedModel
from engine.session.schema import PHASES
from tests.engine.measure.phase_tables import table_of


class Ranges:
    """Writes down what is opened and closed."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.seen: list[str] = []

    def range_push(self, msg: str) -> None:
        self.open.append(msg)
        self.seen.append("/".join(self.open))

    def range_pop(self) -> None:
        self.open.pop()


def test_every_span_has_a_range_of_its_name() -> None:
    ranges = Ranges()
    timer = NvtxTimer(HostTimer(2, by_layer=True, span_ns=250.0), ranges)
    timer.begin()
    for layer in range(2):
        timer.layer(layer)
        with timer("norm"):
            pass
        with timer("ffn"):
            pass
    assert ranges.seen == ["norm", "ffn"] * 2
    assert not ranges.open
    times = table_of(timer.read_phases(1000.0))
    assert times.shape == (3, len(PHASES))
    assert times.sum() == pytest.approx(1000.0)
    assert (times[:2, PHASES.index("ffn")] > 0).all()
    assert timer.cost_ns == 4 * 250.0


def test_ranges_close_when_a_phase_fails() -> None:
    ranges = Ranges()
    timer = NvtxTimer(NoTimer(), ranges)
    with pytest.raises(ValueError, match="x"), timer("attention"):
        raise ValueError("x")
    assert not ranges.open
    assert np.array_equal(timer.spent_us(), np.empty((0, len(PHASES))))


def test_without_a_gpu_ranges_are_refused(tiny_model: LoadedModel) -> None:
    spec = RunSpec((RequestSpec("a"),), observation=Observation(nvtx=True))
    with pytest.raises(InputError, match="NVTX ranges need a CUDA device"):
        Engine(tiny_model, spec, {}, lambda events: None)

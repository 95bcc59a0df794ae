"""Device readings: sorted by reading, cut to a range, placed on the step axis; rates and joules by hand."""

from __future__ import annotations

import numpy as np
import pytest

from app.models.device_series import extremes, rates, steps_at
from engine.figures.device_series import DeviceSeries, in_range, joules_per_token
from engine.session import schema
from engine.session.store import Session
from tests.engine.figures.test_latency import small_session
from tests.engine.session.synthetic import synthetic_session


def sampled(name: str, values: list[tuple[int, float]], device: str = "cuda") -> Session:
    session = small_session()
    session.apply([schema.DeviceSample(1000 * t_us, device, name, value) for t_us, value in values])
    return session


def test_samples_are_sorted_into_series() -> None:
    session = sampled("power_watts", [(0, 10.0), (500, 30.0)])
    session.apply([schema.DeviceSample(600_000, "cpu", "process_cpu_percent", 70.0)])
    series = DeviceSeries(session)
    assert series.update()
    assert not series.update()
    assert series.devices == ["cuda", "cpu"]
    times, values = series.reading("cuda", "power_watts")
    assert times.tolist() == [0, 500_000]
    assert values.tolist() == [10.0, 30.0]
    assert len(series.reading("cuda", "temperature_celsius")[1]) == 0
    session.apply([schema.DeviceSample(900_000, "cuda", "power_watts", 50.0)])
    series.update()
    assert series.reading("cuda", "power_watts")[1].tolist() == [10.0, 30.0, 50.0]


def test_a_range_keeps_the_readings_taken_while_its_steps_ran() -> None:
    session = sampled("power_watts", [(t, float(t)) for t in range(0, 1100, 50)])
    series = DeviceSeries(session)
    series.update()
    _, values = in_range(series.reading("cuda", "power_watts"), session, (1, 1))  # 150 to 350 µs
    assert values.tolist() == [150.0, 200.0, 250.0, 300.0, 350.0]


def test_moments_stand_on_the_step_axis() -> None:
    session = small_session()  # steps at 0-100, 150-350, 500-1100 µs
    moments = np.array([-5, 0, 50, 100, 120, 150, 250, 400, 800, 5000], np.int64) * 1000
    expected = [0, 0, 0.5, 1, 1, 1, 1.5, 2, 2.5, 3]
    assert steps_at(session, moments).tolist() == pytest.approx(expected)


def test_rates_are_work_over_wall_time() -> None:
    session = small_session()  # 20 bytes and 10 FLOPs a step
    steps, values = rates(session, "bytes_moved", (0, 2), 100)
    assert steps.tolist() == [0, 1, 2]
    assert values.tolist() == pytest.approx([20 / 100e-6, 20 / 200e-6, 20 / 600e-6])
    steps, values = rates(session, "flops", (0, 2), 2)
    assert steps.tolist() == [0, 2]
    assert values.tolist() == pytest.approx([20 / 300e-6, 10 / 600e-6])


def test_pooled_rates_keep_the_total() -> None:
    session = synthetic_session(1000)
    steps, values = rates(session, "bytes_moved", (0, 999), 37)
    walls = session.steps["end_ns"] - session.steps["start_ns"]
    seconds = np.add.reduceat(walls, steps) / 1e9
    assert float((values * seconds).sum()) == pytest.approx(float(session.steps["bytes_moved"].sum()))


def test_joules_from_the_counter() -> None:
    session = sampled("energy_joules", [(90, 1000.0), (360, 1006.0), (1200, 1016.0)])
    series = DeviceSeries(session)
    series.update()
    assert joules_per_token(series) == pytest.approx(16 / 4)  # four tokens between the first and the last reading


def test_joules_from_power_where_there_is_no_counter() -> None:
    session = sampled("power_watts", [(90, 100.0), (360, 300.0)])
    series = DeviceSeries(session)
    series.update()
    assert joules_per_token(series) == pytest.approx(270e-6 * 200 / 2)


def test_no_power_no_joules() -> None:
    series = DeviceSeries(sampled("process_cpu_percent", [(0, 1.0), (500, 1.0)], "cpu"))
    series.update()
    assert joules_per_token(series) is None


@pytest.mark.parametrize(("count", "bins"), [(10, 8), (1000, 7), (1001, 64)])
def test_no_peak_and_no_dip_is_lost(count: int, bins: int) -> None:
    values = np.random.default_rng(count).random(count)
    indices = extremes(values, bins)
    assert (np.diff(indices) >= 0).all()
    assert values[indices].max() == values.max()
    assert values[indices].min() == values.min()
    assert len(indices) <= max(2 * bins, 1)

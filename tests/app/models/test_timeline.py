"""Where steps and tokens lie, and how dense they are."""

from __future__ import annotations

import numpy as np
import pytest

from app.models.timeline import BANDS, TimelineModel
from engine.session.store import Session
from tests.app.panels.sessions import MS, Recorder, busy_run, decode_run


def model_of(session: Session) -> TimelineModel:
    model = TimelineModel(session)
    model.update()
    return model


def test_bands_of_a_step_sum_to_its_wall_time_and_name_what_is_left() -> None:
    bands = dict(zip(BANDS, (model_of(busy_run().session).band_ns(0) / MS).tolist(), strict=True))
    assert bands == pytest.approx(
        {"prepare": 1, "attention": 3, "ffn": 2.5, "norm": 1, "sampling": 0.5, "draft": 1.5, "other": 0.5}
    )


def test_a_pixel_column_shows_the_share_of_its_time_and_gaps_stay_empty() -> None:
    model = model_of(busy_run().session)  # steps at 0–10, 30–40 and 41–51 ms
    columns = model.band_columns("time", np.array([0.0, 10, 20, 30, 35, 51]) * MS)
    assert columns.sum(axis=1) == pytest.approx([1, 0, 0, 1, 15 / 16])
    assert columns[0, BANDS.index("attention")] == pytest.approx(0.3)
    edges = np.array([0.0, 10, 30, 40]) * MS
    assert model.device_columns("time", edges) == pytest.approx([0.6, 0, 0.9])
    by_band = model.device_band_columns("time", edges)
    assert by_band.sum(axis=1) == pytest.approx([0.6, 0, 0.9])
    assert by_band[0, BANDS.index("attention")] == pytest.approx(0.6 * 3 / 8.5)
    assert by_band[:, [BANDS.index("prepare"), BANDS.index("other")]] == pytest.approx(0)  # the host's own
    assert model.device_band_ns(2).sum() == pytest.approx(2 * MS)


def test_no_step_is_lost_however_many_share_a_pixel() -> None:
    model = model_of(decode_run(1000, "contiguous").session)
    edges = np.linspace(0, 1000 * 10 * MS, 38)
    assert model.token_columns(0, "time", edges).sum() == 1000
    assert (model.band_columns("time", edges).sum(axis=1) * np.diff(edges)).sum() == pytest.approx(1000 * 10 * MS)
    assert model.token_columns(0, "steps", np.linspace(0, 1000, 11)).tolist() == [100] * 10


def test_the_step_axis_has_no_gaps() -> None:
    model = model_of(busy_run().session)
    columns = model.band_columns("steps", np.array([0.0, 1, 2, 3]))
    assert columns.sum(axis=1) == pytest.approx([1, 1, 1])
    assert model.convert(35 * MS, "time", "steps") == pytest.approx(1.5)
    assert model.convert(20 * MS, "time", "steps") == 1.0  # in a gap: where the next step begins
    assert model.convert(1.5, "steps", "time") == pytest.approx(35 * MS)


def test_steps_are_found_by_place_and_not_in_gaps() -> None:
    model = model_of(busy_run().session)
    assert [model.step_at("time", x * MS) for x in (5, 15, 35, 40.5, 50, 60)] == [0, None, 1, None, 2, None]
    assert model.visible("time", 5 * MS, 35 * MS) == (0, 2)
    assert model.visible("time", 12 * MS, 20 * MS) == (1, 1)
    assert model.visible("steps", 0.5, 2.5) == (0, 3)
    assert [model.idle_before(step) for step in range(3)] == [0, 20 * MS, 1 * MS]


def test_taking_in_step_by_step_gives_what_taking_in_at_once_gives() -> None:
    recorder = Recorder()
    recorder.request(0, ["a"])
    growing = model_of(recorder.session)
    for step in range(30):
        recorder.step(
            [(0, step, step, step + 1, 0, 0)], [(0, "x", "target")], device_ns=MS, phases={"ffn": 10.0 * step}
        )
        assert growing.update()
        assert not growing.update()
    whole = model_of(recorder.session)
    edges = np.linspace(0, 300 * MS, 41)
    assert growing.band_columns("time", edges) == pytest.approx(whole.band_columns("time", edges))
    assert growing.lanes[0].rows.tolist() == whole.lanes[0].rows.tolist() == list(range(30))
